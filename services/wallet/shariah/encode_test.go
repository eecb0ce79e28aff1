package shariah_test

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/shariah"
)

// A decision that was stored explains itself as it did, and is refused as it was, by the set that made it only.
func TestStoredDecisions(t *testing.T) {
	c, other := compiled(t, shariah.Builtin()), compiled(t, changed(t, `"version": 1`, `"version": 2`))
	rapid.Check(t, func(t *rapid.T) {
		f := anyFacts(t)
		d := c.Decide(&f)
		data := d.Append(nil)
		back, err := shariah.DecodeDecision(data)
		if err != nil || !bytes.Equal(back.Append(nil), data) {
			t.Fatalf("%x: %v", data, err)
		}
		again, ok := c.Recall(back)
		if !ok || again.Text("ur") != d.Text("ur") || len(again.Notes) != len(d.Notes) || (again.Err("en") == nil) != (d.Err("en") == nil) {
			t.Fatalf("%+v became %+v", d, again)
		}
		if e, was := again.Err("en"), d.Err("en"); was != nil && (e.Code != was.Code || e.Msg != was.Msg || len(e.Facts) != len(was.Facts)) {
			t.Fatalf("%v became %v", was, e)
		}
		for i := range d.Notes {
			if again.Notes[i].Text("ar") != d.Notes[i].Text("ar") {
				t.Fatalf("note %d: %q", i, again.Notes[i].Text("ar"))
			}
		}
		if _, ok := other.Recall(back); ok {
			t.Fatal("another version spoke for it")
		}
	})
}

func TestStoredForm(t *testing.T) {
	d := shariah.Decision{Act: shariah.Deny, Rule: "A-1", SetName: "s", SetVersion: 300, To: shariah.Charity, Facts: []edge.Fact{{Name: "n", Value: "v"}}, Notes: []shariah.Note{{Rule: "B-1"}}}
	want := []byte{1, 4, 11, 3, 'A', '-', '1', 1, 's', 0xac, 2, 1, 1, 'n', 1, 'v', 1, 3, 'B', '-', '1', 0}
	if got := d.Append(nil); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	for i := range want {
		if _, err := shariah.DecodeDecision(want[:i]); !edge.IsKind(err, edge.Corrupt) {
			t.Errorf("%d bytes of it: %v", i, err)
		}
	}
	for name, data := range map[string][]byte{"more": append(bytes.Clone(want), 0), "no act": {1, 9, 0, 0, 0, 1, 0, 0}, "no fund": {1, 0, 99, 0, 0, 1, 0, 0}, "a huge list": {1, 0, 0, 0, 0, 1, 0xff, 0xff, 0x7f}} {
		if _, err := shariah.DecodeDecision(data); !edge.IsKind(err, edge.Corrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecodeDecision(f *testing.F) {
	f.Add([]byte{1, 4, 11, 3, 'A', '-', '1', 1, 's', 0xac, 2, 1, 1, 'n', 1, 'v', 1, 3, 'B', '-', '1', 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		if d, err := shariah.DecodeDecision(data); err == nil {
			if again := d.Append(nil); !bytes.Equal(again, data) {
				t.Errorf("%x is written as %x", data, again)
			}
			_ = d.Err("en")
		}
	})
}
