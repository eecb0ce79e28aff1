package audit_test

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
)

var now = time.Date(2026, 11, 23, 8, 0, 0, 123456789, time.UTC)

func full() audit.Record {
	return audit.Record{Kind: audit.Access, Time: now, Actor: edge.Actor{Kind: edge.Person, ID: "p-17", Site: "clinic-1"}, Session: "s-3", Door: "rest",
		Address: strings.Repeat("0f", 16), Request: "01jd0000000000000000000000", Op: "patients.read", Object: audit.Object{Type: "patient", ID: "a/1"},
		Class: edge.Clinical, Money: true, Denied: true, Policies: []string{"role.clinician", "consent/7"}, Reason: "consent.missing", Glass: "g-1",
		Outcome: "denied", Pos: edge.Pos{Epoch: 0xab, Seq: 7, Sum: [32]byte{1, 2}}}
}

// The encoding is what leaf hashes are computed over: it must never change.
func TestGoldenRecord(t *testing.T) {
	e, err := full().ToEvent()
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"v":1,"who":"person","id":"p-17","site":"clinic-1","session":"s-3","door":"rest","addr":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f","request":"01jd0000000000000000000000","op":"patients.read","class":"clinical","money":true,"denied":true,"policies":["role.clinician","consent/7"],"reason":"consent.missing","glass":"g-1","outcome":"denied","epoch":"ab","seq":"7","sum":"0102000000000000000000000000000000000000000000000000000000000000"}`
	if string(e.Body) != want {
		t.Errorf("the encoding has changed:\n%s\n%s", e.Body, want)
	}
	if e.Type != "audit.access" || e.Subject != "patient/a/1" || e.Class != edge.Personal || e.Urgency != edge.Ledger || !e.Time.Equal(now) {
		t.Errorf("%+v", e)
	}
	back, err := audit.FromEvent(e)
	if err != nil || !reflect.DeepEqual(back, full()) {
		t.Errorf("%v\n%+v\n%+v", err, back, full())
	}
}

func TestRecordsRoundTrip(t *testing.T) {
	id := rapid.StringMatching(`[A-Za-z0-9._:/-]{0,20}`)
	code := rapid.StringMatching(`[a-z0-9_.-]{1,20}`)
	rapid.Check(t, func(t *rapid.T) {
		r := audit.Record{Kind: audit.Kind(rapid.IntRange(1, 3).Draw(t, "kind")), Time: now,
			Actor:   edge.Actor{Kind: edge.ActorKind(rapid.IntRange(0, 4).Draw(t, "who")), ID: id.Draw(t, "id"), Site: id.Draw(t, "site")},
			Session: id.Draw(t, "session"), Door: code.Draw(t, "door"), Request: id.Draw(t, "request"), Command: id.Draw(t, "command"), Op: code.Draw(t, "op"),
			Object: audit.Object{Type: code.Draw(t, "type"), ID: id.Draw(t, "object")}, Class: edge.Class(rapid.IntRange(0, 3).Draw(t, "class")),
			Money: rapid.Bool().Draw(t, "money"), Denied: rapid.Bool().Draw(t, "denied"), Reason: code.Draw(t, "reason"), Outcome: code.Draw(t, "outcome")}
		e, err := r.ToEvent()
		if err != nil {
			t.Fatal(err)
		}
		back, err := audit.FromEvent(e)
		if err != nil || !reflect.DeepEqual(back, r) {
			t.Fatalf("%v\n%+v\n%+v", err, back, r)
		}
	})
}

