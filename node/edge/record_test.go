package edge

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func anyEvent(t *rapid.T) Event {
	return Event{
		Type:    rapid.StringMatching(`[a-z.]{1,40}`).Draw(t, "type"),
		Subject: rapid.StringN(0, 100, MaxSubject).Draw(t, "subject"),
		Class:   Class(rapid.IntRange(0, 3).Draw(t, "class")),
		Urgency: Urgency(rapid.IntRange(1, 6).Draw(t, "urgency")),
		Time:    time.Unix(0, rapid.Int64().Draw(t, "time")).UTC(),
		Body:    rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "body"),
	}
}

func TestEventRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, tail := anyEvent(t), rapid.SliceOf(rapid.Byte()).Draw(t, "tail")
		got, rest, err := DecodeEvent(append(AppendEvent(nil, e), tail...))
		if err != nil {
			t.Fatalf("decode: %v", err)
		}
		if got.Type != e.Type || got.Subject != e.Subject || got.Class != e.Class || got.Urgency != e.Urgency ||
			!got.Time.Equal(e.Time) || !bytes.Equal(got.Body, e.Body) {
			t.Fatalf("got %+v, want %+v", got, e)
		}
		if !bytes.Equal(rest, tail) {
			t.Fatalf("rest is %x, want %x", rest, tail)
		}
	})
}

func TestDecodeEventRefusesEveryTruncation(t *testing.T) {
	b := AppendEvent(nil, Event{Type: "device.reading", Subject: "fridge", Urgency: Telemetry, Time: time.Unix(1, 0), Body: []byte("[]")})
	for n := range b {
		if _, _, err := DecodeEvent(b[:n]); !IsKind(err, Corrupt) {
			t.Errorf("cut at %d of %d: got %v, want a corrupt error", n, len(b), err)
		}
	}
}

// The encoding is what old nodes have on disk and what hubs chain over: these bytes may never change.
func TestEventGolden(t *testing.T) {
	e := Event{Type: "t", Subject: "s", Class: Personal, Urgency: Care, Time: time.Unix(1, 2).UTC(), Body: []byte{0xff}}
	want := []byte{1, 3, 2, 0, 0, 0, 0, 0x3b, 0x9a, 0xca, 0x02, 1, 't', 1, 's', 1, 0xff}
	if got := AppendEvent(nil, e); !bytes.Equal(got, want) {
		t.Fatalf("got  %x\nwant %x", got, want)
	}
	p := Genesis("readings.telemetry", 7, Pos{}).Next(want)
	if got, want := p.String(), "7/1/"; !strings.HasPrefix(got, want) {
		t.Fatalf("got %s, want %s…", got, want)
	}
}

func TestChainTellsHistoriesApart(t *testing.T) {
	a := AppendEvent(nil, Event{Type: "a", Urgency: Bulk, Time: time.Unix(0, 0)})
	b := AppendEvent(nil, Event{Type: "b", Urgency: Bulk, Time: time.Unix(0, 0)})
	g := Genesis("s", 1, Pos{})
	sums := map[[32]byte]string{}
	for name, p := range map[string]Pos{
		"ab": g.Next(a).Next(b), "ba": g.Next(b).Next(a), "a": g.Next(a), "aa": g.Next(a).Next(a),
		"other stream": Genesis("r", 1, Pos{}), "other epoch": Genesis("s", 2, Pos{}), "forked": Genesis("s", 1, g.Next(a)), "genesis": g,
	} {
		if other, clash := sums[p.Sum]; clash {
			t.Errorf("%q and %q have the same sum", name, other)
		}
		sums[p.Sum] = name
	}
}

func TestCheckEvent(t *testing.T) {
	ok := Event{Type: "x", Urgency: Critical}
	for name, change := range map[string]func(*Event){
		"no type":      func(e *Event) { e.Type = "" },
		"long type":    func(e *Event) { e.Type = strings.Repeat("x", MaxType+1) },
		"long subject": func(e *Event) { e.Subject = strings.Repeat("x", MaxSubject+1) },
		"long body":    func(e *Event) { e.Body = make([]byte, MaxBody+1) },
		"no urgency":   func(e *Event) { e.Urgency = 0 },
		"urgency 7":    func(e *Event) { e.Urgency = 7 },
		"class 4":      func(e *Event) { e.Class = 4 },
	} {
		e := ok
		change(&e)
		if err := CheckEvent(e); !IsKind(err, Invalid) {
			t.Errorf("%s: got %v, want an invalid error", name, err)
		}
	}
	if err := CheckEvent(ok); err != nil {
		t.Errorf("a good event was refused: %v", err)
	}
}

func FuzzDecodeEvent(f *testing.F) {
	f.Add(AppendEvent(nil, Event{Type: "t", Subject: "s", Urgency: Ledger, Time: time.Unix(3, 4), Body: []byte("b")}))
	f.Add([]byte{1, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, rest, err := DecodeEvent(b)
		if err != nil {
			return
		}
		if again := AppendEvent(nil, e); !bytes.Equal(again, b[:len(b)-len(rest)]) {
			t.Fatalf("%x was accepted but is written as %x", b[:len(b)-len(rest)], again)
		}
	})
}
