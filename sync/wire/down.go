package wire

import (
	"time"

	"github.com/aielon/edge/node/edge"
)

// Limits on what goes down, in bytes. They leave room for the head of the frame.
const (
	MaxTwin    = 60 << 10
	MaxCmdBody = 48 << 10
)

// Twin is the desired configuration of a node, as a whole document or as a JSON merge patch (RFC 7396).
type Twin struct {
	Version uint64   // of the document; only the newest counts
	Base    uint64   // version the patch applies to; 0: Doc is the whole document
	Hash    [32]byte // SHA-256 of the whole document of Version, canonical JSON
	Doc     []byte   // JSON
}

// Type returns TTwin.
func (*Twin) Type() Type { return TTwin }

func (f *Twin) appendBody(dst []byte) []byte {
	dst = append(putUint(putUint(dst, f.Version), f.Base), f.Hash[:]...)
	return putBytes(dst, f.Doc)
}

func (f *Twin) decodeBody(b []byte) error {
	d := dec{b: b}
	f.Version, f.Base = d.uint(^uint64(0)), d.uint(^uint64(0))
	copy(f.Hash[:], d.take(32))
	f.Doc = d.bytes(MaxTwin)
	return d.end()
}

// Reported is what a node says it has in force.
type Reported struct {
	Version uint64   // of the desired document it applied; 0: none
	Hash    [32]byte // of that document
	Doc     []byte   // JSON: what it reports about itself
	Err     string   // why a newer version was not applied
}

// Type returns TReported.
func (*Reported) Type() Type { return TReported }

func (f *Reported) appendBody(dst []byte) []byte {
	dst = append(putUint(dst, f.Version), f.Hash[:]...)
	return putBytes(putBytes(dst, f.Doc), f.Err)
}

func (f *Reported) decodeBody(b []byte) error {
	d := dec{b: b}
	f.Version = d.uint(^uint64(0))
	copy(f.Hash[:], d.take(32))
	f.Doc, f.Err = d.bytes(MaxTwin), d.str(MaxText)
	return d.end()
}

// Cmd asks a node to do something once.
type Cmd struct {
	ID        edge.ID     // a node runs an ID once
	Target    edge.NodeID // whom it is for; a node refuses another's
	Seq       uint64      // order among the commands of one node
	Name      string
	Body      []byte
	NotBefore time.Time // zero: at once
	Expires   time.Time // never run after
	Sig       []byte    // over SigningBytes, with the hub's key
}

// Type returns TCmd.
func (*Cmd) Type() Type { return TCmd }

// SigningBytes returns what Sig signs.
func (f *Cmd) SigningBytes() []byte { return f.unsigned([]byte("aielon-edge/command/1\x00")) }

func (f *Cmd) unsigned(dst []byte) []byte {
	dst = append(append(dst, f.ID[:]...), f.Target[:]...)
	dst = putBytes(putBytes(putUint(dst, f.Seq), f.Name), f.Body)
	return putTime(putTime(dst, f.NotBefore), f.Expires)
}

func (f *Cmd) appendBody(dst []byte) []byte { return putBytes(f.unsigned(dst), f.Sig) }

func (f *Cmd) decodeBody(b []byte) error {
	d := dec{b: b}
	copy(f.ID[:], d.take(16))
	copy(f.Target[:], d.take(32))
	f.Seq, f.Name, f.Body = d.uint(^uint64(0)), d.str(128), d.bytes(MaxCmdBody)
	f.NotBefore, f.Expires = d.time(), d.time()
	f.Sig = d.bytes(128)
	return d.end()
}

// A Status is how a command ended at the node.
type Status uint8

const (
	DoneOK    Status = iota + 1
	DoneError        // it ran and failed
	Expired          // it came too late and did not run
	Refused          // it may not run here: wrong signature, target or name
)

// CmdResult is the outcome of a command. A node repeats it until the session's hub has stored it.
type CmdResult struct {
	ID     edge.ID
	Status Status
	Time   time.Time
	Text   string
	Body   []byte
}

// Type returns TCmdResult.
func (*CmdResult) Type() Type { return TCmdResult }

func (f *CmdResult) appendBody(dst []byte) []byte {
	dst = putTime(append(append(dst, f.ID[:]...), byte(f.Status)), f.Time)
	return putBytes(putBytes(dst, f.Text), f.Body)
}

func (f *CmdResult) decodeBody(b []byte) error {
	d := dec{b: b}
	copy(f.ID[:], d.take(16))
	f.Status, f.Time = Status(d.uint(uint64(Refused))), d.time()
	f.Text, f.Body = d.str(MaxText), d.bytes(MaxCmdBody)
	if f.Status == 0 {
		d.fail("a result has no status")
	}
	return d.end()
}
