package oidc

import (
	"crypto/elliptic"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/aielon/edge/node/api/oauthv1"
	"github.com/aielon/edge/node/edge"
)

// Each command fails twice: it was lost, or only its answer was. Nothing works a second time after either, and what was
// lost can be tried again.
func TestFaults(t *testing.T) {
	for _, fault := range []string{"lost", "unanswered"} {
		w := newWorld(t, 1)
		b := w.nodes[0]
		app := w.publicApp("devices.read", "offline_access")
		form := redeemForm(app, b.allow(w.id("badr"), authorizeQuery(app, "devices.read offline_access")))
		w.fail(fault)
		if got := b.token(form); got.text("error") != "temporarily_unavailable" || got.StatusCode != 503 || got.Header.Get("Retry-After") == "" {
			t.Errorf("code %s: %d %s", fault, got.StatusCode, got.body)
		}
		got := b.token(form)
		if (got.StatusCode == 200) != (fault == "lost") {
			t.Errorf("code again after %s: %d %s", fault, got.StatusCode, got.body)
		}
		if fault == "unanswered" {
			got = b.token(redeemForm(app, b.allow(w.id("badr"), authorizeQuery(app, "devices.read offline_access"))))
		}
		form = refreshForm(app, got.text("refresh_token"))
		w.fail(fault)
		if got := b.token(form); got.StatusCode != 503 {
			t.Errorf("refresh %s: %d %s", fault, got.StatusCode, got.body)
		}
		if again := b.token(form); (again.StatusCode == 200) != (fault == "lost") {
			t.Errorf("refresh again after %s: %d %s", fault, again.StatusCode, again.body)
		}
		c := w.browser(b, w.id("badr"))
		_, action, seal := b.page(c, authorizeQuery(app, "devices.read"))
		w.fail(fault)
		if got := post(t, c, b.door.URL+action, url.Values{"seal": {seal}, "answer": {"allow"}}); got.landed().Get("error") != "temporarily_unavailable" || got.landed().Get("code") != "" {
			t.Errorf("consent %s: %s", fault, got.Header.Get("Location"))
		}
	}
}

func (w *world) fail(how string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost = how
}

// Without a record there is no token, and what it would have been for is over.
func TestNoRecordNoToken(t *testing.T) {
	w := newWorld(t, 1)
	b := w.nodes[0]
	app := w.publicApp("devices.read")
	form := redeemForm(app, b.allow(w.id("badr"), authorizeQuery(app, "devices.read")))
	w.setMute(true)
	if got := b.token(form); got.StatusCode != 503 || got.text("access_token") != "" {
		t.Errorf("unrecorded: %d %s", got.StatusCode, got.body)
	}
	w.setMute(false)
	if got := b.token(form); got.text("error") != "invalid_grant" {
		t.Errorf("again: %s", got.body)
	}
	if len(w.notes) == 0 || w.notes[len(w.notes)-1].Refused != "invalid_grant" || w.notes[len(w.notes)-1].Client != app {
		t.Errorf("the refusal is not recorded: %+v", w.notes)
	}
}

func (w *world) setMute(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mute = on
}

// A client that asks for a token with every call is stopped before it fills the site; its neighbours are not.
func TestBounds(t *testing.T) {
	w := newWorld(t, 1)
	b := w.nodes[0]
	k := newKey(t, elliptic.P256(), jose.ES256)
	lab, other := w.machine(k, "devices.read"), w.machine(k, "devices.read")
	ask := func(client string) answerTo {
		return b.token(assertionForm(k.sign(t, b.says(client), nil), "devices.read"))
	}
	for range MaxOwnGrants {
		if got := ask(lab); got.StatusCode != 200 {
			t.Fatal(got.body)
		}
	}
	if got := ask(lab); got.text("error") != "temporarily_unavailable" || got.StatusCode != 503 {
		t.Errorf("one more: %d %s", got.StatusCode, got.body)
	}
	if got := ask(other); got.StatusCode != 200 {
		t.Errorf("another client: %s", got.body)
	}
	for range maxUsed {
		b.token(assertionForm(k.sign(t, b.says(other), nil), "devices.manage"))
	}
	if got := ask(other); got.StatusCode != 503 {
		t.Errorf("assertions without end: %d %s", got.StatusCode, got.body)
	}
	w.pass(accessMost + 2*clockSkew)
	w.sweep()
	w.sweep()
	if got := ask(lab); got.StatusCode != 200 {
		t.Errorf("later: %s", got.body)
	}
	for range 3 {
		w.sweep()
	}
	w.pass(time.Hour)
	for range 3 {
		w.sweep()
	}
	for k := range w.state.Rows {
		if strings.HasPrefix(k, "o/") && !strings.HasPrefix(k, clientRows) && k != keysRow {
			t.Errorf("left behind: %s", k)
		}
	}
}

