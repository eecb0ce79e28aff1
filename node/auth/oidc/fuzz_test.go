package oidc

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Whatever a request for authorization says, browsers are sent to the sign-in page, to an address its client registered,
// or nowhere.
func FuzzAuthorize(f *testing.F) {
	w := newWorld(f, 1)
	b := w.nodes[0]
	app := w.publicApp("devices.read")
	for _, raw := range []string{"", authorizeQuery(app, "devices.read").Encode(), "client_id=" + app + "&redirect_uri=https://evil.example", "a=b;c", "%zz", "client_id=%00", strings.Repeat("a=b&", 100)} {
		f.Add(raw, "")
		f.Add(raw, w.id("badr"))
	}
	f.Fuzz(func(t *testing.T, raw, person string) {
		r := httptest.NewRequest(http.MethodGet, authorizePath, nil)
		r.URL.RawQuery = raw
		if plainID(person) {
			r.AddCookie(&http.Cookie{Name: "session", Value: person})
		}
		rec := httptest.NewRecorder()
		b.serveAuthorize(rec, r)
		to := rec.Header().Get("Location")
		if to != "" && !strings.HasPrefix(to, callback+"?") && !strings.HasPrefix(to, "/sign-in?next=%2Foauth%2Fauthorize%3F") || strings.ContainsAny(to, "\r\n") {
			t.Fatalf("sent to %s", to)
		}
		if rec.Code == http.StatusInternalServerError {
			t.Fatal(rec.Body)
		}
	})
}

// Whatever a request to an endpoint of programs says, the answer is one of the protocol, and no stranger gets a token.
func FuzzToken(f *testing.F) {
	w := newWorld(f, 1)
	b := w.nodes[0]
	app := w.publicApp("devices.read")
	for _, raw := range []string{"", redeemForm(app, forged(codeKind)).Encode(), refreshForm(app, forged(refreshKind)).Encode(), assertionForm("eyJhbGciOiJub25lIn0.e30.", "x").Encode(), "grant_type=authorization_code&grant_type=x", "%", "a;b"} {
		f.Add(raw, "")
		f.Add(raw, "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6Im5vbmUifQ.e30.")
	}
	endpoints := []http.HandlerFunc{b.program(b.serveToken), b.program(b.serveRevoke), b.program(b.serveIntrospect)}
	f.Fuzz(func(t *testing.T, raw, proof string) {
		for i, h := range endpoints {
			r := httptest.NewRequest(http.MethodPost, tokenPath, strings.NewReader(raw))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header["Dpop"] = []string{proof}
			rec := httptest.NewRecorder()
			h(rec, r)
			if i == 0 && rec.Code < 400 || rec.Code >= 500 || strings.Contains(rec.Body.String(), "access_token") {
				t.Fatalf("%d %s", rec.Code, rec.Body)
			}
		}
	})
}
