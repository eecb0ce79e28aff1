package portal

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/aielon/edge/node/edge"
)

func zipped(t *testing.T, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func small(t *testing.T) http.Handler {
	t.Helper()
	h, err := load(fstest.MapFS{
		"index.html.br":           {Data: []byte("BR-INDEX")},
		"index.html.gz":           {Data: zipped(t, "<!doctype html>")},
		"sw.js.br":                {Data: []byte("BR-SW")},
		"sw.js.gz":                {Data: zipped(t, "self")},
		"assets/index-abc1.js.br": {Data: []byte("BR-APP")},
		"assets/index-abc1.js.gz": {Data: zipped(t, "app()")},
		"icon-192.png":            {Data: []byte("PNG")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ask(h http.Handler, method, path string, header map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://localhost/", nil)
	r.URL.Path = path
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestServes(t *testing.T) {
	h := small(t)
	const forever, again = "public, max-age=31536000, immutable", "no-cache"
	for _, tc := range []struct {
		path, accept         string
		status               int
		body, coding, caches string
	}{
		{"/", "gzip, deflate, br, zstd", 200, "BR-INDEX", "br", again},
		{"/index.html", "br", 200, "BR-INDEX", "br", again},
		{"/", "", 200, "<!doctype html>", "", again},
		{"/", "br;q=0", 200, "<!doctype html>", "", again},
		{"/", "br;q=0, *", 200, "", "gzip", again},
		{"/", "identity, GZIP;q=0.5", 200, "", "gzip", again},
		{"/devices/fridge.1", "br", 200, "BR-INDEX", "br", again},
		{"/display", "br", 200, "BR-INDEX", "br", again},
		{"/v1x", "br", 200, "BR-INDEX", "br", again},
		{"/sw.js", "br", 200, "BR-SW", "br", again},
		{"/assets/index-abc1.js", "br", 200, "BR-APP", "br", forever},
		{"/assets/index-abc1.js", "deflate", 200, "app()", "", forever},
		{"/assets/index-old.js", "br", 404, "nothing at this address", "", "no-store"},
		{"/icon-192.png", "br, gzip", 200, "PNG", "", again},
		{"/v1/nothing", "br", 404, "nothing at this address", "", "no-store"},
		{"/v1", "br", 404, "nothing at this address", "", "no-store"},
		{"/ca.crt", "", 404, "nothing at this address", "", "no-store"},
		{"/graphql", "", 404, "nothing at this address", "", "no-store"},
		{"/aielon.node.v1.Node/Nothing", "", 404, "nothing at this address", "", "no-store"},
		{"/assets/../v1/x", "", 404, "nothing at this address", "", "no-store"},
		{"/../../etc/passwd", "br", 200, "BR-INDEX", "br", again},
		{"/\x00", "br", 200, "BR-INDEX", "br", again},
	} {
		w := ask(h, "GET", tc.path, map[string]string{"Accept-Encoding": tc.accept})
		if w.Code != tc.status || tc.body != "" && !strings.Contains(w.Body.String(), tc.body) ||
			w.Header().Get("Content-Encoding") != tc.coding || w.Header().Get("Cache-Control") != tc.caches {
			t.Errorf("%q %q: got %d %q %v", tc.path, tc.accept, w.Code, w.Body, w.Header())
		}
		if got := w.Header().Get("Content-Security-Policy"); got != policy {
			t.Errorf("%q: policy %q", tc.path, got)
		}
	}
}

func TestAsksAgainByTag(t *testing.T) {
	h := small(t)
	br := ask(h, "GET", "/", map[string]string{"Accept-Encoding": "br"}).Header().Get("ETag")
	gz := ask(h, "GET", "/", map[string]string{"Accept-Encoding": "gzip"}).Header().Get("ETag")
	if br == "" || br == gz {
		t.Fatalf("two encodings share a tag: %s %s", br, gz)
	}
	for header, status := range map[string]int{br: 304, "W/" + br: 304, `"x", ` + br: 304, "*": 304, gz: 200, `"x"`: 200, "": 200} {
		w := ask(h, "GET", "/", map[string]string{"Accept-Encoding": "br", "If-None-Match": header})
		if w.Code != status || status == 304 && w.Body.Len() != 0 {
			t.Errorf("If-None-Match %s: got %d with %d bytes, want %d", header, w.Code, w.Body.Len(), status)
		}
	}
}

func TestRefusesToChange(t *testing.T) {
	h := small(t)
	for _, m := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
		w := ask(h, m, "/devices", nil)
		var p struct{ Status int }
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 405 || p.Status != 405 || w.Header().Get("Allow") == "" {
			t.Errorf("%s: got %d %s", m, w.Code, w.Body)
		}
	}
	if w := ask(h, "HEAD", "/", map[string]string{"Accept-Encoding": "br"}); w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Length") != "8" {
		t.Errorf("HEAD: got %d, %d bytes, %v", w.Code, w.Body.Len(), w.Header())
	}
}

func TestADamagedPortalIsNotServed(t *testing.T) {
	if _, err := load(fstest.MapFS{"sw.js.br": {Data: []byte("x")}}); !edge.IsKind(err, edge.Internal) {
		t.Errorf("without an index: %v", err)
	}
	h, err := load(fstest.MapFS{"index.html.gz": {Data: []byte("no gzip")}})
	if err != nil {
		t.Fatal(err)
	}
	if w := ask(h, "GET", "/", nil); w.Code != 500 || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("a file that cannot be inflated: %d %v", w.Code, w.Header())
	}
}

// TestTheEmbeddedPortalIsWhole follows what index.html and the worker name: a build that was committed in part
// would be a white page at a clinic.
func TestTheEmbeddedPortalIsWhole(t *testing.T) {
	h, err := Handler()
	if err != nil {
		t.Fatal(err)
	}
	files := h.(*handler).files
	for name, f := range files {
		if f.raw == nil && (f.br == nil || f.gz == nil) {
			t.Errorf("%s lacks an encoding", name)
		}
	}
	index := ask(h, "GET", "/", nil).Body.String()
	worker := ask(h, "GET", "/sw.js", nil).Body.String()
	for _, want := range []string{`src="/boot.js"`, `href="/manifest.webmanifest"`, `type="module"`} {
		if !strings.Contains(index, want) {
			t.Errorf("index.html lacks %s", want)
		}
	}
	for name := range files {
		if name != "sw.js" && name != "index.html" && !strings.Contains(worker, `"/`+name+`"`) {
			t.Errorf("the worker does not keep %s", name)
		}
	}
	for part := range strings.SplitSeq(worker, `"`) {
		if strings.HasPrefix(part, "/assets/") && files[part[1:]] == nil {
			t.Errorf("the worker names %s, which was not built", part)
		}
	}
}

func FuzzAccepts(f *testing.F) {
	for _, s := range []string{"", "br", "br;q=0", "*;q=0.1, gzip", "gzip;q=x", ";;,,=", "br ; Q = 1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if accepts(header, "br") && !strings.Contains(strings.ToLower(header), "br") && !strings.Contains(header, "*") {
			t.Errorf("%q does not name br", header)
		}
	})
}
