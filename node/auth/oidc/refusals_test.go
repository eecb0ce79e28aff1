package oidc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/aielon/edge/node/api/oauthv1"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/token"
)

// machine registers a client that acts for itself.
func (w *world) machine(k key, scopes ...string) string {
	w.t.Helper()
	return w.app(&oauthv1.RegisterClientRequest{Name: "Laboratory", Proof: oauthv1.Proof_PROOF_KEY, Jwks: k.jwks(), Scopes: scopes, Roles: []string{auth.Operator}}).Id
}

// says are the claims of a good assertion, to be spoiled.
func (b *box) says(client string) map[string]any {
	now := b.w.now()
	return map[string]any{"iss": client, "sub": client, "aud": b.door.URL + tokenPath, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(4 * time.Minute).Unix()}
}

// A client acts for itself once it has proven itself, within its own roles and scopes, at every node.
func TestMachine(t *testing.T) {
	w := newWorld(t, 2)
	b, other := w.nodes[0], w.nodes[1]
	for _, alg := range []struct {
		curve elliptic.Curve
		alg   jose.SignatureAlgorithm
	}{{elliptic.P256(), jose.ES256}, {elliptic.P384(), jose.ES384}} {
		k := newKey(t, alg.curve, alg.alg)
		lab := w.machine(k, "system/*.*", "devices.read")
		got := b.token(assertionForm(k.sign(t, b.says(lab), nil), "system/Observation.rs devices.read"))
		who, err := other.who(got.text("access_token"))
		if err != nil || who.ID != lab || strings.Join(who.Scopes, " ") != "system/Observation.rs devices.read" || who.Roles[0] != auth.Operator || got.text("refresh_token") != "" {
			t.Errorf("%s: %+v %v %s", alg.alg, who, err, got.body)
		}
	}
}