// A person gives many grants: the oldest ends. Refreshing for years leaves nothing behind.
func TestManyGrants(t *testing.T) {
	w := newWorld(t, 1)
	b := w.nodes[0]
	app := w.publicApp("devices.read", "offline_access")
	q := authorizeQuery(app, "devices.read offline_access")
	first := b.token(redeemForm(app, b.allow(w.id("badr"), q)))
	for range MaxGrants {
		b.allow(w.id("badr"), q)
		w.pass(time.Millisecond)
	}
	if _, err := b.who(first.text("access_token")); err == nil {
		t.Error("the oldest grant still counts")
	}
	got := b.token(redeemForm(app, b.allow(w.id("badr"), q)))
	before := len(w.state.Rows)
	for range 20 {
		got = b.token(refreshForm(app, got.text("refresh_token")))
	}
	if got.StatusCode != 200 || len(w.state.Rows) != before {
		t.Errorf("%d rows became %d: %s", before, len(w.state.Rows), got.body)
	}
}

// Pages that wait are few for one person and one client, and none for strangers.
func TestAsks(t *testing.T) {
	now := time.Now()
	a := newAsks(func() time.Time { return now })
	app := client{ID: edge.NewID()}
	put := func(id, person string, c client) error {
		return a.put(ask{authRequest: authRequest{client: c}, id: id, seal: "s", person: person, until: now.Add(askFor)})
	}
	for i := range maxPersonAsks + 1 {
		now = now.Add(time.Second)
		if err := put(fmt.Sprint(i), "badr", app); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := a.take("0", "s", "badr", ""); ok || len(a.all) != maxPersonAsks {
		t.Errorf("%d pages wait for one person", len(a.all))
	}
	for i := len(a.all); i < maxClientAsks; i++ {
		if err := put(fmt.Sprint("p", i), fmt.Sprint("p", i), app); err != nil {
			t.Fatal(err)
		}
	}
	if err := put("x", "x", app); told(err).code != tryLater {
		t.Errorf("one more of the client: %v", err)
	}
	if err := put("y", "y", client{ID: edge.NewID()}); err != nil {
		t.Errorf("another client: %v", err)
	}
	now = now.Add(askFor + time.Second)
	if a.sweep(); len(a.all) != 0 {
		t.Errorf("%d are left", len(a.all))
	}
	w := newWorld(t, 1)
	for range 50 {
		w.nodes[0].page(w.browser(w.nodes[0], ""), authorizeQuery(w.publicApp("devices.read"), "devices.read"))
	}
	if n := len(w.nodes[0].asks.all); n != 0 {
		t.Errorf("strangers left %d pages", n)
	}
}

// A client may want a younger proof than there is: the person signs in again, once.
func TestSignInAgain(t *testing.T) {
	for name, set := range map[string]func(url.Values){"login": func(q url.Values) { q.Set("prompt", "login") }, "max_age": func(q url.Values) { q.Set("max_age", "30") }, "at once": func(q url.Values) { q.Set("max_age", "0") }} {
		w := newWorld(t, 2)
		b := w.nodes[0]
		q := authorizeQuery(w.publicApp("devices.read"), "devices.read")
		set(q)
		c := w.browser(b, w.id("badr"))
		next := get(t, c, b.door.URL+authorizePath+"?"+q.Encode()).landed().Get("next")
		if next == "" {
			t.Fatalf("%s: not sent to sign in", name)
		}
		if got := get(t, c, b.door.URL+strings.Replace(next, "state=st-1", "state=st-2", 1)); got.landed().Get("next") == "" {
			t.Errorf("%s: a journey of another request counts", name)
		}
		to := next
		for range mostSent - 1 { // coming back without having done it
			to = get(t, c, b.door.URL+to).landed().Get("next")
		}
		if got := get(t, c, b.door.URL+to); got.landed().Get("error") != "login_required" {
			t.Errorf("%s: sent round and round: %s", name, got.Header.Get("Location"))
		}
		w.mu.Lock()
		w.since = time.Now().Add(time.Second)
		w.mu.Unlock()
		w.pass(40 * time.Second)
		for _, at := range w.nodes { // any node knows the journey
			if got := get(t, w.browser(at, w.id("badr")), at.door.URL+next); !strings.Contains(got.body, `name="seal"`) {
				t.Errorf("%s: not asked after signing in: %d %s", name, got.StatusCode, got.Header.Get("Location"))
			}
		}
	}
}

// Keys are shown before they sign and after, so that tokens and kept lists of keys outlive the change.
func TestKeyRotation(t *testing.T) {
	w := newWorld(t, 2)
	b, other := w.nodes[0], w.nodes[1]
	k := newKey(t, elliptic.P384(), jose.ES384)
	lab := w.machine(k, "devices.read")
	ask := func() string {
		return b.token(assertionForm(k.sign(t, b.says(lab), nil), "devices.read")).text("access_token")
	}
	kid := func(token string) string {
		s, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES384})
		if err != nil {
			t.Fatal(err)
		}
		return s.Signatures[0].Header.KeyID
	}
	w.pass(keyLife - time.Minute)
	old := ask()
	w.pass(2 * time.Minute)
	for _, n := range w.nodes { // only the first makes one
		if err := n.EnsureKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(get(t, http.DefaultClient, b.door.URL+keysPath).json()["keys"].([]any)); got != 2 {
		t.Errorf("%d keys are shown", got)
	}
	if kid(ask()) != kid(old) {
		t.Error("a key signs before it was shown for long enough")
	}
	if _, err := other.who(old); err != nil {
		t.Error(err)
	}
	w.pass(keyShown + time.Second)
	if kid(ask()) == kid(old) {
		t.Error("the old key still signs")
	}
	w.pass(keyAfter)
	if got := get(t, http.DefaultClient, b.door.URL+keysPath); len(got.json()["keys"].([]any)) != 1 || strings.Contains(got.body, `"d"`) {
		t.Errorf("keys: %s", got.body)
	}
	w.mustNot("PRIVATE")
}

