package oidc

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/aielon/edge/node/edge"
)

// Paths of the endpoints.
const (
	authorizePath  = "/oauth/authorize"
	tokenPath      = "/oauth/token"
	introspectPath = "/oauth/introspect"
	revokePath     = "/oauth/revoke"
	userinfoPath   = "/oauth/userinfo"
	keysPath       = "/oauth/jwks"
	discoveryPath  = "/.well-known/openid-configuration"
	metadataPath   = "/.well-known/oauth-authorization-server"
	smartPath      = "/.well-known/smart-configuration"
)

// Handlers returns what is served, by pattern.
func (s *Service) Handlers() map[string]http.Handler {
	list := map[string]http.HandlerFunc{
		"GET " + discoveryPath: s.describe(s.metadata), "GET " + metadataPath: s.describe(s.metadata), "GET " + smartPath: s.describe(s.smart), "GET " + keysPath: s.serveKeys,
		"GET " + authorizePath: s.serveAuthorize, "POST " + authorizePath + "/{ask}": s.serveAnswer,
		"POST " + tokenPath: s.program(s.serveToken), "POST " + revokePath: s.program(s.serveRevoke), "POST " + introspectPath: s.program(s.serveIntrospect),
		"GET " + userinfoPath: s.serveUser, "POST " + userinfoPath: s.serveUser,
	}
	out := map[string]http.Handler{}
	for pattern, h := range list {
		out[pattern] = s.open(h)
	}
	return out
}

// open is what every request passes first.
func (s *Service) open(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.o.Refused != nil && s.o.Refused(w, r):
		case s.o.Issuer == "":
			sendFault(w, refuse(tryLater, "this node has no name that programs could know it by; give it one in door.hosts"))
		default:
			next(w, r)
		}
	})
}

// program serves an endpoint that clients ask and no browser.
func (s *Service) program(f func(context.Context, *http.Request, asking) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a := asking{}
		out, err := any(nil), error(nil)
		if a.form, err = readForm(w, r); err == nil {
			if a.client, err = s.prove(r.Context(), r, a.form); err == nil {
				out, err = f(r.Context(), r, a)
			}
		}
		if err != nil {
			told := s.failed(r.Context(), r.URL.Path, s.known(a.form["client_id"], a.client), err)
			if scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " "); told.code == invalidClient && scheme != "" { // RFC 6749 section 5.2
				w.Header().Set("WWW-Authenticate", challengeOf(scheme)+` realm="clients"`)
			}
			sendFault(w, told)
			return
		}
		send(w, http.StatusOK, out)
	}
}

// challengeOf answers in the scheme that was tried, without repeating what a stranger wrote.
func challengeOf(scheme string) string {
	if strings.EqualFold(scheme, "basic") {
		return "Basic"
	}
	return "Bearer"
}

// known is the id of a client that there is: what strangers write is not recorded.
func (s *Service) known(named string, c client) (id string) {
	if !c.ID.IsZero() {
		return c.ID.String()
	}
	s.o.View(func(v edge.View) error {
		if c, err := clientOf(v, named); err == nil {
			id = c.ID.String()
		}
		return nil
	})
	return id
}

// failed turns an error into what is told, and records the refusal.
func (s *Service) failed(ctx context.Context, endpoint, client string, err error) *fault {
	f := told(err)
	if f.cause != nil && f.code == serverError {
		s.o.Logger.ErrorContext(ctx, "OAuth failed", "endpoint", endpoint, "error", f.cause)
	}
	if nerr := s.o.Note(ctx, Note{What: "oauth.token_refused", Client: client, Refused: f.code}); nerr != nil {
		s.o.Logger.WarnContext(ctx, "a refusal of OAuth could not be recorded", "error", nerr)
	}
	return f
}

func sendFault(w http.ResponseWriter, f *fault) {
	if f.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "2")
	}
	send(w, f.status, map[string]string{"error": f.code, "error_description": f.text})
}

// send answers in JSON that nobody keeps.
func send(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if v != nil {
		json.NewEncoder(w).Encode(v)
	}
}

// sendPublic answers in JSON that may be kept for some minutes: less than a new key is shown before it signs.
func sendPublic(w http.ResponseWriter, v any) {
	w.Header().Set("Cache-Control", "public, max-age=300")
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func (s *Service) serveKeys(w http.ResponseWriter, r *http.Request) {
	list, err := s.keys(r.Context())
	if err != nil {
		sendFault(w, s.failed(r.Context(), keysPath, "", err))
		return
	}
	sendPublic(w, public(list))
}

func (s *Service) describe(what func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { sendPublic(w, what()) }
}
