package portal

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/aielon/edge/node/edge"
)

// A file is one file of the app in the encodings it was built in. Text exists as brotli and gzip only.
type file struct {
	contentType  string
	cacheControl string
	etag         string // without quotes and encoding; a digest of the content
	raw, br, gz  []byte
}

// maxInflated bounds what is inflated for a client that takes no compression.
const maxInflated = 8 << 20

func readFiles(dist fs.FS) (map[string]*file, error) {
	files := map[string]*file{}
	err := fs.WalkDir(dist, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(dist, name)
		if err != nil {
			return err
		}
		base := strings.TrimSuffix(strings.TrimSuffix(name, ".br"), ".gz")
		f := files[base]
		if f == nil {
			f = &file{contentType: contentType(base), cacheControl: cacheControl(base)}
			files[base] = f
		}
		f.keep(name, b)
		return nil
	})
	if err != nil {
		return nil, edge.E(edge.Internal, "the embedded portal cannot be read: %w", err)
	}
	return files, nil
}

// keep adds one encoding. The first to come, in the order of names, gives the tag: any one does, as long as every
// start of every node takes the same.
func (f *file) keep(name string, b []byte) {
	if f.etag == "" {
		sum := sha256.Sum256(b)
		f.etag = hex.EncodeToString(sum[:12])
	}
	switch path.Ext(name) {
	case ".br":
		f.br = b
	case ".gz":
		f.gz = b
	default:
		f.raw = b
	}
}

// cacheControl lets a browser keep for ever what is named by its content, and asks again for the rest.
func cacheControl(name string) string {
	if strings.HasPrefix(name, "assets/") {
		return "public, max-age=31536000, immutable"
	}
	return "no-cache"
}

// contentType does not rely on the tables of the machine the node runs on.
func contentType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".html", ".css", ".js":
		return map[string]string{".html": "text/html", ".css": "text/css", ".js": "text/javascript"}[ext] + "; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".webmanifest":
		return "application/manifest+json"
	case ".json":
		return "application/json"
	default:
		if t := mime.TypeByExtension(ext); t != "" {
			return t
		}
		return "application/octet-stream"
	}
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	body, encoding := f.pick(r.Header.Get("Accept-Encoding"))
	etag := `"` + f.etag + encoding + `"`
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", f.cacheControl)
	h.Set("ETag", etag)
	if f.raw == nil {
		h.Set("Vary", "Accept-Encoding")
	}
	if matches(r.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if encoding == "" && f.raw == nil {
		b, err := inflate(f.gz)
		if err != nil {
			refuse(w, http.StatusInternalServerError, err)
			return
		}
		body = b
	}
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		io.Copy(w, bytes.NewReader(body)) // a client that went away is no news
	}
}

// pick chooses the smallest encoding the client takes. Body is nil where the text must be inflated first.
func (f *file) pick(accept string) (body []byte, encoding string) {
	switch {
	case f.raw != nil:
		return f.raw, ""
	case f.br != nil && accepts(accept, "br"):
		return f.br, "br"
	case f.gz != nil && accepts(accept, "gzip"):
		return f.gz, "gzip"
	}
	return nil, ""
}

// accepts reads an Accept-Encoding header (RFC 9110 section 12.5.3) for one coding.
func accepts(header, coding string) bool {
	any := false
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		name = strings.ToLower(strings.TrimSpace(name))
		if name != coding && name != "*" {
			continue
		}
		_, q, found := strings.Cut(strings.ReplaceAll(strings.ToLower(params), " ", ""), "q=")
		weight, err := strconv.ParseFloat(q, 64)
		takes := !found || err == nil && weight > 0
		if name == coding {
			return takes
		}
		any = takes
	}
	return any
}

func matches(header, etag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		if part = strings.TrimSpace(part); part == "*" || strings.TrimPrefix(part, "W/") == etag {
			return true
		}
	}
	return false
}

func inflate(gz []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(gz))
	if err != nil {
		return nil, edge.E(edge.Internal, "a file of the portal cannot be inflated: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(z, maxInflated))
	if err != nil {
		return nil, edge.E(edge.Internal, "a file of the portal cannot be inflated: %w", err)
	}
	return b, nil
}

// refuse answers with RFC 9457's problem details, which is never kept by a browser.
func refuse(w http.ResponseWriter, status int, e error) {
	p := struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Hint   string `json:"hint,omitempty"`
	}{Title: edge.KindOf(e).String(), Status: status, Detail: "something went wrong inside the node"}
	if err, ok := e.(*edge.Error); ok {
		p.Detail, p.Hint = err.Msg, err.Hint
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Del("ETag")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(p)
}