// Whatever is wrong with an assertion, the client has not proven itself.
func TestAssertions(t *testing.T) {
	w := newWorld(t, 1)
	b := w.nodes[0]
	k, stranger := newKey(t, elliptic.P384(), jose.ES384), newKey(t, elliptic.P384(), jose.ES384)
	lab, app := w.machine(k, "devices.read"), w.publicApp("devices.read")
	neighbour := w.machine(stranger, "devices.read")
	now := time.Now()
	for name, spoil := range map[string]func(map[string]any){
		"another issuer":   func(c map[string]any) { c["iss"] = neighbour },
		"another subject":  func(c map[string]any) { c["sub"] = neighbour },
		"no subject":       func(c map[string]any) { delete(c, "sub") },
		"no audience":      func(c map[string]any) { delete(c, "aud") },
		"another audience": func(c map[string]any) { c["aud"] = "https://other.example/oauth/token" },
		"audience below":   func(c map[string]any) { c["aud"] = b.door.URL + tokenPath + "/" },
		"two audiences":    func(c map[string]any) { c["aud"] = []string{b.door.URL, "https://other.example"} },
		"no id":            func(c map[string]any) { delete(c, "jti") },
		"a long id":        func(c map[string]any) { c["jti"] = strings.Repeat("j", maxJTI+1) },
		"no end":           func(c map[string]any) { delete(c, "exp") },
		"ended":            func(c map[string]any) { c["exp"] = now.Add(-2 * clockSkew).Unix() },
		"a long life":      func(c map[string]any) { c["exp"] = now.Add(time.Hour).Unix() },
		"no end in sight":  func(c map[string]any) { c["exp"] = 1e300 },
		"an end in words":  func(c map[string]any) { c["exp"] = "tomorrow" },
		"from the future":  func(c map[string]any) { c["iat"] = now.Add(time.Hour).Unix() },
		"not yet":          func(c map[string]any) { c["nbf"] = now.Add(time.Hour).Unix() },
		"public client":    func(c map[string]any) { c["iss"], c["sub"] = app, app },
		"unknown client":   func(c map[string]any) { c["iss"], c["sub"] = "x", "x" },
	} {
		says := b.says(lab)
		spoil(says)
		b.refused(name, assertionForm(k.sign(t, says, nil), "devices.read"))
	}
	good := k.sign(t, b.says(lab), nil)
	parts := strings.Split(good, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	for name, text := range map[string]string{
		"somebody else's key":        stranger.sign(t, b.says(lab), nil),
		"unsigned":                   b64([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".",
		"unsigned in other letters":  b64([]byte(`{"alg":"nOnE"}`)) + "." + parts[1] + ".",
		"HMAC by the public key":     hmacByPublic(t, k, b.says(lab)),
		"the key brought along":      stranger.sign(t, b.says(lab), &jose.SignerOptions{EmbedJWK: true}),
		"another use of the key":     k.sign(t, b.says(lab), (&jose.SignerOptions{}).WithType("dpop+jwt")),
		"an unknown critical header": k.sign(t, b.says(lab), (&jose.SignerOptions{}).WithHeader("crit", []string{"x"}).WithHeader("x", 1)),
		"changed":                    parts[0] + "." + b64([]byte(`{"iss":"`+lab+`"}`)) + "." + parts[2],
		"no signature":               parts[0] + "." + parts[1] + ".",
		"long":                       good + strings.Repeat("A", maxAssertion),
		"nothing":                    "...",
	} {
		b.refused(name, assertionForm(text, "devices.read"))
	}
	typeless := assertionForm(good, "devices.read")
	typeless.Del("client_assertion_type")
	b.refused("no type", typeless)
	other := assertionForm(good, "devices.read")
	other.Set("client_id", app)
	b.refused("two clients", other)
	both := assertionForm(good, "devices.read")
	both.Set("client_secret", "x")
	b.refused("two proofs", both)
	b.refused("no proof", url.Values{"grant_type": {"client_credentials"}, "client_id": {lab}, "scope": {"devices.read"}})
	if got := b.token(assertionForm(good, "devices.read")); got.StatusCode != 200 { // none of these used it up
		t.Errorf("the good one: %s", got.body)
	}
	b.refused("again", assertionForm(good, "devices.read"))
	basic := post(t, http.DefaultClient, b.door.URL+tokenPath, assertionForm(k.sign(t, b.says(lab), nil), "devices.read"), "Authorization", "Basic eDp5")
	if basic.StatusCode != 401 || !strings.HasPrefix(basic.Header.Get("WWW-Authenticate"), "Basic ") {
		t.Errorf("a secret: %d %v", basic.StatusCode, basic.Header)
	}
}

// An assertion that was used at one node is used at all, and known for as long as it counts.
func TestAssertionOnce(t *testing.T) {
	w := newWorld(t, 2)
	k := newKey(t, elliptic.P384(), jose.ES384)
	lab := w.machine(k, "devices.read")
	says := w.nodes[0].says(lab)
	says["aud"] = w.nodes[0].door.URL
	form := assertionForm(k.sign(t, says, nil), "devices.read")
	if got := w.nodes[0].token(form); got.StatusCode != 200 {
		t.Fatal(got.body)
	}
	w.pass(4*time.Minute + 30*time.Second)
	w.sweep()
	w.nodes[0].refused("again, later", form)
	w.nodes[1].refused("at another node", form)
}

func hmacByPublic(t testing.TB, k key, says map[string]any) string {
	t.Helper()
	pub, err := k.PrivateKey.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return signWith(t, jose.HS384, pub, says)
}

// refused wants a request to fail because the client has not proven itself, in words that tell nobody more.
func (b *box) refused(name string, f url.Values) {
	b.w.t.Helper()
	got := b.token(f)
	if got.StatusCode != 401 || got.text("error") != "invalid_client" || got.Header.Get("Cache-Control") != "no-store" || got.text("access_token") != "" {
		b.w.t.Errorf("%s: %d %s", name, got.StatusCode, got.body)
	}
}

// Requests to the token endpoint that mean nothing, or not for this client.
func TestWrongTokenRequests(t *testing.T) {
	w := newWorld(t, 1)
	b := w.nodes[0]
	k := newKey(t, elliptic.P384(), jose.ES384)
	app, lab := w.publicApp("devices.read"), w.machine(k, "devices.read", "system/Observation.rs", "openid")
	own := func(scope string) url.Values { return assertionForm(k.sign(t, b.says(lab), nil), scope) }
	with := func(f url.Values, pairs ...string) url.Values {
		for i := 0; i < len(pairs); i += 2 {
			f[pairs[i]] = append(f[pairs[i]], pairs[i+1])
		}
		return f
	}
	for _, c := range []struct {
		name, want string
		form       url.Values
	}{
		{"no grant type", "invalid_request", url.Values{"client_id": {app}}},
		{"password", "unsupported_grant_type", url.Values{"client_id": {app}, "grant_type": {"password"}, "username": {"badr"}, "password": {"x"}}},
		{"implicit", "unsupported_grant_type", url.Values{"client_id": {app}, "grant_type": {"implicit"}}},
		{"token exchange", "unsupported_grant_type", url.Values{"client_id": {app}, "grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}}},
		{"for itself without roles", "unauthorized_client", url.Values{"client_id": {app}, "grant_type": {"client_credentials"}, "scope": {"devices.read"}}},
		{"a code without addresses", "unauthorized_client", with(own(""), "grant_type", "x")},
		{"no code", "invalid_request", url.Values{"client_id": {app}, "grant_type": {"authorization_code"}}},
		{"unknown code", "invalid_grant", redeemForm(app, "x")},
		{"forged code", "invalid_grant", redeemForm(app, forged(codeKind))},
		{"no refresh token", "invalid_request", url.Values{"client_id": {app}, "grant_type": {"refresh_token"}}},
		{"forged refresh token", "invalid_grant", refreshForm(app, forged(refreshKind))},
		{"an access token to refresh", "invalid_grant", refreshForm(app, "eyJ.e.x")},
		{"twice", "invalid_request", with(redeemForm(app, "x"), "code", "y")},
		{"many parameters", "invalid_request", many()},
		{"a long body", "invalid_request", with(redeemForm(app, "x"), "y", strings.Repeat("y", maxForm))},
		{"no scope", "invalid_scope", own("")},
		{"another permission", "invalid_scope", own("devices.manage")},
		{"a wider resource", "invalid_scope", own("system/*.rs")},
		{"somebody's record", "invalid_scope", own("patient/Observation.rs")},
		{"somebody", "invalid_scope", own("openid")},
		{"many scopes", "invalid_scope", own(strings.Repeat("devices.read ", maxScopes+1))},
	} {
		if c.name == "a code without addresses" {
			c.form["grant_type"] = []string{"authorization_code"}
		}
		if got := b.token(c.form); got.text("error") != c.want || got.StatusCode < 400 || got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", c.name, got.StatusCode, got.body)
		}
	}
	for name, r := range map[string]*http.Request{
		"JSON":           request(b.door.URL+tokenPath, `{"grant_type":"refresh_token"}`, "application/json"),
		"in the address": request(b.door.URL+tokenPath+"?"+redeemForm(app, "x").Encode(), "", "application/x-www-form-urlencoded"),
		"semicolons":     request(b.door.URL+tokenPath, "a=b;c=d", "application/x-www-form-urlencoded"),
	} {
		if got := do(t, http.DefaultClient, r); got.text("error") != "invalid_request" || got.StatusCode != 400 {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.body)
		}
	}
	if got := get(t, http.DefaultClient, b.door.URL+tokenPath); got.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", got.StatusCode)
	}
}

func forged(kind token.Kind) string {
	return string(kind) + strings.Repeat("A", 43) + ".06h0g95vthvzz7gx5asspmte4m." + strings.Repeat("A", 22)
}

func many() url.Values {
	f := url.Values{"grant_type": {"authorization_code"}}
	for len(f) <= maxParams {
		f.Set(rand.Text(), "x")
	}
	return f
}

func request(at, body, kind string) *http.Request {
	r, _ := http.NewRequest(http.MethodPost, at, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	return r
}

func signWith(t testing.TB, alg jose.SignatureAlgorithm, k any, says map[string]any) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: k}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return compact(t, s, says)
}

// Keys that are too weak, too strong to be checked quickly, of an unknown kind, or not public are not registered.
func TestClientKeys(t *testing.T) {
	w := newWorld(t, 1)
	p384, p256 := newKey(t, elliptic.P384(), jose.ES384), newKey(t, elliptic.P256(), jose.ES256)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		set  string
		good bool
	}{
		"P-384": {p384.jwks(), true}, "P-256": {p256.jwks(), true},
		"EC of another curve":       {jwks(jose.JSONWebKey{Key: p521.Public(), KeyID: "k"}), false},
		"small RSA":                 {jwks(jose.JSONWebKey{Key: small.Public(), KeyID: "k"}), false},
		"private":                   {jwks(jose.JSONWebKey{Key: p384.PrivateKey, KeyID: "k"}), false},
		"secret":                    {jwks(jose.JSONWebKey{Key: []byte("0123456789abcdef"), KeyID: "k"}), false},
		"for another algorithm":     {jwks(jose.JSONWebKey{Key: p384.Public(), KeyID: "k", Algorithm: "ES256"}), false},
		"for HMAC":                  {jwks(jose.JSONWebKey{Key: p384.Public(), KeyID: "k", Algorithm: "HS256"}), false},
		"for encryption":            {jwks(jose.JSONWebKey{Key: p384.Public(), KeyID: "k", Use: "enc"}), false},
		"too many":                  {jwks(make([]jose.JSONWebKey, maxKeySet+1)...), false},
		"none":                      {`{"keys":[]}`, false},
		"no keys, but where to ask": {`{"jwks_uri":"http://169.254.169.254/"}`, false},
		"no JSON":                   {`-----BEGIN PUBLIC KEY-----`, false},
	} {
		_, err := w.nodes[0].RegisterClient(t.Context(), auth.Caller{Actor: w.admin}, &oauthv1.RegisterClientRequest{Name: "x", Proof: oauthv1.Proof_PROOF_KEY, Jwks: c.set, Scopes: []string{"devices.read"}, Roles: []string{auth.Operator}})
		if (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Only whole addresses that mean the same to everybody who reads them are registered.
func TestRedirects(t *testing.T) {
	for address, good := range map[string]bool{
		"https://app.example/cb": true, "https://app.example/cb?tenant=1": true, "http://127.0.0.1/cb": true, "http://[::1]/cb": true, "http://localhost:8080/cb": true,
		"http://app.example/cb": false, "https://app.example/cb#x": false, "https://app.example/#": false, "https://*.example/cb": false, "https://a@app.example/cb": false, "javascript:alert(1)": false,
		"data:text/html,x": false, "https:///cb": false, "https://app.example\\@evil.example/": false, "/cb": false, "https://app.example;script-src https:/cb": false, "https://a'b/cb": false,
		"https://app.example/ cb": false, "com.example.app:/cb": false, "HTTPS://app.example/cb": false, "": false,
	} {
		if _, err := checkRedirects([]string{address}); (err == nil) != good {
			t.Errorf("%q: %v", address, err)
		}
	}
	native := client{Native: true, Redirects: []string{"http://127.0.0.1/cb?x=1", "http://[::1]/cb"}}
	for address, good := range map[string]bool{
		"http://127.0.0.1/cb?x=1": true, "http://127.0.0.1:49152/cb?x=1": true, "http://[::1]:1/cb": true,
		"http://127.0.0.1:49152/cb": false, "http://127.0.0.1:0/cb?x=1": false, "http://127.0.0.1:65536/cb?x=1": false, "http://127.0.0.1:080/cb?x=1": false, "http://127.0.0.1:/cb?x=1": false,
		"http://127.0.0.1:80@evil.example/cb?x=1": false, "http://127.0.0.1:evil.example/cb?x=1": false, "http://localhost:80/cb?x=1": false, "https://127.0.0.1:80/cb?x=1": false, "http://127.0.0.2:80/cb?x=1": false,
	} {
		if native.returnsTo(address) != good {
			t.Errorf("%q: %v", address, !good)
		}
	}
	if (client{Redirects: []string{"http://127.0.0.1:8080/cb"}}).returnsTo("http://127.0.0.1:8081/cb") {
		t.Error("a program that named its port may use another")
	}
}
