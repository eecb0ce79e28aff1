package gateway

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
)

// A path may end in an action; what stands before the last colon is the field, whatever it holds.
func TestActions(t *testing.T) {
	b := newLedgerBench(t)
	for _, tc := range []struct {
		verb, path string
		status     int
		want       string
	}{
		{"POST", "/v1/sample/moves/m1:undo", 200, `"sample.undo m1"`},
		{"POST", "/v1/sample/moves/m1:keep", 200, `"sample.keep m1"`},
		{"POST", "/v1/sample/moves/m1", 200, `"sample.keep m1"`},
		{"POST", "/v1/sample/moves/m:1:undo", 200, `"sample.undo m:1"`},
		{"POST", "/v1/sample/moves/m:1", 200, `"sample.keep m:1"`},
		{"POST", "/v1/sample/moves/m1%3Aundo", 200, `"sample.undo m1"`},
		{"POST", "/v1/sample/moves/a%2Fb:undo", 200, `"sample.undo a/b"`},
		{"POST", "/v1/sample/moves/:undo", 400, "id is missing"},
		{"GET", "/v1/sample/moves/m1:undo", 405, "use POST"},
	} {
		if w := b.do(tc.verb, tc.path, "good", map[string]string{"POST": "{}"}[tc.verb]); w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) {
			t.Errorf("%s %s: %d %s", tc.verb, tc.path, w.Code, w.Body)
		}
	}
}

const ndjson = "application/x-ndjson"

func (b *ledgerBench) lines(path, body string, head ...string) *httptest.ResponseRecorder {
	return b.do("POST", path, "good", body, append([]string{"Content-Type", ndjson, "Idempotency-Key", "k"}, head...)...)
}

func moveLines(letters string) string {
	var s strings.Builder
	for _, c := range letters {
		s.WriteString(move(c) + "\n")
	}
	return s.String()
}

func TestLines(t *testing.T) {
	b := newLedgerBench(t)
	for _, letters := range []string{"abcdefgh", "ab", "xyz"} {
		w := b.do("POST", batchPath+"?note=!&feeFrom=z", "good", strings.TrimSuffix(moveLines(letters), "\n"), "Content-Type", ndjson)
		var got strings.Builder
		for line := range strings.Lines(w.Body.String()) {
			var one struct{ ID, State string }
			if err := json.Unmarshal([]byte(line), &one); err != nil || one.State != "DONE" {
				t.Fatalf("%v: %s", err, line)
			}
			got.WriteString(one.ID[:1])
		}
		if w.Code != 200 || w.Header().Get("Content-Type") != ndjson || got.String() != letters || w.Header().Get(call.Index) == "" {
			t.Errorf("%s: %d %v %s", letters, w.Code, w.Header(), w.Body)
		}
	}
	if got := fmt.Sprint(b.ledger.bodies()); got != "[abc! def! gh! ab! xyz!]" {
		t.Error(got)
	}
	if w := b.do("POST", "/v1/sample/moves", "good", move('a'), "Content-Type", ndjson); w.Code != 415 {
		t.Errorf("lines where there is no list: %d", w.Code)
	}
}

// A line of the answer is there as soon as its part is decided.
func TestLinesCome(t *testing.T) {
	b := newLedgerBench(t)
	read := make(chan struct{})
	b.ledger.hold = func(n int) {
		if n == 1 {
			<-read
		}
	}
	srv := serveBoth(t, b.h)
	r, _ := http.NewRequest("POST", srv.URL+batchPath, strings.NewReader(moveLines("abcd")))
	r.Header.Set("Content-Type", ndjson)
	r.Header.Set("Accept-Encoding", "gzip")
	r.Header.Set("Authorization", "Bearer good")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	from := bufio.NewReader(res.Body)
	for range 3 {
		if line, err := from.ReadString('\n'); err != nil || !strings.Contains(line, "DONE") {
			t.Fatal(line, err)
		}
	}
	close(read)
	if rest, err := io.ReadAll(from); err != nil || strings.Count(string(rest), "\n") != 1 {
		t.Fatalf("%s %v", rest, err)
	}
}

// Who asks and goes has no more parts done, and a retry goes on.
func TestLinesNobodyReads(t *testing.T) {
	b := newLedgerBench(t)
	r := httptest.NewRequest("POST", "http://localhost"+batchPath, strings.NewReader(moveLines("abcdefgh")))
	r.Header.Set("Content-Type", ndjson)
	r.Header.Set("Authorization", "Bearer good")
	r.Header.Set("Idempotency-Key", "k")
	b.h.ServeHTTP(deaf{httptest.NewRecorder()}, r)
	if got := fmt.Sprint(b.ledger.bodies()); got != "[abc]" {
		t.Fatal(got)
	}
	if w := b.lines(batchPath, moveLines("abcdefgh")); w.Code != 200 || strings.Count(w.Body.String(), "\n") != 8 || fmt.Sprint(b.ledger.bodies()) != "[abc def gh]" {
		t.Fatalf("%d %s %v", w.Code, w.Body, b.ledger.bodies())
	}
}

