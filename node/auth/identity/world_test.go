package identity

import (
	"bytes"
	"context"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/api/identityv1"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/passkey"
	"github.com/aielon/edge/node/auth/password"
	"github.com/aielon/edge/node/auth/token"
	"github.com/aielon/edge/node/auth/totp"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
)

const goodPassword, otherPassword = "purple camel teacup", "seven quiet lanterns"

// world is one site of a few nodes. A node that is cut off sees the state as it was and cannot have anything
// decided. Each command may also be lost on the way, or its answer.
type world struct {
	t     testing.TB
	mux   *edge.Mux
	state *edgetest.State
	now   time.Time
	nodes []*box
	log   [][]byte // bodies of all commands
}

// box is one node.
type box struct {
	*Service
	w      *world
	off    bool
	frozen map[string][]byte // the state when it was cut off
	local  *memory
	fault  string // of the next command: lost, unanswered
}

type memory struct {
	mu   sync.Mutex
	rows map[string][]byte
	fail error
}

func (m *memory) Put(k string, v []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail == nil {
		m.rows[k] = bytes.Clone(v)
	}
	return m.fail
}

func (m *memory) Delete(k string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.rows, k)
	return nil
}

func (m *memory) Each(f func(string, []byte) error) error {
	for k, v := range maps.Clone(m.rows) {
		if err := f(k, v); err != nil {
			return err
		}
	}
	return nil
}

const pageOrigin, pageName = "https://clinic-7.example.org:8443", "clinic-7.example.org"

func newWorld(t testing.TB, nodes int) *world {
	t.Helper()
	w := &world{t: t, mux: edge.NewMux(), now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}
	w.state = edgetest.New(edge.Actor{}, w.now)
	Register(w.mux)
	for range nodes {
		w.nodes = append(w.nodes, w.start(&memory{rows: map[string][]byte{}}))
	}
	return w
}

