package edge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestIDText(t *testing.T) {
	a, b := NewID(), NewID()
	if a == b {
		t.Fatal("two new IDs are the same")
	}
	got, err := ParseID(a.String())
	if err != nil || got != a {
		t.Fatalf("ParseID(%s) = %v, %v", a, got, err)
	}
	for _, bad := range []string{"", "x", a.String() + "0", "!!!!!!!!!!!!!!!!!!!!!!!!!!"} {
		if _, err := ParseID(bad); !IsKind(err, Invalid) {
			t.Errorf("ParseID(%q): got %v, want an invalid error", bad, err)
		}
	}
}

func TestIDsSortByTime(t *testing.T) {
	a := NewID()
	time.Sleep(2 * time.Millisecond)
	if b := NewID(); b.String() <= a.String() {
		t.Fatalf("%s was made after %s but sorts before it", b, a)
	}
}

func TestErrorKeepsKindThroughWrapping(t *testing.T) {
	err := fmt.Errorf("open journal: %w", E(Exhausted, "the disk is full: %w", io.ErrShortWrite).WithHint("free %d MB", 64))
	if KindOf(err) != Exhausted || !errors.Is(err, io.ErrShortWrite) {
		t.Fatalf("kind %v, chain broken in %v", KindOf(err), err)
	}
	if got, want := err.Error(), "open journal: the disk is full: short write (free 64 MB)"; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
	if KindOf(io.EOF) != Internal || IsKind(nil, Internal) {
		t.Fatal("foreign errors are internal, and nil is no error")
	}
}

func TestUrgencyNames(t *testing.T) {
	for _, u := range Urgencies() {
		if got, err := ParseUrgency(u.String()); err != nil || got != u {
			t.Errorf("%v: got %v, %v", u, got, err)
		}
	}
	if _, err := ParseUrgency("soon"); !IsKind(err, Invalid) {
		t.Errorf("got %v, want an invalid error", err)
	}
}

type in struct{ Name string }

func TestMuxDecodesStrictly(t *testing.T) {
	m := NewMux()
	Do(m, Op{Name: "hello"}, func(_ Tx, in in) (string, error) { return "hello " + in.Name, nil })
	h, err := m.Handler("hello")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := h(nil, []byte(`{"Name":"x"}`)); err != nil || string(out) != `"hello x"` {
		t.Fatalf("got %s, %v", out, err)
	}
	for _, bad := range []string{``, `{`, `{"Nmae":"x"}`, `{"Name":"x"}{}`, `{"Name":1}`} {
		if _, err := h(nil, []byte(bad)); !IsKind(err, Invalid) {
			t.Errorf("%s: got %v, want an invalid error", bad, err)
		}
	}
	if _, err := m.Handler("bye"); !IsKind(err, NotFound) {
		t.Errorf("got %v, want a not found error", err)
	}
}

// The body of a reading must be JSON that any SenML reader accepts.
func TestSenMLIsJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, yes := rapid.String().Draw(t, "text"), rapid.Bool().Draw(t, "bool")
		v := rapid.Float64().Draw(t, "v")
		received := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "s"), rapid.Int64Range(0, 999).Draw(t, "ms")*1e6).UTC()
		r := Reading{Device: rapid.String().Draw(t, "device"), Received: received, DeviceTime: received.Add(-time.Second), Confidence: Exact,
			Samples: []Sample{{Name: "v", Unit: "Cel", Value: &v}, {Name: text, Text: &text}, {Name: "b", Bool: &yes, Time: received.Add(-1500 * time.Millisecond)}, {Name: "d", Data: []byte{1, 2}}}}
		var pack []struct {
			N  string   `json:"n"`
			V  *float64 `json:"v"`
			VB *bool    `json:"vb"`
			BT float64  `json:"bt"`
			T  float64  `json:"t"`
		}
		if err := json.Unmarshal(r.AppendSenML(nil), &pack); err != nil {
			t.Fatalf("%s: %v", r.AppendSenML(nil), err)
		}
		if len(pack) != 4 || !math.IsInf(v, 0) && *pack[0].V != v || *pack[2].VB != yes || pack[2].T != -1.5 {
			t.Fatalf("got %s", r.AppendSenML(nil))
		}
		if d := pack[0].BT - float64(received.UnixMilli())/1000; math.Abs(d) > 0.0005 {
			t.Fatalf("base time is off by %v s", d)
		}
	})
}

func BenchmarkAppendSenML(b *testing.B) {
	v := 21.5
	r := Reading{Device: "fridge-1", Received: time.Unix(1.7e9, 0), Samples: []Sample{{Name: "temperature", Unit: "Cel", Value: &v}}}
	var buf []byte
	for b.Loop() {
		buf = r.AppendSenML(buf[:0])
	}
}
