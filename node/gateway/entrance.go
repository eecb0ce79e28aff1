package gateway

import (
	"cmp"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/problem"
	"github.com/aielon/edge/node/telemetry"
)

// maxURL bounds a request's address, in bytes.
const maxURL = 8 << 10

// An Entrance is what every HTTP request passes before a door sees it: names that are not ours, other sites'
// pages, secrets in addresses are turned away, and what the request says of its sender is gathered.
type Entrance struct {
	Hosts []string // names this node answers to, besides addresses and localhost
	Local bool     // requests come over the node's own socket, by its own user or root
	Next  http.Handler

	patience time.Duration // instead of bodyTime, in tests
}

// ServeHTTP implements http.Handler.
func (e *Entrance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body *steadyBody
	if r.Body != nil && r.Body != http.NoBody {
		body = newSteadyBody(w, r, cmp.Or(e.patience, bodyTime))
		defer body.leave()
	}
	req := e.request(r)
	guardHeaders(w.Header(), r)
	w.Header()[call.RequestID] = []string{req.ID}
	if r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 {
		// It may have had a length too, by which whoever passed it on saw another request behind it (RFC 9112
		// section 6.3): nothing more is read from that connection.
		w.Header().Set("Connection", "close")
	}
	if err := e.refused(r); err != nil {
		problem.Write(w, err, req.ID)
		return
	}
	r = r.WithContext(call.With(telemetry.Incoming(r.Context(), r.Header), req)) // a copy: the server looks at the body of its own when all is done
	if body != nil {
		r.Body = body
	}
	e.Next.ServeHTTP(w, r)
}

// guardHeaders keep a browser from doing more with an answer than it must.
func guardHeaders(h http.Header, r *http.Request) {
	h["Content-Security-Policy"] = nothingElse
	h["X-Content-Type-Options"] = noSniff
	h["Cross-Origin-Resource-Policy"] = sameOrigin
	h["Cache-Control"] = noStore
	if r.TLS != nil {
		h["Strict-Transport-Security"] = oneYear
	}
}

// guardPages are for what a browser may show as a page. An answer in JSON links to nothing and runs nothing.
func guardPages(h http.Header) {
	h["Referrer-Policy"] = noReferrer
	h["Cross-Origin-Opener-Policy"] = sameOrigin
	h["Permissions-Policy"] = cameraOnly
}

// Values of the fields above. Nobody changes them: who adds to one of them copies it.
var (
	nothingElse = []string{"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"}
	noSniff     = []string{"nosniff"}
	noReferrer  = []string{"no-referrer"}
	sameOrigin  = []string{"same-origin"}
	cameraOnly  = []string{"camera=(self), geolocation=(), microphone=()"}
	noStore     = []string{"no-store"}
	oneYear     = []string{"max-age=31536000"}

	crossOrigin = http.NewCrossOriginProtection()
)

func (e *Entrance) refused(r *http.Request) error {
	switch {
	case !e.Local && !e.ours(r.Host):
		return problem.WithStatus(http.StatusMisdirectedRequest, edge.E(edge.Denied, "this node does not answer to that name").
			WithHint("open it by its address, or add the name to door.hosts"))
	case len(r.RequestURI) > maxURL:
		return problem.WithStatus(http.StatusRequestURITooLong, edge.E(edge.Invalid, "the address is longer than %d bytes", maxURL))
	case r.Method == http.MethodConnect:
		return problem.WithStatus(http.StatusMethodNotAllowed, edge.E(edge.Invalid, "this node is no proxy"))
	case !plainPath(r.URL.Path):
		return edge.E(edge.Invalid, "the address holds //, a dot for a folder, or something that is no text").WithHint("write it out as it is")
	case len(r.Header.Values("Authorization")) > 1:
		return edge.E(edge.Invalid, "the Authorization header is there twice")
	case secretInURL(r):
		return edge.E(edge.Invalid, "a secret must not stand in an address, where logs and histories keep it").WithHint("send it in the Authorization header")
	case crossOrigin.Check(r) != nil:
		return edge.E(edge.Denied, "a page of another site may not do that here")
	}
	return nil
}

// plainPath reports whether a path means the same to everybody who reads it.
func plainPath(p string) bool {
	clean := p
	if !strings.HasPrefix(p, "/") {
		clean = "/" + p
	}
	clean = path.Clean(clean)
	return (p == clean || p == clean+"/" || p == "*" || p == "") && utf8.ValidString(p) && !strings.ContainsFunc(p, unicode.IsControl)
}

func secretInURL(r *http.Request) bool {
	if r.URL.RawQuery == "" {
		return false
	}
	for part := range strings.SplitSeq(r.URL.RawQuery, "&") {
		name, _, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		if slices.Contains([]string{"access_token", "token", "session", "password", "api_key", "apikey", "authorization"}, strings.ToLower(name)) {
			return true
		}
	}
	return false
}

func (e *Entrance) ours(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return true
	}
	return host == "localhost" || slices.Contains(e.Hosts, strings.ToLower(host))
}

// request gathers what r says of its sender. Forwarded headers do not count: anybody can write them.
func (e *Entrance) request(r *http.Request) call.Request {
	req := call.Request{ID: call.Name(r.Header.Get(call.RequestID)), Door: "http", Secure: r.TLS != nil || e.Local}
	req.Peer = peerOf(r)
	req.Secure = req.Secure || req.Peer.IsLoopback()
	req.Credentials = auth.Credentials{Peer: req.Peer, Local: e.Local}
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && (strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "dpop")) {
		req.Credentials.Bearer = strings.TrimSpace(token)
		if strings.EqualFold(scheme, "dpop") {
			req.Credentials.Proof = proofOf(r)
		}
	}
	req.TLS, req.Cookies, req.Agent = r.TLS != nil, !e.Local, clip(r.UserAgent(), 200)
	session, device := CookieLocal, deviceLocal
	if req.TLS {
		session, device = CookieSecure, deviceSecure
	}
	if len(r.Header["Cookie"]) > 0 {
		if c, err := r.Cookie(session); err == nil {
			req.Credentials.Cookie = c.Value
		}
		if c, err := r.Cookie(device); err == nil {
			req.Device = c.Value
		}
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		req.Credentials.Certificate = r.TLS.PeerCertificates[0]
	}
	return req
}

// peerOf is the address of the socket a request came over; the zero Addr where it has none.
func peerOf(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// proofOf gathers what shows that the sender holds the key its token is bound to (RFC 9449 section 7.1).
func proofOf(r *http.Request) *auth.Proof {
	p := &auth.Proof{Method: r.Method, URL: "http://" + r.Host + r.URL.EscapedPath()}
	if r.TLS != nil {
		p.URL = "https://" + r.Host + r.URL.EscapedPath()
	}
	if given := r.Header.Values("Dpop"); len(given) == 1 { // two would leave open which counts
		p.JWT = given[0]
	}
	return p
}

// clip shortens what a stranger wrote, and takes out what is no plain text.
func clip(s string, n int) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s[:min(len(s), n)])
}
