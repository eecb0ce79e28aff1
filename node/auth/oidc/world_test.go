package oidc

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/api/oauthv1"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/identity"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
)

// world is one site of a few nodes that share its state.
type world struct {
	t     testing.TB
	mu    sync.Mutex // guards what follows
	mux   *edge.Mux
	state *edgetest.State
	ahead time.Duration // how far the site's time is ahead of the clock
	lost  string        // of the next command: "lost", or "unanswered"
	log   [][]byte      // bodies of all commands
	nodes []*box
	admin edge.Actor
	notes []Note
	mute  bool // notes cannot be kept

	session edge.ID // that people sign in with, where no other is named
	since   time.Time
}

// box is one node with its door.
type box struct {
	*Service
	w    *world
	door *httptest.Server
}

func newWorld(t testing.TB, nodes int) *world {
	t.Helper()
	w := &world{t: t, mux: edge.NewMux(), session: edge.NewID(), since: time.Now().Add(-time.Minute)}
	w.state = edgetest.New(edge.Actor{}, time.Now())
	identity.Register(w.mux)
	Register(w.mux)
	for login, roles := range map[string][]string{"amina": {auth.Owner}, "badr": {auth.Operator}} {
		id := edge.NewID()
		w.person(id, login, roles)
		if login == "amina" {
			w.admin = edge.Actor{Kind: edge.Person, ID: id.String()}
		}
	}
	for i := range nodes {
		w.nodes = append(w.nodes, w.start(i))
	}
	if err := w.nodes[0].EnsureKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) person(id edge.ID, login string, roles []string) {
	b, _ := json.Marshal(map[string]any{"id": id, "login": login, "roles": roles, "created": time.Now()})
	w.state.Set([]byte("i/p/"+id.String()), b)
	b, _ = json.Marshal(id)
	w.state.Set([]byte("i/l/"+login), b)
}

// changePerson edits a row as identity would.
func (w *world) changePerson(id string, change func(map[string]any)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	row := map[string]any{}
	if err := json.Unmarshal(w.state.Rows["i/p/"+id], &row); err != nil {
		w.t.Fatal(err)
	}
	change(row)
	w.state.Rows["i/p/"+id], _ = json.Marshal(row)
}

func (w *world) id(login string) string {
	var id edge.ID
	json.Unmarshal(w.state.Rows["i/l/"+login], &id)
	return id.String()
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.ahead)
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead += d
}

func (w *world) start(i int) *box {
	b := &box{w: w}
	mux := http.NewServeMux()
	b.door = httptest.NewServer(mux)
	w.t.Cleanup(b.door.Close)
	var err error
	b.Service, err = New(Options{Site: "clinic-7", Node: edge.NodeID{byte(i + 1)}, Issuer: b.door.URL, FHIR: "/fhir", View: w.view, Propose: w, Now: w.now,
		Secret: func() []byte { return []byte("0123456789abcdef0123456789abcdef") }, Person: w.signedIn, Note: w.note,
		Known: func(p string) bool { return strings.HasPrefix(p, "devices.") }, Names: []string{"devices.read", "devices.manage"},
		Words: func(p string) string { return "look at " + p },
		Launch: func(_ context.Context, s Start) (Context, error) {
			return Context{Patient: "p-1", Encounter: "e-9", User: "Practitioner/7"}, nil
		}})
	if err != nil {
		w.t.Fatal(err)
	}
	for pattern, h := range b.Handlers() {
		mux.Handle(pattern, h)
	}
	return b
}

func (w *world) note(_ context.Context, n Note) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mute {
		return edge.E(edge.Exhausted, "the disk is full")
	}
	w.notes = append(w.notes, n)
	return nil
}

// signedIn is whoever the cookie names.
func (w *world) signedIn(r *http.Request) (auth.Caller, error) {
	c, err := r.Cookie("session")
	if err != nil {
		return auth.Caller{}, nil
	}
	person, session, _ := strings.Cut(c.Value, "/")
	w.mu.Lock()
	defer w.mu.Unlock()
	return auth.Caller{Actor: edge.Actor{Kind: edge.Person, ID: person}, Roles: []string{auth.Owner}, Strength: auth.Passkey, Since: w.since, Session: cmp.Or(session, w.session.String())}, nil
}

