package gateway

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/problem"
)

//go:embed web
var web embed.FS

// DoorOptions says where the door is and what it shows.
type DoorOptions struct {
	Listener net.Listener
	Hosts    []string // names it answers to, besides IP addresses and localhost
	Source   Source
	Logger   *slog.Logger
}

// Door serves the page, its JSON and the metrics.
type Door struct {
	o    DoorOptions
	page *template.Template
	srv  *http.Server
}

// NewDoor returns a Door that serves once Run is called. It fails with Invalid on missing options.
func NewDoor(o DoorOptions) (*Door, error) {
	if o.Listener == nil || o.Source == nil || o.Logger == nil {
		return nil, edge.E(edge.Invalid, "the door needs a listener, a source and a logger")
	}
	page, err := template.ParseFS(web, "web/page.html")
	if err != nil {
		return nil, edge.E(edge.Internal, "the page is damaged: %w", err)
	}
	d := &Door{o: o, page: page}
	d.srv = &http.Server{
		Handler:           d.guard(d.routes()),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 60 * time.Second,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
	}
	return d, nil
}

// Name is "door".
func (d *Door) Name() string { return "door" }

// Run serves until ctx ends, then lets requests that are under way finish for up to 5 seconds.
func (d *Door) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		d.srv.Shutdown(end)
	})
	defer stop()
	if err := d.srv.Serve(limitConns(d.o.Listener, 256)); !errors.Is(err, http.ErrServerClosed) {
		return edge.E(edge.Internal, "the door does not serve any more: %w", err)
	}
	return nil
}

func (d *Door) routes() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /{$}", d.servePage)
	m.HandleFunc("GET /page.css", asset("web/page.css", "text/css; charset=utf-8"))
	m.HandleFunc("GET /page.js", asset("web/page.js", "text/javascript; charset=utf-8"))
	m.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) { reply(w, d.o.Source.Status(r.Context())) })
	m.HandleFunc("GET /v1/ledger", func(w http.ResponseWriter, r *http.Request) { reply(w, d.o.Source.Status(r.Context()).Ledger) })
	m.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("alive\n")) })
	m.HandleFunc("GET /readyz", d.serveReady)
	m.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		d.o.Source.WriteMetrics(r.Context(), w)
	})
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, edge.E(edge.Invalid, "this door is read-only"))
			return
		}
		refuse(w, http.StatusNotFound, edge.E(edge.NotFound, "there is no such page"))
	})
	return m
}

// guard answers only to names that are ours, so that a page of another site cannot be pointed at this
// door by DNS rebinding, and sets the headers that keep a browser from doing more than it must.
func (d *Door) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		if !d.ours(r.Host) {
			refuse(w, http.StatusMisdirectedRequest, edge.E(edge.Denied, "this node does not answer to that name").WithHint("open it by its address, or add the name to door.hosts"))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
		next.ServeHTTP(w, r)
	})
}

func (d *Door) ours(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return true
	}
	return host == "localhost" || slices.Contains(d.o.Hosts, strings.ToLower(host))
}

func (d *Door) servePage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := d.page.Execute(w, pageData(d.o.Source.Status(r.Context()), r.URL.Query().Get("lang"))); err != nil {
		d.o.Logger.Debug("the page was not sent whole", "error", err)
	}
}

func (d *Door) serveReady(w http.ResponseWriter, r *http.Request) {
	if err := d.o.Source.Ready(r.Context()); err != nil {
		problem.Write(w, err, "")
		return
	}
	w.Write([]byte("ready\n"))
}

func asset(name, contentType string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b, err := web.ReadFile(name)
		if err != nil {
			refuse(w, http.StatusNotFound, edge.E(edge.NotFound, "there is no such page"))
			return
		}
		w.Header().Set("Content-Type", contentType)
		w.Write(b)
	}
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, err *edge.Error) {
	problem.Write(w, problem.WithStatus(status, err), "")
}
