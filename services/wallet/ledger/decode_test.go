package ledger

import (
	"bytes"
	"testing"

	"github.com/aielon/edge/node/edge"
)

// Rows that were not written so are refused as damaged, and never upset the reader; what is read is written alike.
func FuzzRows(f *testing.F) {
	w := newWorld(f)
	a, b := w.open(1, cashKind, "amanah"), w.open(2, memberKind, "")
	if _, err := w.send(10, a, b, "70000000000000000000"); err != nil {
		f.Fatal(err)
	}
	for k, row := range w.state.Rows {
		f.Add(k[len(prefix)], row)
	}
	f.Fuzz(func(t *testing.T, kind byte, row []byte) {
		var err error
		var again []byte
		switch kind {
		case rowAccount:
			var a account
			if err = decodeAccount(edge.ID{}, row, func(b []byte) string { return string(b) }, &a); err == nil {
				again = a.append(nil)
			}
		case rowAbout:
			var a about
			if a, err = decodeAbout(row); err == nil {
				again = a.append(nil)
			}
		case rowBlock:
			var b *block
			if b, err = decodeBlock(row); err == nil {
				again = appendBlockHead(nil, *b)
				for i := range b.entries {
					again = appendEntry(again, &b.entries[i])
				}
			}
		case rowTotal:
			var s totals
			if err = decodeTotals(row, &s); err == nil {
				again = s.append(nil)
			}
		case rowHold:
			var h hold
			if h, err = decodeHold(row); err == nil {
				again = h.append(nil)
			}
		case rowID:
			var o outcome
			if o, err = decodeOutcome(row); err == nil {
				again = o.append(nil)
			}
		default:
			return
		}
		if err != nil && !edge.IsKind(err, edge.Corrupt) {
			t.Fatal(err)
		}
		if err == nil && !bytes.Equal(again, row) {
			t.Fatalf("%c: %x reads as %x", kind, row, again)
		}
	})
}