func (w *world) view(f func(edge.View) error) error {
	w.mu.Lock()
	rows := maps.Clone(w.state.Rows)
	w.mu.Unlock()
	return f(&edgetest.State{Rows: rows})
}

// Propose implements edge.Proposer.
func (w *world) Propose(_ context.Context, c edge.Command) (edge.Outcome, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, c.Body)
	fault := w.lost
	w.lost = ""
	unknown := edge.E(edge.Unavailable, "the site does not answer")
	if fault == "lost" {
		return edge.Outcome{}, unknown
	}
	h, err := w.mux.Handler(c.Type)
	if err != nil {
		return edge.Outcome{}, err
	}
	w.state.By, w.state.Time = c.Actor, time.Now().Add(w.ahead)
	var out edge.Outcome
	err = w.state.Try(func(tx edge.Tx) (err error) { out.Reply, err = h(tx, c.Body); return err })
	if err != nil {
		out.Err = edge.E(edge.KindOf(err), "%s", err)
	}
	if fault == "unanswered" {
		return edge.Outcome{}, unknown
	}
	return out, nil
}

// app registers a client.
func (w *world) app(in *oauthv1.RegisterClientRequest) *oauthv1.Client {
	w.t.Helper()
	c, err := w.nodes[0].RegisterClient(w.t.Context(), auth.Caller{Actor: w.admin}, in)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

const callback = "https://app.example/cb"

func (w *world) publicApp(scopes ...string) string {
	w.t.Helper()
	return w.app(&oauthv1.RegisterClientRequest{Name: "Wound photos", RedirectUris: []string{callback}, Scopes: scopes}).Id
}

// browser is a person's.
func (w *world) browser(b *box, person string) *http.Client {
	jar, _ := cookiejar.New(nil)
	at, _ := url.Parse(b.door.URL)
	if person != "" {
		jar.SetCookies(at, []*http.Cookie{{Name: "session", Value: person}})
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// signedInAs is the browser of a person with a session of their own.
func (w *world) signedInAs(b *box, person, session string) *http.Client {
	return w.browser(b, person+"/"+session)
}

const verifier = "a-verifier-that-is-long-enough-for-the-rule-of-43-characters"

func authorizeQuery(client, scope string) url.Values {
	return url.Values{"response_type": {"code"}, "client_id": {client}, "redirect_uri": {callback}, "scope": {scope}, "state": {"st-1"},
		"nonce": {"n-1"}, "code_challenge": {digest(verifier)}, "code_challenge_method": {"S256"}}
}

var sealForm = regexp.MustCompile(`action="([^"]+)"[\s\S]*name="seal" value="([^"]+)"`)

// answerTo is what a request got, read whole.
type answerTo struct {
	*http.Response
	body string
}

func (a answerTo) json() map[string]any {
	m := map[string]any{}
	json.Unmarshal([]byte(a.body), &m)
	return m
}

func (a answerTo) text(field string) string { s, _ := a.json()[field].(string); return s }

// landed is where the browser was sent, with what the client is told.
func (a answerTo) landed() url.Values {
	u, err := url.Parse(a.Header.Get("Location"))
	if err != nil {
		return nil
	}
	if u.Fragment != "" {
		u.RawQuery = u.Fragment
	}
	return u.Query()
}

func do(t testing.TB, c *http.Client, r *http.Request) answerTo {
	t.Helper()
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answerTo{res, string(b)}
}

func get(t testing.TB, c *http.Client, at string, header ...string) answerTo {
	t.Helper()
	r, _ := http.NewRequest(http.MethodGet, at, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return do(t, c, r)
}

func post(t testing.TB, c *http.Client, at string, form url.Values, header ...string) answerTo {
	t.Helper()
	r, _ := http.NewRequest(http.MethodPost, at, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return do(t, c, r)
}

// page asks for authorization and returns the page that asks the person.
func (b *box) page(c *http.Client, q url.Values) (page answerTo, action, seal string) {
	b.w.t.Helper()
	page = get(b.w.t, c, b.door.URL+authorizePath+"?"+q.Encode())
	if m := sealForm.FindStringSubmatch(page.body); m != nil {
		action, seal = m[1], m[2]
	}
	return page, action, seal
}

// allow is the whole way of a person through sign-in and consent; it returns the authorization code.
func (b *box) allow(person string, q url.Values) string {
	b.w.t.Helper()
	c := b.w.browser(b, person)
	page, action, seal := b.page(c, q)
	if seal == "" {
		b.w.t.Fatalf("no page: %d %s %s", page.StatusCode, page.Header.Get("Location"), page.body)
	}
	done := post(b.w.t, c, b.door.URL+action, url.Values{"seal": {seal}, "answer": {"allow"}})
	code := done.landed().Get("code")
	if code == "" {
		b.w.t.Fatalf("no code: %d %s %s", done.StatusCode, done.Header.Get("Location"), done.body)
	}
	return code
}

func redeemForm(client, code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "client_id": {client}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}}
}

func refreshForm(client, secret string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "client_id": {client}, "refresh_token": {secret}}
}

func (b *box) token(form url.Values, header ...string) answerTo {
	b.w.t.Helper()
	return post(b.w.t, http.DefaultClient, b.door.URL+tokenPath, form, header...)
}

func (b *box) who(bearer string) (auth.Caller, error) {
	return b.Authenticate(b.w.t.Context(), auth.Credentials{Bearer: bearer})
}

// key is one of a client's.
type key struct {
	*ecdsa.PrivateKey
	alg jose.SignatureAlgorithm
}

func newKey(t testing.TB, curve elliptic.Curve, alg jose.SignatureAlgorithm) key {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key{k, alg}
}

func (k key) jwks() string {
	return jwks(jose.JSONWebKey{Key: k.Public(), KeyID: "k1", Algorithm: string(k.alg), Use: "sig"})
}

func jwks(keys ...jose.JSONWebKey) string {
	b, _ := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	return string(b)
}

func (k key) thumb() string {
	b, _ := (&jose.JSONWebKey{Key: k.Public()}).Thumbprint(crypto.SHA256)
	return base64.RawURLEncoding.EncodeToString(b)
}

func (k key) sign(t testing.TB, claims map[string]any, o *jose.SignerOptions) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: k.alg, Key: jose.JSONWebKey{Key: k.PrivateKey, KeyID: "k1"}}, o)
	if err != nil {
		t.Fatal(err)
	}
	return compact(t, s, claims)
}

