package oidc

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/api/oauthv1"
	"github.com/aielon/edge/node/auth/identity"
	"github.com/aielon/edge/node/edge"
)

// A person without a session signs in at the portal, is asked, says yes, and the app acts for them.
func TestLaunch(t *testing.T) {
	w := newWorld(t, 1)
	b := w.nodes[0]
	app := w.publicApp("openid", "fhirUser", "offline_access", "launch/patient", "patient/*.rs", "devices.read")
	q := authorizeQuery(app, "openid fhirUser offline_access launch/patient patient/Observation.rs?category=vital-signs devices.read")
	q.Set("aud", b.door.URL+"/fhir")

	c := w.browser(b, "")
	sent := get(t, c, b.door.URL+authorizePath+"?"+q.Encode())
	next := sent.landed().Get("next")
	if !strings.HasPrefix(sent.Header.Get("Location"), "/sign-in?next=") || !strings.HasPrefix(next, "/oauth/authorize?") {
		t.Fatalf("not sent to sign in: %s", sent.Header.Get("Location"))
	}
	at, _ := url.Parse(b.door.URL)
	c.Jar.SetCookies(at, []*http.Cookie{{Name: "session", Value: w.id("badr")}})
	page := get(t, c, b.door.URL+next, "Accept-Language", "ar-EG,en;q=0.5")
	for _, want := range []string{`lang="ar" dir="rtl"`, "Wound photos", "badr", "category=vital-signs", "devices.read"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page does not show %q:\n%s", want, page.body)
		}
	}
	if csp := page.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https://app.example;") || strings.Contains(csp, "unsafe") || strings.Contains(page.body, "<script") {
		t.Errorf("the page may do too much: %s", csp)
	}
	m := sealForm.FindStringSubmatch(page.body)
	done := post(t, c, b.door.URL+m[1], url.Values{"seal": {m[2]}, "answer": {"allow"}})
	got := done.landed()
	if !strings.HasPrefix(done.Header.Get("Location"), callback+"?") || got.Get("state") != "st-1" || got.Get("iss") != b.door.URL {
		t.Fatalf("landed at %s", done.Header.Get("Location"))
	}
	answer := b.token(redeemForm(app, got.Get("code")))
	fields := answer.json()
	if answer.StatusCode != 200 || fields["patient"] != "p-1" || fields["encounter"] != "e-9" || !strings.Contains(answer.text("scope"), "patient/Observation.rs?category=vital-signs") || fields["expires_in"] != 300.0 {
		t.Fatalf("token: %d %s", answer.StatusCode, answer.body)
	}
	if answer.Header.Get("Cache-Control") == "" || answer.text("id_token") == "" {
		t.Error("the answer may be cached, or has no id token")
	}
	who, err := b.who(answer.text("access_token"))
	if err != nil || who.ID != w.id("badr") || strings.Join(who.Scopes, " ") != "patient/Observation.rs?category=vital-signs devices.read" || who.Roles[0] != "operator" {
		t.Fatalf("caller: %+v, %v", who, err)
	}
	info := get(t, http.DefaultClient, b.door.URL+userinfoPath, "Authorization", "Bearer "+answer.text("access_token"))
	if info.text("sub") != w.id("badr") || info.text("fhirUser") != b.door.URL+"/fhir/Practitioner/7" {
		t.Errorf("userinfo: %s", info.body)
	}
	w.mustNot(got.Get("code"), answer.text("access_token"), answer.text("refresh_token"), verifier)
}

