package guard_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/gatewaytest"
	"github.com/aielon/edge/node/gateway/guard"
	"github.com/aielon/edge/node/gateway/method"
	"github.com/aielon/edge/node/policy"
)

// records are what was written down.
type records struct{ list []audit.Record }

func (r *records) Append(_ context.Context, rec audit.Record) (edge.Pos, error) {
	r.list = append(r.list, rec)
	return edge.Pos{}, nil
}

type world struct {
	t       testing.TB
	guard   *guard.Guard
	methods *method.Table
	records *records
	views   int
	asked   []string
	broken  error
}

// newWorld is a site where a and b have an account each, "a1" and "b1", and more beginning with their letter.
func newWorld(t testing.TB) *world {
	t.Helper()
	engine, err := policy.New()
	if err != nil {
		t.Fatal(err)
	}
	mask, err := audit.NewMask(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, records: &records{}}
	if w.methods, err = method.New(gatewaytest.Ledger(t)); err != nil {
		t.Fatal(err)
	}
	state := edgetest.New(edge.Actor{}, time.Now())
	w.guard = guard.New(guard.Options{Engine: func() *policy.Engine { return engine }, Record: w.records, Mask: func() *audit.Mask { return mask }, Now: time.Now,
		View:    func(f func(edge.View) error) error { w.views++; return f(state) },
		Factors: func(auth.Caller) (bool, error) { return true, nil }, Online: func() bool { return true },
		Roles: func(string) ([]string, error) { return nil, nil },
		Owner: func(_ edge.View, typ, id string) (string, bool, error) {
			if typ != "account" {
				return "", false, nil
			}
			w.asked = append(w.asked, id)
			if len(id) > 1 && (id[0] == 'a' || id[0] == 'b') {
				return id[:1], true, w.broken
			}
			return "", true, w.broken
		}})
	return w
}

func (w *world) access(who, role, name, object string, objects ...string) gateway.Access {
	m, ok := w.methods.ByProcedure("/aielon.sample.v1.Ledger/" + name)
	if !ok {
		w.t.Fatalf("no %s", name)
	}
	return gateway.Access{Method: m, Object: object, Objects: objects, Request: call.Request{Door: "rest",
		Caller: auth.Caller{Actor: edge.Actor{Kind: edge.Person, ID: who}, Roles: []string{role}, Strength: auth.Passkey, Since: time.Now(), Until: time.Now().Add(time.Hour)}}}
}

func TestOwners(t *testing.T) {
	var many []string
	for i := range 600 {
		many = append(many, "a"+strconv.Itoa(i))
	}
	w := newWorld(t)
	for name, tc := range map[string]struct {
		who, role, method, object string
		objects                   []string
		kind                      edge.Kind
		ok                        bool
		refused                   string
	}{
		"one's own":                       {"a", "member", "GetAccount", "a1", nil, 0, true, ""},
		"another's":                       {"a", "member", "GetAccount", "b1", nil, edge.NotFound, false, ""},
		"what does not exist":             {"a", "member", "GetAccount", "c1", nil, edge.NotFound, false, ""},
		"another's, for an officer":       {"c", "wallet-officer", "GetAccount", "b1", nil, 0, true, ""},
		"what is not there, for officers": {"c", "wallet-officer", "GetAccount", "c1", nil, 0, true, ""}, // the method finds nothing
		"to move from one's own":          {"a", "member", "Move", "a1", nil, 0, true, ""},
		"to move from another's":          {"a", "member", "Move", "b1", nil, edge.NotFound, false, ""},
		"many of one's own":               {"a", "member", "MoveAll", "", many, 0, true, ""},
		"one of another's among them":     {"a", "member", "MoveAll", "", append(many[:500:500], "b1"), edge.NotFound, false, "b1"},
		"another's first":                 {"a", "member", "MoveAll", "", []string{"b1", "a1"}, edge.NotFound, false, "b1"},
		"one that is not there":           {"a", "member", "MoveAll", "", []string{"a1", "c1"}, edge.NotFound, false, "c1"},
		"for an officer":                  {"c", "wallet-officer", "MoveAll", "", []string{"a1", "b1", "c1"}, 0, true, ""},
		"object and objects":              {"a", "member", "MoveAll", "a1", []string{"a2", "b1"}, edge.NotFound, false, "b1"},
		"the object is another's":         {"a", "member", "MoveAll", "b1", []string{"a2", "a1"}, edge.NotFound, false, "b1"},
		"nothing is named":                {"a", "member", "MoveAll", "", nil, edge.Denied, false, ""},
	} {
		a := w.access(tc.who, tc.role, tc.method, tc.object, tc.objects...)
		v := w.guard.Decide(t.Context(), a)
		if (v.Refused == nil) != tc.ok || v.Refused != nil && edge.KindOf(v.Refused) != tc.kind || v.Object != tc.refused {
			t.Errorf("%s: %v, about %q", name, v.Refused, v.Object)
		}
		if v.Refused == nil && (len(v.Policies) == 0 || !v.Record) {
			t.Errorf("%s: allowed by %v, recorded: %v", name, v.Policies, v.Record)
		}
	}
	// A thing of others and one that does not exist are told the same.
	other, none := w.guard.Decide(t.Context(), w.access("a", "member", "GetAccount", "b1")), w.guard.Decide(t.Context(), w.access("a", "member", "GetAccount", "c1"))
	if other.Refused.Error() != none.Refused.Error() || other.Why != none.Why {
		t.Errorf("%v and %v", other, none)
	}
}

