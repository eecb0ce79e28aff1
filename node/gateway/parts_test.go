package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/gatewaytest"
	"github.com/aielon/edge/node/gateway/method"
)

// A ledger is a site that moves sums, as the sample schema has it. It remembers what it answered.
type ledger struct {
	t    testing.TB
	mu   sync.Mutex // guards what follows
	done []edge.Command
	was  map[edge.ID]remembered
	fail func(n int) (lost bool, err error) // of the nth command that is evaluated; lost: before that
	hold func(n int)                        // called before the nth
}

func (l *ledger) Propose(_ context.Context, c edge.Command) (edge.Outcome, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if was, ok := l.was[c.ID]; ok {
		if !bytes.Equal(was.body, c.Body) {
			return edge.Outcome{}, edge.E(edge.Conflict, "this identifier was used before for another request")
		}
		was.out.Again = true
		return was.out, nil
	}
	n := len(l.done)
	if l.hold != nil {
		l.hold(n)
	}
	var lost bool
	var err error
	if l.fail != nil {
		if lost, err = l.fail(n); lost {
			return edge.Outcome{}, err
		}
	}
	l.done = append(l.done, c)
	o := edge.Outcome{Index: uint64(100 + n), Pos: edge.Pos{Seq: uint64(n)}, Reply: l.reply(c)}
	if e, ok := err.(*edge.Error); ok && e.Kind == edge.Refused {
		o.Reply, o.Err, err = nil, e, nil
	}
	l.was[c.ID] = remembered{c.Body, o}
	return o, err
}

// reply says of each move that it is done, or that it waits where it goes to "slow".
func (l *ledger) reply(c edge.Command) []byte {
	state := map[bool]string{true: "WAITS", false: "DONE"}
	moved := func(m proto.Message) string {
		return fmt.Sprintf(`{"id":%q,"state":%q}`, gatewaytest.Text(m, "from")+">"+gatewaytest.Text(m, "to"), state[gatewaytest.Text(m, "to") == "slow"])
	}
	kind, text := "Moved", ""
	switch c.Type {
	case "sample.move":
		in := gatewaytest.New(l.t, "MoveRequest")
		proto.Unmarshal(c.Body, in)
		text = moved(in)
	case "sample.undo", "sample.keep":
		in := gatewaytest.New(l.t, "UndoRequest") // the other looks the same
		proto.Unmarshal(c.Body, in)
		text = fmt.Sprintf(`{"id":%q}`, c.Type+" "+gatewaytest.Text(in, "id"))
	default:
		in := gatewaytest.New(l.t, "MoveAllRequest")
		proto.Unmarshal(c.Body, in)
		list := in.Get(in.Descriptor().Fields().ByName("moves")).List()
		var all []string
		for i := range list.Len() {
			all = append(all, moved(list.Get(i).Message().Interface()))
		}
		text = strings.Join(all, ",")
		kind, text = "MoveAllResponse", fmt.Sprintf(`{"waits":%v,"moved":[%s],"total":%d}`, strings.Contains(text, "WAITS"), text, 100+len(l.done))
	}
	out := gatewaytest.New(l.t, kind)
	if err := protojson.Unmarshal([]byte(text), out); err != nil {
		l.t.Error(err)
	}
	b, _ := proto.Marshal(out)
	return b
}

func (l *ledger) Ask(context.Context, string, proto.Message, bool) (proto.Message, uint64, error) {
	return gatewaytest.New(l.t, "Account"), 7, nil
}

func (l *ledger) WaitApplied(context.Context, uint64) error { return nil }

// bodies are the commands that were evaluated, as JSON.
func (l *ledger) bodies() (list []string) {
	for _, c := range l.done {
		in := gatewaytest.New(l.t, "MoveAllRequest")
		proto.Unmarshal(c.Body, in)
		var s strings.Builder
		moves := in.Get(in.Descriptor().Fields().ByName("moves")).List()
		for i := range moves.Len() {
			s.WriteString(gatewaytest.Text(moves.Get(i).Message().Interface(), "from"))
		}
		list = append(list, s.String()+gatewaytest.Text(in, "note"))
	}
	return list
}

// budget counts what callers are charged.
type budget struct {
	mu   sync.Mutex // guards what follows
	cost int
	most int // 0: no end
}

func (*budget) Address(call.Request) error { return nil }

func (b *budget) Principal(_ call.Request, cost int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cost += cost
	if b.most > 0 && b.cost > b.most {
		return edge.E(edge.Exhausted, "too much was asked for")
	}
	return nil
}

type ledgerBench struct {
	*bench
	ledger *ledger
	budget *budget
}

func newLedgerBench(t testing.TB) *ledgerBench { return guardedLedger(t, &guard{}, &people{}) }