// What the browser sends back counts only from the person who was asked, on the page that was shown, once.
func TestConsent(t *testing.T) {
	w := newWorld(t, 1)
	b := w.nodes[0]
	app := w.publicApp("devices.read")
	q := authorizeQuery(app, "devices.read")
	for _, c := range []struct {
		name, want string // told to the client; empty: nobody is sent anywhere
		answer     func(c *http.Client, action, seal string) answerTo
	}{
		{"no", "access_denied", func(c *http.Client, action, seal string) answerTo {
			return post(t, c, b.door.URL+action, url.Values{"seal": {seal}, "answer": {"deny"}})
		}},
		{"no answer", "access_denied", func(c *http.Client, action, seal string) answerTo {
			return post(t, c, b.door.URL+action, url.Values{"seal": {seal}})
		}},
		{"no seal", "", func(c *http.Client, action, seal string) answerTo {
			return post(t, c, b.door.URL+action, url.Values{"answer": {"allow"}})
		}},
		{"wrong seal", "", func(c *http.Client, action, seal string) answerTo {
			return post(t, c, b.door.URL+action, url.Values{"seal": {seal[1:] + "x"}, "answer": {"allow"}})
		}},
		{"somebody else", "", func(c *http.Client, action, seal string) answerTo {
			return post(t, w.browser(b, w.id("amina")), b.door.URL+action, url.Values{"seal": {seal}, "answer": {"allow"}})
		}},
		{"another sign-in", "", func(c *http.Client, action, seal string) answerTo {
			return post(t, w.signedInAs(b, w.id("badr"), edge.NewID().String()), b.door.URL+action, url.Values{"seal": {seal}, "answer": {"allow"}})
		}},
		{"nobody", "", func(c *http.Client, action, seal string) answerTo {
			return post(t, w.browser(b, ""), b.door.URL+action, url.Values{"seal": {seal}, "answer": {"allow"}})
		}},
		{"twice", "", func(c *http.Client, action, seal string) answerTo {
			post(t, c, b.door.URL+action, url.Values{"seal": {seal}, "answer": {"allow"}})
			return post(t, c, b.door.URL+action, url.Values{"seal": {seal}, "answer": {"allow"}})
		}},
		{"late", "", func(c *http.Client, action, seal string) answerTo {
			w.pass(askFor + time.Second)
			return post(t, c, b.door.URL+action, url.Values{"seal": {seal}, "answer": {"allow"}})
		}},
	} {
		browser := w.browser(b, w.id("badr"))
		_, action, seal := b.page(browser, q)
		got := c.answer(browser, action, seal)
		if got.landed().Get("error") != c.want || got.landed().Get("code") != "" || c.want == "" && (got.Header.Get("Location") != "" || got.StatusCode != http.StatusForbidden) {
			t.Errorf("%s: %d %s", c.name, got.StatusCode, got.Header.Get("Location"))
		}
	}
}

