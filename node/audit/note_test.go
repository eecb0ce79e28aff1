package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/aielon/edge/node/edge"
)

// golden makes keys that do not change from run to run; the statement, which has a random signature, is left out.
func golden() *Key {
	k := &Key{log: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32)), witness: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))}
	k.statement = Statement{Node: edge.NodeID{0xab}, Log: public(k.log), Witness: public(k.witness)}
	return k
}

func goldenHead() Head {
	o := Origin{Region: "north", Site: "clinic-1", Node: edge.NodeID{0xab}, Stream: "readings.ledger", Epoch: 0x6740f1a2b3c4}
	return Head{Origin: o.String(), Size: 12345, Root: tlog.Hash(sha256.Sum256([]byte("root")))}
}

// Checkpoints and cosignatures are read by other people's programs: their bytes must never change.
func TestGoldenCheckpoint(t *testing.T) {
	k := golden()
	signed, err := k.sign(goldenHead())
	if err != nil {
		t.Fatal(err)
	}
	line, err := k.cosign(goldenHead(), time.Unix(1679315147, 0))
	if err != nil {
		t.Fatal(err)
	}
	const want = `aielon.org/north/clinic-1/ab00000000000000000000000000000000000000000000000000000000000000/readings.ledger#6740f1a2b3c4
12345
SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=

— aielon.org/north/clinic-1/ab00000000000000000000000000000000000000000000000000000000000000/readings.ledger#6740f1a2b3c4 5Y1XdCtXQE7dBWBdFM5hT+eje44gtobVTwd8u0YvHS3V3qXlIv30NGyy33BT04M2Jfchi18YTLu8UGRVR9cQoh7PywE=
— aielon.org/node/ab00000000000000000000000000000000000000000000000000000000000000 f5oiWwAAAABkGFDL0hvtkw3JHfoNyq3dEvBBOuevDMIUKqxOhnWTUslC3DzJ973hFsGaUUP+xOyvcAfVZ3TwBPaROE8sSzJPSx9oCQ==
`
	if got := string(signed) + string(line); got != want {
		t.Errorf("the format has changed:\n%s\n%s", got, want)
	}
	c, err := Keys{k.statement}.Open(append(signed, line...))
	if err != nil || c.Head != goldenHead() || len(c.Signed) != 1 || len(c.Cosigned) != 1 || c.Cosigned[0].Time.Unix() != 1679315147 {
		t.Errorf("%v %+v", err, c)
	}
	// An ordinary verifier of signed notes, which knows nothing of us, accepts the node's own signature.
	vkey, err := note.NewEd25519VerifierKey(goldenHead().Origin, ed25519.PublicKey(k.statement.Log))
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := note.Open(signed, note.VerifierList(v)); err != nil || len(n.Sigs) != 1 {
		t.Error(err)
	}
	// And the cosignature is over what C2SP tlog-cosignature says, spelled out by hand.
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line2sig(string(line))))
	if err != nil || len(raw) != 4+8+64 {
		t.Fatalf("%v, %d bytes", err, len(raw))
	}
	msg := "cosignature/v1\ntime 1679315147\n" + goldenHead().text()
	if !ed25519.Verify(k.statement.Witness, []byte(msg), raw[12:]) {
		t.Error("the cosignature is not over the message of the specification")
	}
}

func line2sig(line string) string { return line[strings.LastIndex(line, " ")+1:] }

func TestStatements(t *testing.T) {
	p := newPerson(t, 1)
	s, err := ParseStatement(p.key.Statement().Encode())
	if err != nil || s.Node != p.id {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Statement){
		"another node":    func(s *Statement) { s.Node[0] ^= 1 },
		"another key":     func(s *Statement) { s.NodeKey = newPerson(t, 2).key.statement.NodeKey },
		"another log":     func(s *Statement) { s.Log = s.Witness },
		"another witness": func(s *Statement) { s.Witness = s.Log },
		"another time":    func(s *Statement) { s.Time++ },
		"no signature":    func(s *Statement) { s.Signature = nil },
		"a short key":     func(s *Statement) { s.Log = s.Log[:31] },
	} {
		bad := s
		spoil(&bad)
		if _, err := ParseStatement(bad.Encode()); !edge.IsKind(err, edge.Denied) {
			t.Errorf("%s: %v", name, err)
		}
	}
	again, err := NewKey(bytes.Repeat([]byte{1}, 32), nodeSigner(t), start)
	if err != nil || !bytes.Equal(again.statement.Log, s.Log) {
		t.Errorf("the keys do not come from the seed alone: %v", err)
	}
}

func TestOrigins(t *testing.T) {
	for _, o := range []Origin{{"r", "s", edge.NodeID{}, "site.ledger", 1}, {"north-1", "clinic", edge.NodeID{7}, "readings.ledger", 1 << 63}} {
		if back, err := ParseOrigin(o.String()); err != nil || back != o {
			t.Errorf("%v %+v", err, back)
		}
	}
	for _, bad := range []string{"", "aielon.org/", "aielon.org/r/s/x#", "aielon.org/r/s/x#0", "aielon.org/r/s/x#01", "aielon.org/r/s/x#AB", "example.org/r/s/x#1",
		"aielon.org/r/s/zz/x#1", "aielon.org/r//x#1", "aielon.org/r/s/x y#1", "aielon.org/r/s/x#1#2", "aielon.org/r/s/" + strings.Repeat("0", 64) + "/x#1"} {
		if o, err := ParseOrigin(bad); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%q: %v %v", bad, o, err)
		}
	}
}

func FuzzOpenCheckpoint(f *testing.F) {
	k := golden()
	signed, _ := k.sign(goldenHead())
	line, _ := k.cosign(goldenHead(), time.Unix(1679315147, 0))
	f.Add(signed)
	f.Add(append(bytes.Clone(signed), line...))
	f.Add([]byte(goldenHead().text() + "\n"))
	f.Add([]byte("aielon.org/r/s/x#1\n1\nAAAA\n\n— x AAAAAAA=\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Keys{k.statement}.Open(b)
		if err != nil {
			if kind := edge.KindOf(err); kind != edge.Invalid && kind != edge.Denied {
				t.Fatalf("%v", err)
			}
			return
		}
		if len(c.Signed) > 0 && c.Head != goldenHead() {
			t.Fatalf("a signature was believed under another head: %+v", c.Head)
		}
		if !strings.HasPrefix(string(b), c.text()+"\n") {
			t.Fatal("a head was read that is not written there")
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	f.Add([]byte(`{"checkpoint":"YQ==","by":{},"old_size":3,"proof":["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if q, err := ParseRequest(b); err == nil && (len(q.Proof) > maxProof || q.OldSize < 0) {
			t.Fatal("a request without bounds was taken")
		}
		if _, err := ParseStatement(b); err == nil {
			t.Fatal("a statement nobody signed was believed")
		}
	})
}
