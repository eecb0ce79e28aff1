package oidc

import (
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/aielon/edge/node/api/oauthv1"
	"github.com/aielon/edge/node/auth"
)

// dpop makes a proof; spoil may change what it says.
func (k key) dpop(t testing.TB, method, at, token string, spoil func(map[string]any)) string {
	t.Helper()
	says := map[string]any{"jti": rand.Text(), "htm": method, "htu": at, "iat": time.Now().Unix()}
	if token != "" {
		says["ath"] = digest(token)
	}
	if spoil != nil {
		spoil(says)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: k.alg, Key: k.PrivateKey}, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"))
	if err != nil {
		t.Fatal(err)
	}
	return compact(t, s, says)
}

// Tokens that are bound to a key are worth nothing without it: stolen, they open nothing.
func TestBound(t *testing.T) {
	w := newWorld(t, 1)
	b := w.nodes[0]
	k, thief := newKey(t, elliptic.P256(), jose.ES256), newKey(t, elliptic.P256(), jose.ES256)
	app := w.app(&oauthv1.RegisterClientRequest{Name: "x", RedirectUris: []string{callback}, Scopes: []string{"openid", "devices.read", "offline_access"}, Bound: true}).Id
	q := authorizeQuery(app, "openid devices.read offline_access")
	at := b.door.URL + tokenPath
	if got := b.token(redeemForm(app, b.allow(w.id("badr"), q))); got.text("error") != "invalid_dpop_proof" {
		t.Errorf("without a proof: %s", got.body)
	}
	for name, spoil := range map[string]func(map[string]any){
		"another method":  func(c map[string]any) { c["htm"] = "GET" },
		"another address": func(c map[string]any) { c["htu"] = "https://other.example/oauth/token" },
		"old":             func(c map[string]any) { c["iat"] = time.Now().Add(-2 * proofLife).Unix() },
		"from the future": func(c map[string]any) { c["iat"] = time.Now().Add(time.Hour).Unix() },
		"no id":           func(c map[string]any) { delete(c, "jti") },
	} {
		if got := b.token(redeemForm(app, "x"), "DPoP", k.dpop(t, "POST", at, "", spoil)); got.text("error") != "invalid_dpop_proof" {
			t.Errorf("%s: %s", name, got.body)
		}
	}
	q.Set("dpop_jkt", k.thumb())
	if got := b.token(redeemForm(app, b.allow(w.id("badr"), q)), "DPoP", thief.dpop(t, "POST", at, "", nil)); got.text("error") != "invalid_grant" {
		t.Errorf("a code with another key: %s", got.body)
	}
	once := k.dpop(t, "POST", at, "", nil)
	got := b.token(redeemForm(app, b.allow(w.id("badr"), q)), "DPoP", once)
	if got.text("token_type") != "DPoP" {
		t.Fatal(got.body)
	}
	if again := b.token(redeemForm(app, b.allow(w.id("badr"), q)), "DPoP", once); again.text("error") != "invalid_dpop_proof" {
		t.Errorf("a proof twice: %s", again.body)
	}
	access, refresh := got.text("access_token"), got.text("refresh_token")
	b.checkBound(k, thief, access)
	for name, header := range map[string][]string{"no key": nil, "another key": {"DPoP", thief.dpop(t, "POST", at, "", nil)}} {
		if got := b.token(refreshForm(app, refresh), header...); got.text("error") != "invalid_dpop_proof" {
			t.Errorf("refresh with %s: %s", name, got.body)
		}
	}
	if got := b.token(refreshForm(app, refresh), "DPoP", k.dpop(t, "POST", at, "", nil)); got.StatusCode != 200 {
		t.Errorf("the thief has ended the family: %s", got.body)
	}
}

func (b *box) checkBound(k, thief key, access string) {
	b.w.t.Helper()
	at := b.door.URL + userinfoPath
	for name, c := range map[string]struct {
		scheme, proof string
		want          int
	}{
		"the key":       {"DPoP", k.dpop(b.w.t, "GET", at, access, nil), 200},
		"no proof":      {"DPoP", "", 401},
		"as a bearer":   {"Bearer", k.dpop(b.w.t, "GET", at, access, nil), 401},
		"another key":   {"DPoP", thief.dpop(b.w.t, "GET", at, access, nil), 401},
		"another token": {"DPoP", k.dpop(b.w.t, "GET", at, "x", nil), 401},
	} {
		if got := get(b.w.t, http.DefaultClient, at, "Authorization", c.scheme+" "+access, "DPoP", c.proof); got.StatusCode != c.want {
			b.w.t.Errorf("%s: %d %s", name, got.StatusCode, got.body)
		}
	}
	proof := &auth.Proof{JWT: k.dpop(b.w.t, "GET", "https://node/v1/devices", access, nil), Method: "GET", URL: "https://node:443/v1/devices"}
	for i := range 2 {
		if _, err := b.Authenticate(b.w.t.Context(), auth.Credentials{Bearer: access, Proof: proof}); err != nil {
			b.w.t.Errorf("call %d over the same request: %v", i, err)
		}
	}
	again := *proof
	if _, err := b.Authenticate(b.w.t.Context(), auth.Credentials{Bearer: access, Proof: &again}); err == nil {
		b.w.t.Error("a proof works for two requests")
	}
}