// Requests that a client may not make go back to it, and to nobody where it is not known who it is.
func TestWrongRequests(t *testing.T) {
	w := newWorld(t, 1)
	b := w.nodes[0]
	app := w.publicApp("devices.read", "patient/Observation.rs")
	for _, c := range []struct {
		name string
		edit func(url.Values)
		want string // told to the client; empty: told to the person, at this node
	}{
		{"unknown client", func(q url.Values) { q.Set("client_id", "nobody") }, ""},
		{"other redirect", func(q url.Values) { q.Set("redirect_uri", "https://app.example/cb/") }, ""},
		{"redirect with a query", func(q url.Values) { q.Set("redirect_uri", callback+"?x=1") }, ""},
		{"redirect below", func(q url.Values) { q.Set("redirect_uri", "https://app.example.evil.example/cb") }, ""},
		{"no redirect", func(q url.Values) { q.Del("redirect_uri") }, ""},
		{"no PKCE", func(q url.Values) { q.Del("code_challenge"); q.Del("code_challenge_method") }, "invalid_request"},
		{"plain PKCE", func(q url.Values) { q.Set("code_challenge_method", "plain") }, "invalid_request"},
		{"redirect with a dot", func(q url.Values) { q.Set("redirect_uri", "https://app.example/x/../cb") }, ""},
		{"redirect of another case", func(q url.Values) { q.Set("redirect_uri", "https://APP.example/cb") }, ""},
		{"redirect with somebody", func(q url.Values) { q.Set("redirect_uri", "https://app.example@evil.example/cb") }, ""},
		{"redirect with a fragment", func(q url.Values) { q.Set("redirect_uri", callback+"#x") }, ""},
		{"redirect to a script", func(q url.Values) { q.Set("redirect_uri", "javascript:alert(1)") }, ""},
		{"two redirects", func(q url.Values) { q.Add("redirect_uri", "https://evil.example/") }, ""},
		{"two clients", func(q url.Values) { q.Add("client_id", "x") }, ""},
		{"too long", func(q url.Values) { q.Set("x", strings.Repeat("x", maxQuery)) }, ""},
		{"two scopes", func(q url.Values) { q.Add("scope", "devices.manage") }, "invalid_request"},
		{"two states", func(q url.Values) { q.Add("state", "st-2") }, "invalid_request"},
		{"a short challenge", func(q url.Values) { q.Set("code_challenge", "short") }, "invalid_request"},
		{"a challenge without its method", func(q url.Values) { q.Del("code_challenge_method") }, "invalid_request"},
		{"a long state", func(q url.Values) { q.Set("state", strings.Repeat("s", maxText+1)) }, "invalid_request"},
		{"a state of two lines", func(q url.Values) { q.Set("state", "a\r\nLocation: b") }, "invalid_request"},
		{"a long nonce", func(q url.Values) { q.Set("nonce", strings.Repeat("s", maxText+1)) }, "invalid_request"},
		{"no response type", func(q url.Values) { q.Del("response_type") }, "invalid_request"},
		{"token in the address", func(q url.Values) { q.Set("response_type", "token") }, "unsupported_response_type"},
		{"hybrid", func(q url.Values) { q.Set("response_type", "code id_token") }, "unsupported_response_type"},
		{"fragment", func(q url.Values) { q.Set("response_mode", "fragment") }, "invalid_request"},
		{"request object", func(q url.Values) { q.Set("request", "eyJhbGciOiJub25lIn0.e30.") }, "request_not_supported"},
		{"request address", func(q url.Values) { q.Set("request_uri", "http://169.254.169.254/") }, "request_uri_not_supported"},
		{"registration", func(q url.Values) { q.Set("registration", "{}") }, "registration_not_supported"},
		{"prompts", func(q url.Values) { q.Set("prompt", "none login") }, "invalid_request"},
		{"prompts the other way", func(q url.Values) { q.Set("prompt", "login none") }, "invalid_request"},
		{"unknown prompt", func(q url.Values) { q.Set("prompt", "create") }, "invalid_request"},
		{"prompt none", func(q url.Values) { q.Set("prompt", "none") }, "consent_required"},
		{"max_age", func(q url.Values) { q.Set("max_age", "-1") }, "invalid_request"},
		{"max_age without end", func(q url.Values) { q.Set("max_age", "99999999999999999999") }, "invalid_request"},
		{"a key", func(q url.Values) { q.Set("dpop_jkt", "x") }, "invalid_request"},
		{"resource", func(q url.Values) { q.Set("resource", "https://other.example") }, "invalid_target"},
		{"unknown scope", func(q url.Values) { q.Set("scope", "devices.read everything") }, "invalid_scope"},
		{"another permission", func(q url.Values) { q.Set("scope", "devices.manage") }, "invalid_scope"},
		{"a wider resource", func(q url.Values) { q.Set("scope", "patient/*.rs") }, "invalid_scope"},
		{"more than reading", func(q url.Values) { q.Set("scope", "patient/Observation.cruds") }, "invalid_scope"},
		{"another level", func(q url.Values) { q.Set("scope", "user/Observation.rs") }, "invalid_scope"},
		{"no scope", func(q url.Values) { q.Del("scope") }, "invalid_scope"},
		{"another server's", func(q url.Values) { q.Set("aud", "https://other.example/fhir") }, "invalid_request"},
	} {
		q := authorizeQuery(app, "devices.read")
		c.edit(q)
		got, _, seal := b.page(w.browser(b, w.id("badr")), q)
		if seal != "" {
			t.Errorf("%s: the person is asked", c.name)
		}
		if c.want == "" && (got.Header.Get("Location") != "" || got.StatusCode < 400 || !strings.Contains(got.body, "<main>")) || c.want != "" && (got.landed().Get("error") != c.want || got.landed().Get("iss") != b.door.URL || !strings.HasPrefix(got.Header.Get("Location"), callback+"?")) {
			t.Errorf("%s: %d %s", c.name, got.StatusCode, got.Header.Get("Location"))
		}
	}
}

