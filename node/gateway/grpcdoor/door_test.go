package grpcdoor

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestTimeouts(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]time.Duration{
		"1n": 1, "2u": 2 * time.Microsecond, "3m": 3 * time.Millisecond, "4S": 4 * time.Second, "5M": 5 * time.Minute, "6H": 6 * time.Hour,
		"0n": 0, "00000001S": 1 * time.Second, "99999999S": 99999999 * time.Second, "99999999H": forever,
	} {
		if got, err := parseTimeout(v); err != nil || got != want {
			t.Errorf("%s: %v %v, want %v", v, got, err, want)
		}
	}
	for _, v := range []string{"", "1", "S", "1x", "-1S", "+1S", "1 S", "1.5S", "100000000S", "999999999999999999999999S", "1s", "0x1S"} {
		if got, err := parseTimeout(v); err == nil {
			t.Errorf("%q was taken for %v", v, got)
		}
	}
}

func TestTakes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		proto  int
		method string
		kind   []string
		want   bool
	}{
		{2, "POST", []string{"application/grpc"}, true},
		{2, "POST", []string{"application/grpc+proto"}, true},
		{2, "POST", []string{"application/grpc+json"}, true},
		{1, "POST", []string{"application/grpc"}, false},
		{3, "POST", []string{"application/grpc"}, false},
		{2, "GET", []string{"application/grpc"}, false},
		{2, "POST", []string{"application/grpc-web"}, false},
		{2, "POST", []string{"application/grpc+xml"}, false},
		{2, "POST", []string{"application/grpc; charset=utf-8"}, false},
		{2, "POST", []string{"application/grpc", "application/json"}, false},
		{2, "POST", nil, false},
	} {
		r := httptest.NewRequest(tc.method, "/", nil)
		r.ProtoMajor = tc.proto
		r.Header = http.Header{"Content-Type": tc.kind}
		if got := Takes(r); got != tc.want {
			t.Errorf("%v: %v", tc, got)
		}
	}
}

// FuzzEscaped: whatever a message holds stands in a field as plain text, and can be read again.
func FuzzEscaped(f *testing.F) {
	f.Add("plain")
	f.Add("100 %, ä, \r\n, \x00")
	f.Fuzz(func(t *testing.T, s string) {
		e := escaped(s)
		if strings.ContainsFunc(e, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("%q", e)
		}
		var out []byte
		for i := 0; i < len(e); i++ {
			if e[i] != '%' {
				out = append(out, e[i])
				continue
			}
			out = append(out, byte(strings.IndexByte(hexDigits, e[i+1])<<4|strings.IndexByte(hexDigits, e[i+2])))
			i += 2
		}
		if string(out) != s {
			t.Fatalf("%q became %q", s, out)
		}
	})
}
