package audit

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/aielon/edge/node/edge"
)

// A Head is what a checkpoint says: so many records, with this root.
type Head struct {
	Origin string
	Size   int64
	Root   tlog.Hash
}

// text is the body of the note (C2SP tlog-checkpoint).
func (h Head) text() string { return fmt.Sprintf("%s\n%d\n%s\n", h.Origin, h.Size, h.Root) }

// A Signature is one that was proved.
type Signature struct {
	Node edge.NodeID
	Time time.Time // of a cosignature; zero for the node's own
}

// A Checkpoint is a head with its signatures.
type Checkpoint struct {
	Head
	Signed   []Signature // by nodes whose journal it is, or who replicate it
	Cosigned []Signature // by witnesses
	Unknown  int         // signatures by keys that are not known here
	note     note.Note
}

// maxNote bounds a checkpoint with all its cosignatures, in bytes.
const maxNote = 16 << 10

// Open reads a signed checkpoint and proves every signature whose key is known. It fails with Invalid where it is
// none, and with Denied where a known key did not make the signature that bears its name. Whether somebody signed
// it at all is the caller's to ask.
func (ks Keys) Open(signed []byte) (Checkpoint, error) {
	if len(signed) > maxNote {
		return Checkpoint{}, edge.E(edge.Invalid, "a checkpoint may have %d bytes, this one has %d", maxNote, len(signed))
	}
	origin, _, _ := strings.Cut(string(signed), "\n")
	n, err := note.Open(signed, ks.of(origin))
	if none, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
		n, err = none.Note, nil
	}
	if bad, ok := errors.AsType[*note.InvalidSignatureError](err); ok {
		return Checkpoint{}, edge.E(edge.Denied, "a signature of the checkpoint of %s does not hold: %w", clip(origin), bad)
	}
	if err != nil {
		return Checkpoint{}, edge.E(edge.Invalid, "a checkpoint cannot be read: %w", err)
	}
	c := Checkpoint{note: *n, Unknown: len(n.UnverifiedSigs)}
	if c.Head, err = parseHead(n.Text); err != nil {
		return Checkpoint{}, err
	}
	for _, s := range n.Sigs {
		c.add(ks, s)
	}
	return c, nil
}

// add sorts a proved signature.
func (c *Checkpoint) add(ks Keys, s note.Signature) {
	for _, k := range ks {
		if v := k.logVerifier(c.Origin); v.name == s.Name && v.hash == s.Hash {
			c.Signed = append(c.Signed, Signature{Node: k.Node})
			return
		}
		if v := k.witnessVerifier(); v.name == s.Name && v.hash == s.Hash {
			raw, _ := base64.StdEncoding.DecodeString(s.Base64) // note.Open has read it
			c.Cosigned = append(c.Cosigned, Signature{Node: k.Node, Time: time.Unix(int64(binary.BigEndian.Uint64(raw[4:])), 0).UTC()})
			return
		}
	}
}

// parseHead reads exactly what text wrote: no extension lines are known.
func parseHead(text string) (h Head, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return h, edge.E(edge.Invalid, "a checkpoint must have three lines")
	}
	o, err := ParseOrigin(lines[0])
	if err != nil {
		return h, err
	}
	size, err1 := strconv.ParseInt(lines[1], 10, 64)
	root, err2 := tlog.ParseHash(lines[2])
	h = Head{Origin: o.String(), Size: size, Root: root}
	if err1 != nil || err2 != nil || size < 1 || h.text() != text {
		return Head{}, edge.E(edge.Invalid, "the checkpoint of %s does not say how large which tree is", clip(lines[0]))
	}
	return h, nil
}

// sign makes the node's own checkpoint of a head.
func (k *Key) sign(h Head) ([]byte, error) {
	b, err := note.Sign(&note.Note{Text: h.text()}, k.logSigner(h.Origin))
	if err != nil {
		return nil, edge.E(edge.Internal, "a checkpoint cannot be signed: %w", err)
	}
	return b, nil
}

// cosign returns the line by which a witness vouches for a checkpoint.
func (k *Key) cosign(h Head, now time.Time) ([]byte, error) {
	b, err := note.Sign(&note.Note{Text: h.text()}, k.witnessSigner(now))
	if err != nil {
		return nil, edge.E(edge.Internal, "a checkpoint cannot be cosigned: %w", err)
	}
	return b[len(h.text())+1:], nil
}

// maxCosigned bounds the signatures kept with one checkpoint.
const maxCosigned = 32

// merge adds a cosignature line to a signed checkpoint. It fails with Denied where the line is not by a key of ks,
// with Invalid where it is not of this checkpoint's form, and with Exhausted where there are too many already.
func (ks Keys) merge(signed, line []byte) ([]byte, error) {
	c, err := ks.Open(signed)
	if err != nil {
		return nil, err
	}
	one, err := ks.Open(append([]byte(c.text()+"\n"), line...))
	if err != nil {
		return nil, err
	}
	if len(one.Cosigned) != 1 || one.Unknown > 0 || len(one.Signed) > 0 {
		return nil, edge.E(edge.Denied, "the cosignature of the checkpoint of %s is not by anybody known here", clip(c.Origin))
	}
	sigs := one.note.Sigs
	for _, s := range append(c.note.Sigs, c.note.UnverifiedSigs...) {
		if s.Name != one.note.Sigs[0].Name || s.Hash != one.note.Sigs[0].Hash {
			sigs = append(sigs, s)
		}
	}
	if len(sigs) > maxCosigned {
		return nil, edge.E(edge.Exhausted, "the checkpoint of %s has %d signatures already", clip(c.Origin), len(sigs)-1)
	}
	sigs = append(sigs[1:], sigs[0]) // the newest stands last
	out, err := note.Sign(&note.Note{Text: c.text(), Sigs: sigs})
	if err != nil {
		return nil, edge.E(edge.Internal, "a checkpoint cannot be written: %w", err)
	}
	return out, nil
}