// A code works once, for its client, with its verifier and its address; whoever comes second ends what the first got.
func TestCodes(t *testing.T) {
	w := newWorld(t, 2)
	b, other := w.nodes[0], w.nodes[1]
	app, stranger := w.publicApp("devices.read", "offline_access"), w.publicApp("devices.read")
	q := authorizeQuery(app, "devices.read offline_access")
	for name, edit := range map[string]func(url.Values){
		"wrong verifier": func(f url.Values) { f.Set("code_verifier", strings.Repeat("x", 50)) },
		"no verifier":    func(f url.Values) { f.Del("code_verifier") },
		"other address":  func(f url.Values) { f.Set("redirect_uri", callback+"2") },
		"other client":   func(f url.Values) { f.Set("client_id", stranger) },
		"short verifier": func(f url.Values) { f.Set("code_verifier", "short") },
		"resource":       func(f url.Values) { f.Set("resource", "https://other.example") },
	} {
		form := redeemForm(app, b.allow(w.id("badr"), q))
		edit(form)
		if got := b.token(form); got.StatusCode < 400 || got.text("access_token") != "" {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.body)
		}
	}
	weak := authorizeQuery(app, "devices.read")
	weak.Set("code_challenge", digest("short"))
	short := redeemForm(app, b.allow(w.id("badr"), weak))
	short.Set("code_verifier", "short")
	if got := b.token(short); got.text("error") != "invalid_grant" {
		t.Errorf("a verifier that can be guessed: %s", got.body)
	}
	tried := b.allow(w.id("badr"), q) // by somebody who has no verifier: the code is known to others
	wrong := redeemForm(app, tried)
	wrong.Set("code_verifier", strings.Repeat("x", 50))
	b.token(wrong)
	if got := b.token(redeemForm(app, tried)); got.text("error") != "invalid_grant" {
		t.Errorf("a code that was tried by somebody: %s", got.body)
	}
	code := b.allow(w.id("badr"), q)
	first := b.token(redeemForm(app, code))
	if _, err := other.who(first.text("access_token")); err != nil {
		t.Fatalf("%v %s", err, first.body)
	}
	if again := b.token(redeemForm(app, code)); again.text("error") != "invalid_grant" {
		t.Errorf("again: %s", again.body)
	}
	if _, err := other.who(first.text("access_token")); err == nil {
		t.Error("the token of a code that was used twice still counts")
	}
	if got := b.token(refreshForm(app, first.text("refresh_token"))); got.text("error") != "invalid_grant" {
		t.Errorf("refresh after reuse: %s", got.body)
	}
	wider := redeemForm(app, b.allow(w.id("badr"), q))
	wider.Set("scope", "devices.manage")
	if got := b.token(wider); got.text("scope") != "devices.read offline_access" {
		t.Errorf("a scope at the token endpoint: %s", got.body)
	}
	late := b.allow(w.id("badr"), q)
	w.pass(codeLife + time.Second)
	if got := b.token(redeemForm(app, late)); got.text("error") != "invalid_grant" {
		t.Errorf("late: %s", got.body)
	}
}

// Refresh tokens are replaced at each use; one that comes back ends the family on every node.
func TestRefresh(t *testing.T) {
	w := newWorld(t, 2)
	b, other := w.nodes[0], w.nodes[1]
	app := w.publicApp("devices.read", "devices.manage", "offline_access")
	first := b.token(redeemForm(app, b.allow(w.id("badr"), authorizeQuery(app, "devices.read offline_access"))))
	second := other.token(refreshForm(app, first.text("refresh_token")))
	if second.StatusCode != 200 || second.text("refresh_token") == first.text("refresh_token") || second.text("scope") == "" {
		t.Fatalf("refresh: %d %s", second.StatusCode, second.body)
	}
	if got := b.token(refreshForm(w.publicApp("devices.read"), second.text("refresh_token"))); got.text("error") != "invalid_grant" {
		t.Errorf("by another client: %s", got.body)
	}
	if got := b.token(refreshForm(app, untagged(second.text("refresh_token")))); got.text("error") != "invalid_grant" {
		t.Errorf("invented: %s", got.body)
	}
	wide := refreshForm(app, second.text("refresh_token"))
	wide.Set("scope", "devices.read devices.manage")
	if got := b.token(wide); got.text("error") != "invalid_scope" {
		t.Errorf("widened: %s", got.body)
	}
	narrow := refreshForm(app, second.text("refresh_token"))
	narrow.Set("scope", "devices.read")
	third := b.token(narrow)
	if third.text("scope") != "devices.read" {
		t.Fatalf("narrowed: %s", third.body)
	}
	if got := b.token(refreshForm(app, first.text("refresh_token"))); got.text("error") != "invalid_grant" {
		t.Errorf("reused: %s", got.body)
	}
	if got := b.token(refreshForm(app, third.text("refresh_token"))); got.text("error") != "invalid_grant" {
		t.Errorf("the family goes on: %s", got.body)
	}
	if _, err := other.who(third.text("access_token")); err == nil {
		t.Error("an access token of the family still counts at another node")
	}
	w.mustNot(second.text("refresh_token"), third.text("refresh_token"))
}

