package portal

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/aielon/edge/node/edge"
)

//go:embed all:dist
var built embed.FS

// policy lets the app load nothing from elsewhere and be framed by nobody. Styles are allowed inline because
// the charts and dialogs position themselves so; ws and wss because not every browser counts them as 'self'.
const policy = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// Handler serves the app. It belongs on "/", behind everything else: a path that is no file of the app is
// one of its pages and answered with index.html, save below the prefixes of the programs' doors, where an
// unknown path is a 404 with problem details. It fails with Internal if the embedded app is damaged.
func Handler() (http.Handler, error) {
	dist, err := fs.Sub(built, "dist")
	if err != nil {
		return nil, edge.E(edge.Internal, "the embedded portal cannot be opened: %w", err)
	}
	return load(dist)
}

func load(dist fs.FS) (http.Handler, error) {
	files, err := readFiles(dist)
	if err != nil {
		return nil, err
	}
	if files["index.html"] == nil {
		return nil, edge.E(edge.Internal, "the embedded portal has no index.html").WithHint("run make portal and build the node again")
	}
	return &handler{files: files}, nil
}

type handler struct{ files map[string]*file }

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header())
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, edge.E(edge.Invalid, "there is nothing here to change").WithHint("programs find the methods at /openapi.json"))
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	f := h.files[name]
	switch {
	case f != nil:
	case forPrograms(name):
		refuse(w, http.StatusNotFound, edge.E(edge.NotFound, "there is nothing at this address").WithHint("the list of methods is at /openapi.json"))
		return
	default:
		f = h.files["index.html"]
	}
	f.serve(w, r)
}

// forPrograms says whether a path is never a page of the app: a door of programs, or a file of the app that a
// newer or older build has. A script answered with HTML would break a page in a way nobody can read.
func forPrograms(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	switch first {
	case "v1", "graphql", "fhir", "ws", "rpc", "metrics", "healthz", "readyz", "openapi.json", "ca.crt", "problems", "debug", "oauth", ".well-known", "assets":
		return true
	}
	return strings.HasPrefix(first, "aielon.") || strings.HasPrefix(first, "grpc.")
}

func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	// The camera reads the QR code of a join code.
	h.Set("Permissions-Policy", "camera=(self), microphone=(), geolocation=(), payment=(), usb=()")
}
