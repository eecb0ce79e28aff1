package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/gateway/call"
)

// doorBench is the bench behind the real server, on a port of its own.
type doorBench struct {
	*bench
	addr string
	mu   sync.Mutex
	log  strings.Builder
}

func (d *doorBench) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.Write(b)
}

func newDoor(t *testing.T) *doorBench {
	t.Helper()
	d := &doorBench{bench: newBench(t)}
	d.h.(*Entrance).patience = time.Second
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewServer(ServerOptions{TCP: l, Handler: d.h, Logger: slog.New(slog.NewTextHandler(d, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	d.addr = l.Addr().String()
	t.Cleanup(func() {
		cancel()
		<-done
		if strings.Contains(d.log.String(), "panic") {
			t.Errorf("something panicked: %s", d.log.String())
		}
	})
	return d
}

func (d *doorBench) dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// raw sends bytes as they are and reads one answer.
func (d *doorBench) raw(t testing.TB, request string) (*http.Response, string) {
	t.Helper()
	c := d.dial(t)
	go io.WriteString(c, request) // the server may answer before it has read all
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return nil, err.Error()
	}
	b, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res, string(b)
}

// commands is how many commands went through.
func (d *doorBench) commands() uint64 {
	d.site.mu.Lock()
	defer d.site.mu.Unlock()
	return d.site.index
}

// well checks that somebody else is served as ever.
func (d *doorBench) well(t testing.TB) {
	t.Helper()
	if res, body := d.raw(t, "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer good\r\nConnection: close\r\n\r\n"); res == nil || res.StatusCode != 200 {
		t.Errorf("somebody else is not served any more: %v %s", res, body)
	}
}

const put = "PUT /v1/settings/hours HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer good\r\nContent-Type: application/json\r\n"

func get(path string, head ...string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer good\r\n" + strings.Join(append(head, ""), "\r\n") + "\r\n"
}

func with(body string) string {
	return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", put, len(body), body)
}

// A badRequest is one of the row HTTP/REST of the list of bad inputs, as HTTP/1.1 has it on the wire.
type badRequest struct {
	name, request string
	status        []int // one of them is answered
}

func badHTTP() []badRequest {
	return []badRequest{
		{"two lengths", put + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x", []int{400}},
		{"a negative length", put + "Content-Length: -1\r\n\r\n", []int{400}},
		{"a length that is none", put + "Content-Length: +2\r\n\r\n{}", []int{400}},
		{"a space before the colon", put + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", []int{400}},
		{"an encoding nobody knows", put + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", []int{400, 501}},
		{"a chunk that is none", put + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", []int{400}},
		{"a chunk that says it is endless", put + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}", []int{400}},
		{"ten thousand headers", get("/v1/status", strings.Repeat("X-A: b\r\n", 10_000)+"X-Z: z"), []int{431}},
		{"a header of 64 KiB", get("/v1/status", "X-A: "+strings.Repeat("a", 64<<10)), []int{431}},
		{"a header with a NUL", get("/v1/status", "X-A: a\x00b"), []int{400}},
		{"a folded header", get("/v1/status", "X-A: a\r\n b"), []int{400, 200}},
		{"no host", "GET /v1/status HTTP/1.1\r\n\r\n", []int{400}},
		{"no host, of old", "GET /v1/status HTTP/1.0\r\nAuthorization: Bearer good\r\n\r\n", []int{421}},
		{"two hosts", "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", []int{400}},
		{"another host", "GET /v1/status HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer good\r\n\r\n", []int{421}},
		{"another host in the address", "GET http://evil.example/v1/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer good\r\n\r\n", []int{421}},
		{"another host as forwarded", "GET /v1/status HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: localhost\r\nForwarded: host=localhost\r\n\r\n", []int{421}},
		{"a host with a name of ours in it", "GET /v1/status HTTP/1.1\r\nHost: localhost.evil.example\r\nAuthorization: Bearer good\r\n\r\n", []int{421}},
		{"two slashes", get("//v1//status"), []int{400, 404}},
		{"up", get("/v1/../v1/status"), []int{400, 404}},
		{"up, encoded", get("/v1/%2e%2e/v1/status"), []int{400, 404}},
		{"up, encoded twice", get("/v1/settings/%252e%252e"), []int{400, 404}},
		{"up with a backslash", get(`/v1/settings/..\..\x`), []int{400, 404}},
		{"up behind an encoded slash", get("/v1/settings/..%2f..%2fstatus"), []int{400, 404}},
		{"a NUL", get("/v1/settings/a%00b"), []int{400, 404}},
		{"a line break", get("/v1/settings/a%0d%0ab"), []int{400, 404}},
		{"UTF-8 that is too long", get("/v1/settings/%c0%af"), []int{400, 404}},
		{"half a percent", get("/v1/settings/%2"), []int{400}},
		{"a fragment", get("/v1/status#x"), []int{200, 400, 404}},
		{"an address of 9 KiB", get("/v1/settings/" + strings.Repeat("a", 9<<10)), []int{414, 431}},
		{"a page of another site", put + "Origin: https://evil.example\r\nContent-Length: 2\r\n\r\n{}", []int{403}},
		{"a page without an origin", put + "Origin: null\r\nContent-Length: 2\r\n\r\n{}", []int{403}},
		{"a page of another site, as the browser says", put + "Sec-Fetch-Site: cross-site\r\nContent-Length: 2\r\n\r\n{}", []int{403}},
		{"another verb in a header", "POST /v1/settings/hours HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer good\r\nX-HTTP-Method-Override: PUT\r\nX-Method-Override: PUT\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"value\":\"x\"}", []int{405}},
		{"another verb in the address", get("/v1/settings/hours?_method=PUT"), []int{400}},
		{"TRACE", strings.Replace(get("/v1/status"), "GET", "TRACE", 1), []int{405, 400}},
		{"CONNECT", "CONNECT localhost:22 HTTP/1.1\r\nHost: localhost:22\r\n\r\n", []int{400, 404, 405, 421}},
		{"a verb nobody knows", strings.Replace(get("/v1/status"), "GET", "PROPFIND", 1), []int{405}},
		{"a verb in small letters", strings.Replace(get("/v1/status"), "GET", "get", 1), []int{405}},
		{"a verb with an escape in it", strings.Replace(get("/v1/status"), "GET", "G\x1b[T", 1), []int{400}},
		{"depth", with(strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)), []int{400}},
		{"depth where it is skipped", with(`{"x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`), []int{400}},
		{"a name twice", with(`{"value":"a","value":"b"}`), []int{400}},
		{"a name twice in two forms", with(`{"ifVersion":"1","if_version":"2"}`), []int{400}},
		{"1e400", with(`{"ifVersion":1e400}`), []int{400}},
		{"NaN", with(`{"ifVersion":NaN}`), []int{400}},
		{"NaN as text", with(`{"ifVersion":"NaN"}`), []int{400}},
		{"a negative number", with(`{"ifVersion":-1}`), []int{400}},
		{"a fraction", with(`{"ifVersion":1.5}`), []int{400}},
		{"2^64", with(`{"ifVersion":"18446744073709551616"}`), []int{400}},
		{"digits of another script", with(`{"ifVersion":"١٢"}`), []int{400}},
		{"text turned around", with("{\"value\":\"a\u202eb\"}"), []int{400}},
		{"a zero-width space", with("{\"value\":\"a\u200bb\"}"), []int{400}},
		{"half a surrogate", with(`{"value":"\ud800"}`), []int{400}},
		{"a second value", with(`{} {}`), []int{400}},
		{"a comment", with(`{/**/}`), []int{400}},
		{"a byte order mark", with("\xef\xbb\xbf{}"), []int{400}},
		{"an array", with(`[]`), []int{400}},
		{"null", with(`null`), []int{400}},
		{"an owner", with(`{"value":"x","owner":"eve"}`), []int{400}},
		{"a role", with(`{"value":"x","role":"owner"}`), []int{400}},
		{"who did it", with(`{"value":"x","by":"eve"}`), []int{400}},
		{"an id of another", with(`{"value":"x","key":"other"}`), []int{400}},
		{"fields of messages in the address", get("/v1/settings?settings.key=x"), []int{400}},
		{"a page of 10^9", get("/v1/settings?page_size=1000000000"), []int{400}},
		{"a page of 2^63", get("/v1/settings?page_size=9223372036854775808"), []int{400}},
		{"a page of -1", get("/v1/settings?page_size=-1"), []int{400}},
		{"a page size twice", get("/v1/settings?page_size=1&page_size=1"), []int{400}},
		{"a page size in two forms", get("/v1/settings?page_size=1&pageSize=2"), []int{400}},
		{"a long page token", get("/v1/settings?page_token=" + strings.Repeat("a", 4000)), []int{400}},
		{"nothing at the root", get("/wp-admin.php"), []int{404}},
		{"a token in the address", "GET /v1/status?access_token=good HTTP/1.1\r\nHost: localhost\r\n\r\n", []int{400}},
		{"a token in the address, encoded", "GET /v1/status?access%5Ftoken=good HTTP/1.1\r\nHost: localhost\r\n\r\n", []int{400}},
		{"a password in the address", get("/v1/status?PassWord=x"), []int{400}},
		{"no token", "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer\r\n\r\n", []int{401}},
		{"another scheme", "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic Z29vZDpnb29k\r\n\r\n", []int{401}},
		{"an unsigned token", "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbWluYSJ9.\r\n\r\n", []int{401}},
		{"two tokens", "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer bad\r\nAuthorization: Bearer good\r\n\r\n", []int{400, 401}},
		{"two tokens, the good one first", "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer good\r\nAuthorization: Bearer bad\r\n\r\n", []int{400, 401}},
		{"a cookie of another name", "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nCookie: Session=good; __Host-session=good\r\n\r\n", []int{401}},
		{"form data", put + "Content-Length: 2\r\nContent-Type: text/plain\r\n\r\n{}", []int{400, 415, 200}},
		{"a body where there is none", strings.TrimSuffix(get("/v1/status"), "\r\n") + "Content-Length: 2\r\n\r\n{}", []int{400}},
		{"a compressed body", put + "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", []int{400, 415}},
		{"an expectation nobody meets", put + "Expect: 200-ok\r\nContent-Length: 2\r\n\r\n{}", []int{417}},
		{"ten gigabytes", put + "Expect: 100-continue\r\nContent-Length: 10737418240\r\n\r\n", []int{413}},
		{"a line break in a condition", get("/v1/settings/hours", "If-None-Match: \"a\rb\""), []int{400}},
		{"a long idempotency key", strings.TrimSuffix(with(`{"value":"x"}`), `{"value":"x"}`)[:len(put)] + "Idempotency-Key: " + strings.Repeat("k", 200) + "\r\nContent-Length: 13\r\n\r\n{\"value\":\"x\"}", []int{400}},
		{"consistency nobody knows", get("/v1/settings/hours", call.Consistency+": strict"), []int{400}},
		{"an index that is none", get("/v1/settings/hours", call.ReadAfter+": 1e3"), []int{400}},
	}
}

// check makes sure that a refusal tells nothing of the inside.
func (tc badRequest) check(t *testing.T, status int, body string) {
	t.Helper()
	if !slices.Contains(tc.status, status) {
		t.Fatalf("%d %.300s\nwant one of %v", status, body, tc.status)
	}
	for _, inside := range []string{".go:", "goroutine", "github.com", "\x1b", "10.0."} {
		if strings.Contains(body, inside) {
			t.Errorf("the refusal tells of the inside: %s", body)
		}
	}
}

// TestBadHTTP sends them on the wire: what is answered is one of the statuses, as problem details once a door has it,
// nothing is changed, and others are served as ever.
func TestBadHTTP(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	for _, tc := range badHTTP() {
		t.Run(tc.name, func(t *testing.T) {
			before := d.commands()
			res, body := d.raw(t, tc.request)
			if res == nil {
				t.Fatalf("no answer: %s", body)
			}
			tc.check(t, res.StatusCode, body)
			if res.StatusCode >= 400 && d.commands() != before {
				t.Error("it was refused and done")
			}
			if kind := res.Header.Get("Content-Type"); res.Header.Get(call.RequestID) != "" && res.StatusCode >= 400 && kind != "application/problem+json" {
				t.Errorf("a refusal came as %q", kind)
			}
			if h := res.Header; h.Get("Access-Control-Allow-Origin") != "" || res.Header.Get(call.RequestID) != "" && h.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%v", h)
			}
		})
	}
	d.well(t)
}

// A length beside chunks must not make two servers see two requests: it is answered once and the connection ends.
func TestLengthAndChunks(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	c := d.dial(t)
	io.WriteString(c, put+"Content-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"+get("/v1/status"))
	in := bufio.NewReader(c)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, res.Body)
	if res.StatusCode == 400 {
		return
	}
	if next, err := http.ReadResponse(in, nil); err == nil {
		t.Errorf("a second request was seen and answered %d", next.StatusCode)
	}
}

// Bodies that never end, and heads that come a byte at a time, cost one connection for a bounded time.
func TestEndlessHTTP(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	t.Run("chunks for ever", func(t *testing.T) {
		t.Parallel()
		c := d.dial(t)
		io.WriteString(c, put+"Transfer-Encoding: chunked\r\n\r\n")
		chunk := "1000\r\n" + strings.Repeat("a", 4096) + "\r\n"
		go func() {
			for sent := 0; sent < 64<<20; sent += 4096 {
				if _, err := io.WriteString(c, chunk); err != nil {
					return
				}
			}
		}()
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || res.StatusCode != 413 {
			t.Fatalf("%v %v", res, err)
		}
	})
	t.Run("a byte at a time", func(t *testing.T) {
		t.Parallel()
		began := time.Now()
		if err := drip(d.dial(t), "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nX-Slow: "); err == nil || time.Since(began) > 3*headTime {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
	t.Run("nothing", func(t *testing.T) {
		t.Parallel()
		began := time.Now()
		c := d.dial(t)
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) > 3*headTime {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
	for name, request := range map[string]string{
		"a body that never comes":                  put + "Content-Length: 10\r\n\r\n",
		"a body that never comes, of nobody":       "PUT /v1/settings/hours HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n",
		"a body behind a refusal at the entrance":  "PUT /v1/settings/hours HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 10\r\n\r\n",
		"a body that nobody asked for":             "PUT /wp-admin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n",
		"a body that is to be asked for, nobody's": "PUT /v1/settings/hours HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, began := d.dial(t), time.Now()
			c.SetDeadline(began.Add(10 * time.Second))
			io.WriteString(c, request)
			if _, err := io.Copy(io.Discard, c); err != nil {
				t.Errorf("after %v: %v", time.Since(began), err)
			}
		})
	}
	t.Run("meanwhile", func(t *testing.T) {
		t.Parallel()
		for range 10 {
			d.well(t)
		}
	})
}

// drip sends head and then a byte now and then, until the other side has enough.
func drip(c net.Conn, head string) error {
	if _, err := io.WriteString(c, head); err != nil {
		return err
	}
	for range 100 {
		time.Sleep(200 * time.Millisecond)
		if _, err := c.Write([]byte("a")); err != nil {
			return err
		}
	}
	return nil
}

// Text that a browser would run comes back as what it is: JSON that is sniffed by nobody.
func TestScriptsComeBackAsText(t *testing.T) {
	d := newDoor(t)
	res, body := d.raw(t, with(`{"value":"<script>alert(1)</script>"}`))
	if res == nil || res.StatusCode != 200 || res.Header.Get("Content-Type") != "application/json" || res.Header.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.Contains(res.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Fatalf("%v %s", res, body)
	}
}