// untagged is a token that names the same grant and was never given out.
func untagged(secret string) string {
	parts := strings.Split(secret, ".")
	return forged(refreshKind)[:len(parts[0])] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2]))
}

// A token says of whom it is, for whom, and by which key it is held; one that says another thing than its grant counts for
// nothing, though its signature is good. So does one of another type.
func TestTokensThatDoNotFitTheirGrant(t *testing.T) {
	w := newWorld(t, 1)
	b := w.nodes[0]
	app := w.publicApp("devices.read")
	got := b.token(redeemForm(app, b.allow(w.id("badr"), authorizeQuery(app, "devices.read"))))
	good, _, err := b.lookUp(got.text("access_token"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := b.keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*claims, *string){
		"nothing":          func(*claims, *string) {},
		"another issuer":   func(c *claims, _ *string) { c.Issuer = "https://other.example" },
		"another audience": func(c *claims, _ *string) { c.To = audience{"https://other.example"} },
		"another client":   func(c *claims, _ *string) { c.Client = w.publicApp("devices.read") },
		"bound":            func(c *claims, _ *string) { c.Confirm = &confirm{"x"} },
		"another grant":    func(c *claims, _ *string) { c.Grant = "06h0g95vthvzz7gx5asspmte4m" },
		"a long life":      func(c *claims, _ *string) { c.Expires += 3600 },
		"from the future":  func(c *claims, _ *string) { c.Issued += 240 },
		"ended":            func(c *claims, _ *string) { c.Issued, c.Expires = c.Issued-400, c.Issued-1 },
		"no id":            func(c *claims, _ *string) { c.ID = "" },
		"another type":     func(_ *claims, typ *string) { *typ = "JWT" },
	} {
		c, typ := good, "at+jwt"
		spoil(&c, &typ)
		text, err := signing(list, w.now()).sign(typ, c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.who(text); (err == nil) != (name == "nothing") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A grant ends with whoever gave it: suspended, signed out everywhere, or asked to by an administrator.
func TestRevocationElsewhere(t *testing.T) {
	for name, end := range map[string]func(*world, *box, string, answerTo){
		"suspended": func(w *world, _ *box, _ string, _ answerTo) {
			w.changePerson(w.id("badr"), func(p map[string]any) { p["suspended"] = true })
		},
		"new password": func(w *world, _ *box, _ string, _ answerTo) {
			w.changePerson(w.id("badr"), func(p map[string]any) { p["generation"] = 5 })
		},
		"signed out": func(w *world, b *box, _ string, _ answerTo) {
			w.state.Set([]byte("i/v/"+w.session.String()), []byte("x"))
		},
		"client removed": func(w *world, _ *box, app string, _ answerTo) {
			w.command(&oauthv1.RemoveClientRequest{Id: app}, "oauth.remove_client")
		},
		"refresh revoked": func(w *world, b *box, app string, a answerTo) { revokeAt(w, b, app, a.text("refresh_token")) },
		"access revoked":  func(w *world, b *box, app string, a answerTo) { revokeAt(w, b, app, a.text("access_token")) },
		"grant revoked": func(w *world, b *box, app string, a answerTo) {
			who, _ := b.who(a.text("access_token"))
			w.command(&oauthv1.RevokeGrantRequest{Id: who.Session}, "oauth.revoke_grant")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 2)
			b, other := w.nodes[0], w.nodes[1]
			app, scope := w.publicApp("devices.read", "offline_access"), "devices.read offline_access"
			if name == "signed out" {
				scope = "devices.read" // what is to last while they are away lasts when they sign out
			}
			a := b.token(redeemForm(app, b.allow(w.id("badr"), authorizeQuery(app, scope))))
			if _, err := other.who(a.text("access_token")); err != nil {
				t.Fatal(err)
			}
			end(w, b, app, a)
			if _, err := other.who(a.text("access_token")); err == nil || err.Error() != identity.Ended().Error() {
				t.Errorf("still let in, or in other words: %v", err)
			}
			if got := other.token(refreshForm(app, a.text("refresh_token"))); name != "access revoked" && got.StatusCode < 400 {
				t.Errorf("still refreshed: %s", got.body)
			}
		})
	}
}

func revokeAt(w *world, b *box, app, token string) {
	if got := post(w.t, http.DefaultClient, b.door.URL+revokePath, url.Values{"client_id": {app}, "token": {token}}); got.StatusCode != 200 {
		w.t.Errorf("revoke: %d %s", got.StatusCode, got.body)
	}
}