func compact(t testing.TB, s jose.Signer, claims map[string]any) string {
	t.Helper()
	b, _ := json.Marshal(claims)
	sig, err := s.Sign(b)
	if err != nil {
		t.Fatal(err)
	}
	text, err := sig.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func assertionForm(assertion, scope string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "scope": {scope}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
}

func (w *world) mustNot(secrets ...string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	all := bytes.Join(w.log, []byte("\n"))
	for k, v := range w.state.Rows {
		all = append(append(all, k...), v...)
	}
	for _, e := range w.state.Events {
		all = fmt.Appendf(all, "%s %s %s", e.Type, e.Subject, e.Body)
	}
	for _, s := range secrets {
		if s == "" || bytes.Contains(all, []byte(s)) {
			w.t.Errorf("the secret %.12q… stands in the state", s)
		}
	}
}

// sweep removes what has ended.
func (w *world) sweep() {
	w.t.Helper()
	if err := w.nodes[0].propose(w.t.Context(), opSweep, none{}, nil); err != nil {
		w.t.Fatal(err)
	}
}

// command has an administrator do something at the site.
func (w *world) command(in proto.Message, op string) {
	w.t.Helper()
	body, err := proto.Marshal(in)
	if err != nil {
		w.t.Fatal(err)
	}
	if out, err := w.Propose(w.t.Context(), edge.Command{Type: op, Actor: w.admin, Body: body}); err != nil || out.Err != nil {
		w.t.Fatal(err, out.Err)
	}
}
