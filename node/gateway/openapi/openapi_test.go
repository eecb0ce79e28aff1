package openapi

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/api/schemas"
	"github.com/aielon/edge/node/gateway/method"
)

var update = flag.Bool("update", false, "write testdata/openapi.json anew")

func options(t testing.TB) Options {
	t.Helper()
	m, err := method.New(schemas.All()...)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Methods: m, Schema: api.Schema, Title: "AiElon Edge", Version: "1.0.0", Cookie: "__Host-session"}
}

func TestDocumentIsTheOneWeKnow(t *testing.T) {
	got, err := Document(options(t))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("testdata/openapi.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/openapi.json")
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("the document is another than that in testdata/openapi.json; look at the difference, then run: go test ./node/gateway/openapi -update (%v)", err)
	}
	again, _ := Document(options(t))
	if !bytes.Equal(got, again) {
		t.Fatal("the same schemas gave other bytes")
	}
}

// Every route is there once, with an answer, an example that fits it, and every reference leads somewhere.
func TestDocumentIsWhole(t *testing.T) {
	o := options(t)
	b, err := Document(o)
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Paths      map[string]map[string]struct{ OperationID, Summary, Description string }
		Components map[string]map[string]any
	}
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, m := range o.Methods.All() {
		for _, r := range m.Routes {
			op := d.Paths[r.Path][strings.ToLower(r.Verb)]
			if op.OperationID == "" || op.Summary == "" || op.Description == "" || ids[op.OperationID] {
				t.Errorf("%s %s: %+v", r.Verb, r.Path, op)
			}
			ids[op.OperationID] = true
		}
	}
	used := map[string]bool{}
	for _, ref := range regexp.MustCompile(`"#/components/(\w+)/([^"]+)"`).FindAllSubmatch(b, -1) {
		used[string(ref[1])+"/"+string(ref[2])] = true
		if d.Components[string(ref[1])][string(ref[2])] == nil {
			t.Errorf("%s leads nowhere", ref[0])
		}
	}
	for kind, list := range d.Components {
		for name := range list {
			if !used[kind+"/"+name] && kind != "securitySchemes" {
				t.Errorf("nothing uses %s/%s", kind, name)
			}
		}
	}
}

// What may not be written down is not in an example, and is told to be a password.
func TestSecretsAreMarked(t *testing.T) {
	b, err := Document(options(t))
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct {
					Format    string
					WriteOnly bool
				}
				Required             []string
				AdditionalProperties any
			}
		}
	}
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	in, out := d.Components.Schemas["RegisterDeviceRequest"], d.Components.Schemas["IssuedDevice"]
	if p := in.Properties["password"]; p.Format != "password" || !p.WriteOnly || in.AdditionalProperties != false || strings.Join(in.Required, " ") != "id" {
		t.Errorf("%+v", in)
	}
	if p := out.Properties["token"]; p.Format != "password" || p.WriteOnly {
		t.Errorf("%+v", p)
	}
	if _, there := d.Components.Schemas["ChangeDeviceRequest"].Properties["id"]; there {
		t.Error("what the address holds is in the body too")
	}
}

func TestHandlers(t *testing.T) {
	list, err := Handlers(options(t))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for pattern, h := range list {
		mux.Handle(pattern, h)
	}
	get := func(path string, head ...string) *httptest.ResponseRecorder {
		r, w := httptest.NewRequest("GET", path, nil), httptest.NewRecorder()
		for i := 0; i+1 < len(head); i += 2 {
			r.Header.Set(head[i], head[i+1])
		}
		mux.ServeHTTP(w, r)
		return w
	}
	w := get("/openapi.json")
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" || !json.Valid(w.Body.Bytes()) {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	if w := get("/openapi.json", "If-None-Match", `"x", `+w.Header().Get("ETag")); w.Code != 304 || w.Body.Len() > 0 {
		t.Errorf("%d", w.Code)
	}
	if small := get("/openapi.json", "Accept-Encoding", "gzip"); small.Header().Get("Content-Encoding") != "gzip" || small.Body.Len() > w.Body.Len()/5 {
		t.Errorf("%d of %d bytes", small.Body.Len(), w.Body.Len())
	}
	page := get("/docs")
	if policy := page.Header().Get("Content-Security-Policy"); page.Code != 200 || !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("%d %q", page.Code, policy)
	}
	for _, want := range []string{"/v1/readings:watch", "/v1/devices/{id}/rotate", "curl -X POST", "Bearer $TOKEN", "lang=\"en\"", "width=device-width"} {
		if !strings.Contains(page.Body.String(), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, bad := range []string{"<script", "http://", "src=", "@import", "ZgotmplZ", "<no value>", "style=\""} {
		if strings.Contains(page.Body.String(), bad) {
			t.Errorf("the page holds %s", bad)
		}
	}
}

// TestPageEscapes renders a document whose every text is hostile: none of it becomes markup.
func TestPageEscapes(t *testing.T) {
	const bad = `"><script>alert('1')</script>&amp;`
	d := &document{}
	d.Info.Title, d.Info.Version, d.Info.Description = bad, bad, bad
	d.Tags = append(d.Tags, tag{Name: bad, Description: bad})
	d.Paths = map[string]map[string]*operation{bad: {bad: {OperationID: bad, Tags: []string{bad}, Summary: bad, Description: bad,
		Parameters: []parameter{{Name: bad, In: bad, Description: bad, Schema: &schema{Type: bad}, Example: bad}},
		Responses:  map[string]response{bad: {Description: bad}}}}}
	page := strings.ToLower(string(render(d)))
	if n := strings.Count(page, "&#34;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;"); strings.Contains(page, "<script") || strings.Contains(page, `"">`) || n < 15 {
		t.Errorf("%d texts are there\n%s", n, page)
	}
}