// All of a request's things are looked up in one view, each once; of types nobody knows owners of there is no view.
func TestOwnersAreLookedUpOnce(t *testing.T) {
	w := newWorld(t)
	w.guard.Decide(t.Context(), w.access("a", "member", "MoveAll", "a1", "a2", "a1", "a3"))
	if w.views != 1 || strings.Join(w.asked, " ") != "a2 a1 a3" {
		t.Errorf("%d views, asked for %v", w.views, w.asked)
	}
	w.broken = errors.New("the disk is gone")
	if v := w.guard.Decide(t.Context(), w.access("a", "member", "GetAccount", "a1")); edge.KindOf(v.Refused) != edge.Internal {
		t.Errorf("a failed look-up: %v", v.Refused)
	}
	w.broken, w.views = nil, 0
	a := w.access("a", "member", "GetAccount", "x1")
	m := *a.Method
	m.Rule = proto.CloneOf(m.Rule)
	m.Rule.Object = "shelf"
	a.Method = &m
	for range 3 {
		if v := w.guard.Decide(t.Context(), a); edge.KindOf(v.Refused) != edge.NotFound {
			t.Errorf("a thing nobody owns: %v", v.Refused)
		}
	}
	if w.views != 1 {
		t.Errorf("%d views for things without owners", w.views)
	}
}

// A record of a refusal names what was refused, that of a permission the first thing.
func TestRecordNamesTheThing(t *testing.T) {
	w := newWorld(t)
	mask, _ := audit.NewMask(make([]byte, 32))
	for _, tc := range []struct {
		objects []string
		want    string
	}{{[]string{"a1", "a2"}, "a1"}, {[]string{"a1", "b1"}, "b1"}} {
		a := w.access("a", "member", "MoveAll", "", tc.objects...)
		if err := w.guard.Note(t.Context(), a, w.guard.Decide(t.Context(), a)); err != nil {
			t.Fatal(err)
		}
		if got := w.records.list[len(w.records.list)-1].Object; got.Type != "account" || got.ID != mask.Asked("account", tc.want, true) {
			t.Errorf("%v: the record names %+v, not %s", tc.objects, got, tc.want)
		}
	}
}

func BenchmarkThings(b *testing.B) {
	w := newWorld(b)
	var ids []string
	for i := range 8190 {
		ids = append(ids, "a"+strconv.Itoa(i))
	}
	for name, a := range map[string]gateway.Access{"one": w.access("a", "member", "GetAccount", "a1"), "512": w.access("a", "member", "MoveAll", "", ids[:512]...), "8190": w.access("a", "member", "MoveAll", "", ids...)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if w.asked = w.asked[:0]; w.guard.Decide(b.Context(), a).Refused != nil {
					b.Fatal("refused")
				}
			}
		})
	}
}