func (w *world) start(local *memory) *box {
	r, err := passkey.New(passkey.Options{Name: pageName, Origins: []string{pageOrigin}})
	if err != nil {
		w.t.Fatal(err)
	}
	b := &box{w: w, local: local}
	b.Service, err = New(Options{Site: "clinic-7", Node: edge.NodeID{byte(len(w.nodes) + 1)}, View: b.view, Propose: b,
		Passwords: password.NewHasher(password.Cost{Memory: 64, Passes: 1, Threads: 1}), Deciding: func() bool { return !b.off }, Local: local, Now: func() time.Time { return w.now }, Passkeys: func() *passkey.Relying { return r }})
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// restart is the node after a power cut: its own store and nothing else is left.
func (w *world) restart(i int) {
	old := w.nodes[i]
	b := w.start(old.local)
	b.off, b.frozen = old.off, old.frozen
	w.nodes[i] = b
}

func (b *box) view(f func(edge.View) error) error {
	if b.off {
		return f(&edgetest.State{Rows: b.frozen})
	}
	return f(b.w.state)
}

func (b *box) cut() {
	if !b.off {
		b.off, b.frozen = true, maps.Clone(b.w.state.Rows)
	}
}

func (b *box) heal() {
	b.off = false
	if err := b.tellOffline(b.w.ctx()); err != nil {
		b.w.t.Fatal(err)
	}
}

// Propose implements edge.Proposer.
func (b *box) Propose(_ context.Context, c edge.Command) (edge.Outcome, error) {
	unknown := edge.E(edge.Unavailable, "it is not known whether the request was carried out")
	fault := b.fault
	b.fault = ""
	if b.off || fault == "lost" {
		return edge.Outcome{}, unknown
	}
	out := b.w.do(c)
	if fault == "unanswered" {
		return edge.Outcome{}, unknown
	}
	return out, nil
}

func (w *world) do(c edge.Command) (out edge.Outcome) {
	w.log = append(w.log, c.Body)
	h, err := w.mux.Handler(c.Type)
	if err != nil {
		w.t.Fatal(err)
	}
	w.state.By, w.state.Time = c.Actor, w.now
	err = w.state.Try(func(tx edge.Tx) (err error) { out.Reply, err = h(tx, c.Body); return err })
	if err != nil {
		out.Err = &edge.Error{Kind: edge.KindOf(err), Msg: err.Error()}
	}
	return out
}

// ctx is a request from a browser nobody has seen before.
func (w *world) ctx() context.Context { return w.from("", "192.0.2.1") }

func (w *world) from(device, addr string) context.Context {
	return auth.WithRequest(w.t.Context(), auth.Request{Peer: netip.MustParseAddr(addr), Device: device, Agent: "test"})
}

func (w *world) caller(b *box, session string) auth.Caller {
	w.t.Helper()
	c, err := b.Authenticate(w.t.Context(), auth.Credentials{Bearer: session})
	if err != nil {
		w.t.Fatalf("a good session is refused: %v", err)
	}
	return c
}

// in reports whether a session opens anything at a node.
func (b *box) in(session string) bool {
	_, err := b.Authenticate(b.w.t.Context(), auth.Credentials{Cookie: session})
	if err != nil && !edge.IsKind(err, edge.Denied) {
		b.w.t.Fatal(err)
	}
	return err == nil
}

// owner sets the site up and returns the owner's session.
func (w *world) owner() *identityv1.SignedIn {
	w.t.Helper()
	code, err := w.nodes[0].EnsureSetup(w.ctx())
	if err != nil || code == "" {
		w.t.Fatalf("set-up code %q, %v", code, err)
	}
	in, err := w.nodes[0].SetUp(w.ctx(), auth.Caller{}, &identityv1.SetUpRequest{Code: strings.ToLower(code), Login: "Mira", DisplayName: "Mira Hassan", Language: "id", Password: goodPassword})
	if err != nil {
		w.t.Fatal(err)
	}
	return in
}

// join invites somebody and lets them come in.
func (w *world) join(owner *identityv1.SignedIn, login string, roles ...string) *identityv1.SignedIn {
	w.t.Helper()
	b := w.nodes[0]
	i, err := b.CreateInvitation(w.ctx(), w.caller(b, owner.Session), &identityv1.CreateInvitationRequest{Roles: roles})
	if err != nil {
		w.t.Fatal(err)
	}
	in, err := b.AcceptInvitation(w.ctx(), auth.Caller{}, &identityv1.AcceptInvitationRequest{Code: i.Code, Login: login, Password: otherPassword})
	if err != nil {
		w.t.Fatal(err)
	}
	return in
}

func (b *box) signIn(ctx context.Context, login, pass, code string) (*identityv1.SignedIn, error) {
	return b.SignIn(ctx, auth.Caller{}, &identityv1.SignInRequest{Login: login, Password: pass, Code: code})
}

// app gives somebody an authenticator app and returns its secret and the recovery codes.
func (w *world) app(b *box, session string) (secret []byte, codes []string) {
	w.t.Helper()
	c := w.caller(b, session)
	if _, err := b.BeginTotp(w.ctx(), c, &identityv1.BeginTotpRequest{}); err != nil {
		w.t.Fatal(err)
	}
	id, _ := edge.ParseID(c.ID)
	secret = b.pending.all[id].secret
	out, err := b.ConfirmTotp(w.ctx(), c, &identityv1.ConfirmTotpRequest{Code: w.code(secret)})
	if err != nil {
		w.t.Fatal(err)
	}
	w.now = w.now.Add(90 * time.Second) // past the code that confirmed it
	return secret, out.Codes
}

func (w *world) code(secret []byte) string {
	code, err := totp.Code(secret, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	return code
}

// ask has a person carry out a command of the schema.
func ask(w *world, session, op string, in proto.Message) error {
	w.t.Helper()
	body, err := proto.Marshal(in)
	if err != nil {
		w.t.Fatal(err)
	}
	out := w.do(edge.Command{ID: edge.NewID(), Type: "identity." + op, Actor: w.caller(w.nodes[0], session).Actor, Body: body})
	if out.Err != nil {
		return out.Err
	}
	return nil
}

func sessionID(secret string) string { return token.IDOf(secret).String() }