// deaf is a client that is gone.
type deaf struct{ *httptest.ResponseRecorder }

func (deaf) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// What is wrong with a line is told with its number, and nothing is done of the others.
func TestBadLines(t *testing.T) {
	b := newLedgerBench(t)
	good := moveLines("abcd")
	for name, tc := range map[string]struct {
		body   string
		status int
		want   string
	}{
		"no JSON":        {good + "x\n" + good, 400, "line 5 cannot be read"},
		"broken off":     {good + `{"from":"a"`, 400, "line 5 cannot be read"},
		"two on a line":  {good + move('a') + move('b'), 400, "line 5 cannot be read"},
		"no object":      {good + "[]\n", 400, "line 5 cannot be read"},
		"unknown":        {good + `{"from":"a","to":"b","amount":"1","x":1}`, 400, "line 5 cannot be read"},
		"limit":          {good + `{"from":"a","to":"b","amount":"-1"}`, 400, "line 5: amount does not have the form"},
		"missing":        {good + `{"from":"a","amount":"1"}`, 400, "line 5: to is missing"},
		"empty":          {good + "\n" + good, 400, "line 5 is empty"},
		"none":           {"", 400, "moves is missing"},
		"long":           {good + `{"from":"` + strings.Repeat("a", 64<<10) + `"}`, 400, "line 5 has more than 65536 bytes"},
		"endless":        {good + strings.Repeat("a", 1<<20), 400, "line 5 has more than 65536 bytes"},
		"too many":       {strings.Repeat(move('a')+"\n", 2001), 400, "line 2001 is one too many, 2000 is the most"},
		"too many bytes": {strings.Repeat(move('a')+strings.Repeat(" ", 50_000)+"\n", 100), 413, "longer than"},
		"deep":           {good + strings.Repeat(`{"from":`, 10_000), 400, "line 5"},
		"bytes":          {good + "{\"from\":\"\xff\"}", 400, "line 5 cannot be read"},
	} {
		if w := b.lines(batchPath, tc.body); w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if w := b.lines(batchPath+"?nothing=1", good); w.Code != 400 {
		t.Errorf("a stray question: %d", w.Code)
	}
	if w := b.lines(batchPath, good, "Content-Encoding", "gzip"); w.Code != 415 {
		t.Errorf("compressed: %d", w.Code)
	}
	if w := b.do("POST", batchPath, "guest", good, "Content-Type", ndjson); w.Code != 403 {
		t.Errorf("without the right: %d", w.Code)
	}
	if len(b.ledger.done) != 0 {
		t.Errorf("%d commands were done", len(b.ledger.done))
	}
}

// A part that fails is told in the last line, and the lines before stay.
func TestLinesFailInTheMiddle(t *testing.T) {
	b := newLedgerBench(t)
	b.ledger.fail = func(n int) (bool, error) {
		if n == 1 {
			return false, edge.E(edge.Refused, "the account is frozen").WithCode("account_frozen")
		}
		return false, nil
	}
	w := b.lines(batchPath, moveLines("abcdefgh"))
	list := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
	var last struct{ Error details }
	if err := json.Unmarshal([]byte(list[len(list)-1]), &last); err != nil {
		t.Fatal(err)
	}
	if w.Code != 200 || len(list) != 4 || last.Error.Code != "account_frozen" || last.Error.Status != 422 || !strings.Contains(last.Error.Detail, "items 4 to 6") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	b = newLedgerBench(t)
	b.ledger.fail = func(int) (bool, error) { return true, edge.E(edge.Unavailable, "nobody leads") }
	if w := b.lines(batchPath, moveLines("abcd")); w.Code != 503 || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Fatalf("the first fails: %d %s", w.Code, w.Body)
	}
}

// FuzzLines: whatever comes as lines, either each of them is an item that is done, in order, or nothing is done and the
// refusal is one of the caller's.
func FuzzLines(f *testing.F) {
	f.Add(moveLines("abcde"))
	f.Add(move('a') + "\r\n" + move('b'))
	f.Add("{}\n\n")
	f.Add(`{"from":"a","to":"b","amount":"1"}{"from":"a"}`)
	b := newLedgerBench(f)
	f.Fuzz(func(t *testing.T, body string) {
		b.ledger.t, b.ledger.done = t, nil
		w := b.do("POST", batchPath, "good", body, "Content-Type", ndjson)
		switch n := strings.Count(strings.TrimSuffix(body, "\n"), "\n") + 1; {
		case w.Code == 200 && strings.Count(w.Body.String(), "\n") == n && strings.Count(w.Body.String(), `"id"`) == n && len(b.ledger.done) == (n+2)/3:
		case w.Code == 400 && len(b.ledger.done) == 0, w.Code == 413 && len(b.ledger.done) == 0:
		default:
			t.Fatalf("%q: %d %s, %d commands", body, w.Code, w.Body, len(b.ledger.done))
		}
	})
}