// Clients see their own tokens and end them, and nobody else's.
func TestIntrospectAndRevoke(t *testing.T) {
	w := newWorld(t, 1)
	b := w.nodes[0]
	k, k2 := newKey(t, elliptic.P384(), jose.ES384), newKey(t, elliptic.P384(), jose.ES384)
	app := w.app(&oauthv1.RegisterClientRequest{Name: "x", RedirectUris: []string{callback}, Proof: oauthv1.Proof_PROOF_KEY, Jwks: k.jwks(), Scopes: []string{"devices.read", "offline_access"}}).Id
	stranger, public := w.machine(k2, "devices.read"), w.publicApp("devices.read")
	signed := func(k key, client string, f url.Values) url.Values {
		f.Del("client_id")
		f.Set("client_assertion", k.sign(t, b.says(client), nil))
		f.Set("client_assertion_type", assertionType)
		return f
	}
	got := b.token(signed(k, app, redeemForm(app, b.allow(w.id("badr"), authorizeQuery(app, "devices.read offline_access")))))
	access, refresh := got.text("access_token"), got.text("refresh_token")
	look := func(k key, client, token string) answerTo {
		return post(t, http.DefaultClient, b.door.URL+introspectPath, signed(k, client, url.Values{"token": {token}}))
	}
	for name, token := range map[string]string{"access": access, "refresh": refresh} {
		mine, theirs := look(k, app, token), look(k2, stranger, token)
		if mine.json()["active"] != true || mine.text("sub") != w.id("badr") || mine.text("client_id") != app || mine.text("scope") == "" || mine.json()["exp"] == nil {
			t.Errorf("%s: %s", name, mine.body)
		}
		if theirs.body != "{\"active\":false}\n" {
			t.Errorf("%s, to a stranger: %s", name, theirs.body)
		}
	}
	if got := post(t, http.DefaultClient, b.door.URL+introspectPath, url.Values{"client_id": {public}, "token": {access}}); got.text("error") != "invalid_client" {
		t.Errorf("a client without a proof looks: %s", got.body)
	}
	for _, token := range []string{access, refresh} {
		if got := post(t, http.DefaultClient, b.door.URL+revokePath, url.Values{"client_id": {public}, "token": {token}}); got.text("error") != "invalid_grant" {
			t.Errorf("a stranger revokes: %d %s", got.StatusCode, got.body)
		}
	}
	for _, token := range []string{"nonsense", forged(refreshKind), access, access, refresh, refresh} {
		if got := post(t, http.DefaultClient, b.door.URL+revokePath, signed(k, app, url.Values{"token": {token}, "token_type_hint": {"nonsense"}})); got.StatusCode != 200 || got.body != "" {
			t.Errorf("revoke %.12s: %d %s", token, got.StatusCode, got.body)
		}
	}
	for _, token := range []string{access, refresh, "", "nonsense"} {
		if got := look(k, app, token); token != "" && got.body != "{\"active\":false}\n" || token == "" && got.text("error") != "invalid_request" {
			t.Errorf("introspect %.12q: %s", token, got.body)
		}
	}
}