func guardedLedger(t testing.TB, g Guard, who Authenticator) *ledgerBench {
	t.Helper()
	methods, err := method.New(gatewaytest.Ledger(t))
	if err != nil {
		t.Fatal(err)
	}
	b := &ledgerBench{&bench{}, &ledger{t: t, was: map[edge.ID]remembered{}}, &budget{}}
	b.g, err = New(Options{Methods: methods, Backend: b.ledger, Locals: NewLocals(), Who: who, Guard: g, Limit: b.budget, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	doors, err := b.g.Handler(nil)
	if err != nil {
		t.Fatal(err)
	}
	b.h = &Entrance{Next: doors}
	return b
}

const (
	batchPath = "/v1/sample/moves:batch"
	batchRPC  = "/aielon.sample.v1.Ledger/MoveAll"
)

// moves is a request with one move from each letter.
func moves(letters string) string {
	var list []string
	for _, c := range letters {
		list = append(list, move(c))
	}
	return `{"moves":[` + strings.Join(list, ",") + `],"feeFrom":"z","note":"!"}`
}

func move(from rune) string { return fmt.Sprintf(`{"from":"%c","to":"t","amount":"1"}`, from) }

// made are the ids of the moves an answer tells of, as letters.
func made(t *testing.T, body string) string {
	t.Helper()
	var out struct {
		Moved []struct{ ID string }
		Total int
	}
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	var s strings.Builder
	for _, m := range out.Moved {
		s.WriteString(m.ID[:1])
	}
	return fmt.Sprintf("%s %d", s.String(), out.Total)
}

func TestParts(t *testing.T) {
	for _, path := range []string{batchPath, batchRPC} {
		b := newLedgerBench(t)
		w := b.do("POST", path, "good", moves("abcdefgh"), "Idempotency-Key", "k")
		if got := made(t, w.Body.String()); w.Code != 200 || got != "abcdefgh 103" {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		if got := fmt.Sprint(b.ledger.bodies()); got != "[abc! def! gh!]" {
			t.Errorf("%s: commands %s", path, got)
		}
		first := b.ledger.done[0].ID
		for i, c := range b.ledger.done {
			want := first
			if i > 0 {
				sum := sha256.Sum256(fmt.Appendf(nil, "%s|%d", first, i))
				copy(want[:], sum[:])
			}
			if c.ID != want || c.Actor.ID != "amina" || c.Type != "sample.move_all" {
				t.Errorf("%s: command %d is %v %v %s", path, i, c.ID, c.Actor, c.Type)
			}
		}
		if h := w.Header(); h.Get(call.Index) != "102" || !strings.HasPrefix(h.Get(call.Position), "0/2/") || h.Get(call.Again) != "" {
			t.Errorf("%s: %v", path, h)
		}
		if b.budget.cost != 3 {
			t.Errorf("%s: three parts cost %d", path, b.budget.cost)
		}
		w = b.do("POST", path, "good", moves("abcdefgh"), "Idempotency-Key", "k")
		if got := made(t, w.Body.String()); got != "abcdefgh 103" || len(b.ledger.done) != 3 || w.Header().Get(call.Again) != "true" || w.Header().Get(call.Replayed) != "true" {
			t.Errorf("%s, again: %s %d %v", path, got, len(b.ledger.done), w.Header())
		}
		if w := b.do("POST", path, "good", moves("abcdxfgh"), "Idempotency-Key", "k"); w.Code != 409 || len(b.ledger.done) != 3 {
			t.Errorf("%s: another request under the key: %d %s", path, w.Code, w.Body)
		}
	}
}

// What fits one command is one, and its name is the one the first part of a longer request has.
func TestOnePart(t *testing.T) {
	b := newLedgerBench(t)
	b.do("POST", batchPath, "good", moves("abc"), "Idempotency-Key", "k")
	if got := fmt.Sprint(b.ledger.bodies()); got != "[abc!]" || b.budget.cost != 1 {
		t.Fatalf("%s for %d", got, b.budget.cost)
	}
	b.do("POST", batchPath, "good", moves("abcd"), "Idempotency-Key", "k")
	if got := fmt.Sprint(b.ledger.bodies()); got != "[abc! d!]" {
		t.Fatal(got)
	}
}

// A part fails, once so that it is lost and once so that it went through, and once for good.
func TestPartsFailInTheMiddle(t *testing.T) {
	away, frozen := edge.E(edge.Unavailable, "nobody leads"), edge.E(edge.Refused, "the account is frozen").WithCode("account_frozen", edge.Fact{Name: "account", Value: "e"})
	for name, tc := range map[string]struct {
		err    error
		lost   bool
		status int
		code   string
		facts  string
		after  string // commands that are evaluated when it was tried again
		ok     bool   // trying again helps
	}{
		"lost":    {away, true, 503, "", "part=2;parts=3;decided=3;", "[abc! def! gh!]", true},
		"through": {away, false, 503, "", "part=2;parts=3;decided=3;", "[abc! def! gh!]", true},
		"refused": {frozen, false, 422, "account_frozen", "account=e;part=2;parts=3;decided=3;", "[abc! def!]", false},
		"fault":   {edge.E(edge.Internal, "row 17").WithCode("row_broken", edge.Fact{Name: "row", Value: "17"}), true, 500, "", "part=2;parts=3;decided=3;", "[abc! def! gh!]", true},
	} {
		t.Run(name, func(t *testing.T) {
			b, failed := newLedgerBench(t), false
			b.ledger.fail = func(n int) (bool, error) {
				if n != 1 || failed {
					return false, nil
				}
				failed = true
				return tc.lost, tc.err
			}
			w := b.do("POST", batchPath, "good", moves("abcdefgh"), "Idempotency-Key", "k")
			var p details
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatal(err)
			}
			got := refusal(p.Title, p.Detail, p.Code, p.Facts)
			if w.Code != tc.status || got.code != tc.code || got.facts != tc.facts || !strings.HasPrefix(got.detail, "3 items are decided; items 4 to 6, part 2 of 3: ") || strings.Contains(w.Body.String(), "17") {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if want := map[bool]string{true: "abc", false: "abcdef"}[tc.lost]; strings.Join(letters(b.ledger.bodies()), "") != want {
				t.Fatalf("it went on: %v", b.ledger.bodies())
			}
			w = b.do("POST", batchPath, "good", moves("abcdefgh"), "Idempotency-Key", "k")
			if fmt.Sprint(b.ledger.bodies()) != tc.after || (w.Code == 200) != tc.ok || w.Header().Get(call.Again) != "" {
				t.Fatalf("again: %d %s %v %v", w.Code, w.Body, w.Header(), b.ledger.bodies())
			}
			if tc.ok && !strings.HasPrefix(made(t, w.Body.String()), "abcdefgh ") {
				t.Fatalf("again: %s", w.Body)
			}
		})
	}
}

func letters(bodies []string) (out []string) {
	for _, b := range bodies {
		out = append(out, strings.TrimSuffix(b, "!"))
	}
	return out
}

// Who cannot pay for all parts has none done.
func TestPartsArePaidFirst(t *testing.T) {
	b := newLedgerBench(t)
	b.budget.most = 2
	if w := b.do("POST", batchPath, "good", moves("abcdefgh")); w.Code < 400 || len(b.ledger.done) != 0 {
		t.Fatalf("%d %s, %d done", w.Code, w.Body, len(b.ledger.done))
	}
}

// A command that is not finished is answered by 202 over REST, and in full.
func TestPending(t *testing.T) {
	b := newLedgerBench(t)
	slow := strings.Replace(move('a'), `"t"`, `"slow"`, 1)
	for _, tc := range []struct {
		path, body string
		head       []string
		status     int
	}{
		{"/v1/sample/moves", move('a'), nil, 200},
		{"/v1/sample/moves", move('a'), []string{"Prefer", "return=minimal"}, 204},
		{"/v1/sample/moves", slow, nil, 202},
		{"/v1/sample/moves", slow, []string{"Prefer", "return=minimal"}, 202},
		{batchPath, moves("abc"), nil, 200},
		{batchPath, strings.Replace(moves("abcdefgh"), `"to":"t"`, `"to":"slow"`, 1), nil, 202}, // in the first of three parts
		{"/aielon.sample.v1.Ledger/Move", slow, nil, 200},
	} {
		w := b.do("POST", tc.path, "good", tc.body, tc.head...)
		if w.Code != tc.status || tc.status == 202 && !strings.Contains(w.Body.String(), "WAITS") {
			t.Errorf("%s %s: %d %s", tc.path, tc.body, w.Code, w.Body)
		}
		if strings.HasPrefix(tc.body, `{"moves`) && tc.status == 202 && !strings.Contains(w.Body.String(), `"waits":true`) {
			t.Errorf("one part waits, and the whole does not: %s", w.Body)
		}
	}
}

// Everything a request names is what its guard is asked about.
func TestObjects(t *testing.T) {
	b := newLedgerBench(t)
	m, _ := b.g.o.Methods.ByProcedure(batchRPC)
	in := m.NewIn()
	if err := protojson.Unmarshal([]byte(moves("abacb")), in); err != nil {
		t.Fatal(err)
	}
	if got, err := m.Objects(in); err != nil || strings.Join(got, "") != "abcz" {
		t.Fatalf("%v %v", got, err)
	}
}