func TestRecordsRefuseWhatIsNoID(t *testing.T) {
	for name, spoil := range map[string]func(*audit.Record){
		"a name":          func(r *audit.Record) { r.Actor.ID = "Fatima Zahra" },
		"an e-mail":       func(r *audit.Record) { r.Session = "fatima@example.org" },
		"a sentence":      func(r *audit.Record) { r.Reason = "the consent of the patient is missing" },
		"arabic":          func(r *audit.Record) { r.Object.ID = "فاطمة" },
		"a clear address": func(r *audit.Record) { r.Address = "192.0.2.7" },
		"a quote":         func(r *audit.Record) { r.Op = `a","money":true,"x":"` },
		"a line":          func(r *audit.Record) { r.Request = "a\nb" },
		"two words":       func(r *audit.Record) { r.Command = "a b" },
		"a long id":       func(r *audit.Record) { r.Glass = strings.Repeat("a", 129) },
		"a policy":        func(r *audit.Record) { r.Policies = []string{"may do"} },
		"many policies":   func(r *audit.Record) { r.Policies = make([]string, 17) },
		"no operation":    func(r *audit.Record) { r.Op = "" },
		"no kind":         func(r *audit.Record) { r.Kind = 0 },
		"no type":         func(r *audit.Record) { r.Object.Type = "" },
	} {
		r := full()
		spoil(&r)
		if _, err := r.ToEvent(); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzFromEvent(f *testing.F) {
	e, _ := full().ToEvent()
	f.Add(e.Type, e.Subject, uint8(e.Class), e.Body)
	f.Add("audit.change", "device", uint8(1), []byte(`{"v":1,"who":"node","op":"a","class":"public"}`))
	f.Add("audit.change", "", uint8(0), []byte(`{"v":1,"v":1,"who":"node","op":"a","class":"public"}`))
	f.Fuzz(func(t *testing.T, typ, subject string, class uint8, body []byte) {
		e := edge.Event{Type: typ, Subject: subject, Class: edge.Class(class), Urgency: edge.Ledger, Time: now, Body: body}
		r, err := audit.FromEvent(e)
		if err != nil {
			if !edge.IsKind(err, edge.Corrupt) {
				t.Fatalf("%v is not Corrupt", err)
			}
			return
		}
		back, err := r.ToEvent()
		if err != nil || back.Subject != subject || !bytes.Equal(back.Body, body) || back.Class != e.Class || back.Type != typ {
			t.Fatalf("a record was read that is not canonical: %v %q %q", err, body, back.Body)
		}
	})
}

const canary = "KANARIENVOGEL"

func mask(t testing.TB) *audit.Mask {
	t.Helper()
	m, err := audit.NewMask(bytes.Repeat([]byte{9}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Whatever comes near the audit with something secret in it leaves without it.
func TestNothingSecretIsWrittenDown(t *testing.T) {
	tx := edgetest.New(edge.Actor{Kind: edge.Person, ID: canary + " Müller"}, now)
	m := edge.NewMux()
	type in struct{ Name, Secret string }
	edge.Do(m, edge.Op{Name: "patients.register", Class: edge.Clinical}, func(tx edge.Tx, x in) (in, error) {
		tx.Emit(edge.Event{Type: "patient.registered", Subject: "نام " + canary, Class: edge.Clinical, Urgency: edge.Care, Body: []byte(x.Secret)})
		return x, nil
	})
	m.OnDone(mask(t).Done)
	c := edge.Command{ID: edge.NewID(), Type: "patients.register", Actor: tx.By, Request: "req-77", Body: []byte(`{"Name":"` + canary + `","Secret":"` + canary + `"}`)}
	h, err := m.Handler(c.Type)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h(tx, c.Body); err != nil {
		t.Fatal(err)
	}
	facts := len(tx.Events)
	if err := m.Done(tx, c, tx.Events, nil); err != nil {
		t.Fatal(err)
	}
	log := ledger{}
	l := audit.NewLocal(&log, mask(t))
	secret := edge.E(edge.Denied, "%s may not", canary)
	r := audit.Record{Kind: audit.Decision, Actor: tx.By, Session: canary + "@x", Request: canary + " 1", Op: "patients.read", Denied: true, Outcome: audit.OutcomeOf(secret),
		Address: mask(t).Address(netip.MustParseAddr("192.0.2.7")), Object: audit.Object{Type: "patient", ID: "x " + canary}}
	if _, err := l.Append(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for _, e := range append(tx.Events[facts:], log.events...) {
		b := edge.AppendEvent(nil, e)
		if bytes.Contains(b, []byte(canary)) || bytes.Contains(b, []byte("192.0.2.7")) || bytes.Contains(b, []byte("Müller")) {
			t.Errorf("%q", b)
		}
	}
	got, err := audit.FromEvent(tx.Events[facts])
	if err != nil || got.Command != c.ID.String() || got.Request != c.Request || got.Op != c.Type || got.Object.Type != "patient" || got.Outcome != audit.OK || !got.Time.Equal(now) {
		t.Errorf("%v %+v", err, got)
	}
}

type ledger struct {
	events []edge.Event
	err    error
}

func (l *ledger) Append(_ context.Context, events ...edge.Event) (edge.Pos, error) {
	if l.err != nil {
		return edge.Pos{}, l.err
	}
	l.events = append(l.events, events...)
	return edge.Pos{Epoch: 1, Seq: uint64(len(l.events))}, nil
}

func TestWhoIsRecorded(t *testing.T) {
	for _, c := range []struct {
		op   edge.Op
		by   edge.ActorKind
		want bool
	}{
		{edge.Op{Name: "devices.register"}, edge.Person, true},
		{edge.Op{Name: "devices.register"}, edge.Node, false},
		{edge.Op{Name: "site.trim", Class: edge.SiteOnly}, edge.Device, false},
		{edge.Op{Name: "x.y"}, edge.Service, true},
		{edge.Op{Name: "x.y"}, edge.Nobody, true},
		{edge.Op{Name: "wallet.move", Money: true}, edge.Node, true},
		{edge.Op{Name: "patients.read", Class: edge.Clinical}, edge.Device, true},
	} {
		if got := audit.Audited(c.op, edge.Actor{Kind: c.by}); got != c.want {
			t.Errorf("%+v by %d: %v", c.op, c.by, got)
		}
	}
}

func TestWithoutARecordNothingIsDone(t *testing.T) {
	for _, cause := range []error{edge.E(edge.Exhausted, "full"), edge.E(edge.Unavailable, "closed"), errors.New("odd")} {
		done := false
		err := audit.NewLocal(&ledger{err: cause}, mask(t)).Then(t.Context(), full(), func() error { done = true; return nil })
		if err == nil || done || !errors.Is(err, cause) || edge.IsKind(err, edge.Internal) {
			t.Errorf("%v: %v, done %v", cause, err, done)
		}
	}
}

func TestAddressesAreComparedNotRead(t *testing.T) {
	m := mask(t)
	a, b := m.Address(netip.MustParseAddr("192.0.2.7")), m.Address(netip.MustParseAddr("::ffff:192.0.2.7"))
	other, err := audit.NewMask(bytes.Repeat([]byte{8}, 32))
	if err != nil {
		t.Fatal(err)
	}
	if a != b || a == m.Address(netip.MustParseAddr("192.0.2.8")) || a == other.Address(netip.MustParseAddr("192.0.2.7")) || m.Address(netip.Addr{}) != "" {
		t.Error("addresses are not hidden as they should be")
	}
}
