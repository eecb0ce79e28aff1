package openapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzhttp"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/method"
)

// Options say what is described.
type Options struct {
	Methods *method.Table
	Schema  []byte // api.Schema: the descriptors with their comments
	Title   string // "AiElon Edge"
	Version string // of the program
	Cookie  string // the name of the cookie that holds a session
}

// Document returns the OpenAPI document: the same bytes for the same schemas.
func Document(o Options) ([]byte, error) {
	d, err := build(o)
	if err != nil {
		return nil, err
	}
	return encode(d)
}

func encode(d *document) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		return nil, edge.E(edge.Internal, "the description of the doors cannot be encoded: %w", err)
	}
	return b.Bytes(), nil
}

// Handlers returns the document at /openapi.json and the page at /docs, by their patterns. Both are open to
// everybody: they say what a node can do, and nothing of what it knows.
func Handlers(o Options) (map[string]http.Handler, error) {
	d, err := build(o)
	if err != nil {
		return nil, err
	}
	doc, err := encode(d)
	if err != nil {
		return nil, err
	}
	return map[string]http.Handler{
		"GET /openapi.json": file(doc, "application/json", ""),
		"GET /docs":         file(render(d), "text/html; charset=utf-8", pagePolicy()),
	}, nil
}

// file serves bytes that stay the same for as long as the program runs.
func file(b []byte, kind, policy string) http.Handler {
	sum := sha256.Sum256(b)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	return gzhttp.GzipHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", tag)
		if policy != "" {
			h.Set("Content-Security-Policy", policy)
		}
		if strings.Contains(r.Header.Get("If-None-Match"), tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Write(b)
	}))
}
