package site

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

// What a released version wrote must be read for ever: these are its formats, byte for byte. A change
// here needs a new version number and a decoder for the old one.
func TestFormatsOfVersion1(t *testing.T) {
	b := &batch{
		Base:   head{Count: 7, Sum: [32]byte{1, 2, 3}},
		Now:    1_800_000_000_000_000_000,
		Writes: []edge.Write{{Key: []byte("w/1"), Value: []byte("v")}, {Key: []byte("w/2")}, {Key: []byte("w/3"), Value: []byte{}}},
		Events: []edge.Event{{Type: "wallet.transferred", Subject: "a", Class: edge.Personal, Urgency: edge.Ledger, Time: time.Unix(1, 2).UTC(), Body: []byte("b")}},
		Orders: []order{{Urgency: edge.Care, Do: orderTrim, Pos: edge.Pos{Epoch: 1, Seq: 2}}, {Urgency: edge.Care, Do: orderEpoch, Reason: "r"}},
		Results: []result{
			{ID: edge.ID{1}, Digest: digest(edge.Command{Type: "t", Actor: edge.Actor{Kind: edge.Person, ID: "i", Site: "s"}, Body: []byte("b")}), Reply: []byte("{}")},
			{ID: edge.ID{2}, Err: &edge.Error{Kind: edge.Denied, Msg: "no", Hint: "ask"}},
		},
	}
	command := message{kind: askPropose, number: 1, wait: time.Second, cmd: edge.Command{ID: edge.ID{1}, Type: "t", Body: []byte("b")}}
	outcome := message{kind: sayOutcome, number: 1, out: edge.Outcome{Index: 2, Reply: []byte("r"), Again: true}}
	for name, f := range map[string]struct {
		bytes []byte
		sum   string
	}{
		"entry":    {appendBatch(nil, b), "fe9e820c3106cb69"},
		"meta row": {meta{Head: b.Base, Index: 9, Now: b.Now}.append(nil), "c55745d173f16a0a"},
		"outcome":  {appendOutcome(nil, 9, edge.Pos{Epoch: 1, Seq: 2}, b.Results[0]), "ac01718ea9cdf6fd"},
		"queue":    {appendQueued(nil, 5, []edge.ID{{1}, {2}}), "8bd29b24720586e2"},
		"kept":     {retention{Kept: 1, First: 2, Oldest: 3}.append(nil), "d54a7fdddb141be4"},
		"command":  {command.append(nil), "b5aecc632aced868"},
		"answer":   {outcome.append(nil), "1c8f129fceaf2679"},
	} {
		s := sha256.Sum256(f.bytes)
		if got := hex.EncodeToString(s[:8]); got != f.sum {
			t.Errorf("%s: the format is %s and was %s: %x", name, got, f.sum, f.bytes)
		}
	}
}

func FuzzSnapshot(f *testing.F) {
	_, sites := testSites(f, 1, nil)
	propose(f, sites[0], command("put", putIn{"k", "v"}))
	f.Add(snapshotOf(f, sites[0]))
	f.Add([]byte(snapshotMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		last := []byte(nil)
		err := readSnapshot(bytes.NewReader(data), 1<<20, func(index uint64, k, _ []byte) error {
			if index == 0 || bytes.Compare(last, k) >= 0 {
				t.Fatal("rows out of order")
			}
			last = k
			return nil
		})
		if err != nil && !edge.IsKind(err, edge.Corrupt) {
			t.Fatal(err)
		}
	})
}
