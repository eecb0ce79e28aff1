package raftlog

import (
	"encoding/binary"
	"time"

	"github.com/hashicorp/raft"

	"github.com/aielon/edge/node/edge"
)

// Messages between logs. A message is its length (4 bytes, big endian, of what follows), its kind (1) and
// its fields, in the order of the functions below: numbers as 8 bytes, flags as 1, byte strings with a
// 4-byte length. Fields added later go at the end; what is too much is ignored, what is missing refused.
const (
	kindAppend byte = iota + 1
	kindVote
	kindPreVote
	kindTimeoutNow
	kindInstall
	kindReply
	kindError
)

const smallMessage = 64 << 10 // bytes; only appends may be larger

type encoder struct{ b []byte }

func (e *encoder) u64(v uint64) { e.b = binary.BigEndian.AppendUint64(e.b, v) }
func (e *encoder) bytes(v []byte) {
	e.b = append(binary.BigEndian.AppendUint32(e.b, uint32(len(v))), v...)
}
func (e *encoder) flag(v bool) {
	if v {
		e.b = append(e.b, 1)
	} else {
		e.b = append(e.b, 0)
	}
}

func (e *encoder) header(h raft.RPCHeader) {
	e.u64(uint64(h.ProtocolVersion))
	e.bytes(h.ID)
	e.bytes(h.Addr)
}

// A decoder reads fields off b. After the first that is not there all are zero and bad is set.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) take(n uint64) []byte {
	if d.bad || n > uint64(len(d.b)) {
		d.bad = true
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) u64() uint64 {
	if v := d.take(8); v != nil {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

func (d *decoder) u32() uint64 {
	if v := d.take(4); v != nil {
		return uint64(binary.BigEndian.Uint32(v))
	}
	return 0
}

func (d *decoder) bytes() []byte { return d.take(d.u32()) }

func (d *decoder) flag() bool {
	v := d.take(1)
	return v != nil && v[0] == 1
}

func (d *decoder) header() raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: raft.ProtocolVersion(d.u64()), ID: d.bytes(), Addr: d.bytes()}
}

// encodeRequest returns the kind and the fields of a request of raft.
func encodeRequest(dst []byte, cmd any) (byte, []byte) {
	e := encoder{dst}
	switch r := cmd.(type) {
	case *raft.AppendEntriesRequest:
		e.header(r.RPCHeader)
		for _, v := range []uint64{r.Term, r.PrevLogEntry, r.PrevLogTerm, r.LeaderCommitIndex, uint64(len(r.Entries))} {
			e.u64(v)
		}
		for _, l := range r.Entries {
			e.entry(l)
		}
		return kindAppend, e.b
	case *raft.RequestVoteRequest:
		e.header(r.RPCHeader)
		e.u64(r.Term)
		e.u64(r.LastLogIndex)
		e.u64(r.LastLogTerm)
		e.flag(r.LeadershipTransfer)
		return kindVote, e.b
	case *raft.RequestPreVoteRequest:
		e.header(r.RPCHeader)
		e.u64(r.Term)
		e.u64(r.LastLogIndex)
		e.u64(r.LastLogTerm)
		return kindPreVote, e.b
	case *raft.TimeoutNowRequest:
		e.header(r.RPCHeader)
		return kindTimeoutNow, e.b
	case *raft.InstallSnapshotRequest:
		e.header(r.RPCHeader)
		e.u64(uint64(r.SnapshotVersion))
		e.u64(r.Term)
		e.u64(r.LastLogIndex)
		e.u64(r.LastLogTerm)
		e.bytes(r.Configuration)
		e.u64(r.ConfigurationIndex)
		return kindInstall, e.b
	}
	panic("raftlog: raft sends a request nobody knows")
}

func (e *encoder) entry(l *raft.Log) {
	e.u64(l.Index)
	e.u64(l.Term)
	e.u64(uint64(l.Type))
	e.u64(uint64(l.AppendedAt.UnixNano()))
	e.bytes(l.Extensions)
	e.bytes(l.Data)
}

// decodeRequest reads what encodeRequest wrote and refuses, with Invalid, what raft must not see. Byte
// strings alias b.
func decodeRequest(kind byte, b []byte) (any, error) {
	d := decoder{b: b}
	var cmd any
	switch kind {
	case kindAppend:
		r := &raft.AppendEntriesRequest{RPCHeader: d.header(), Term: d.u64(), PrevLogEntry: d.u64(), PrevLogTerm: d.u64(), LeaderCommitIndex: d.u64()}
		if err := d.entries(r); err != nil {
			return nil, err
		}
		//lint:ignore SA1019 the library still reads it where an address is empty
		r.Leader = r.Addr
		cmd = r
	case kindVote:
		r := &raft.RequestVoteRequest{RPCHeader: d.header(), Term: d.u64(), LastLogIndex: d.u64(), LastLogTerm: d.u64(), LeadershipTransfer: d.flag()}
		//lint:ignore SA1019 as above
		r.Candidate = r.Addr
		cmd = r
	case kindPreVote:
		cmd = &raft.RequestPreVoteRequest{RPCHeader: d.header(), Term: d.u64(), LastLogIndex: d.u64(), LastLogTerm: d.u64()}
	case kindTimeoutNow:
		cmd = &raft.TimeoutNowRequest{RPCHeader: d.header()}
	case kindInstall:
		r := &raft.InstallSnapshotRequest{RPCHeader: d.header(), SnapshotVersion: raft.SnapshotVersion(d.u64()), Term: d.u64(),
			LastLogIndex: d.u64(), LastLogTerm: d.u64(), Configuration: d.bytes(), ConfigurationIndex: d.u64()}
		if !d.bad && !validConfiguration(r.Configuration) {
			return nil, edge.E(edge.Invalid, "a snapshot comes with a list of members that cannot be read")
		}
		r.Leader = r.Addr
		cmd = r
	default:
		return nil, edge.E(edge.Invalid, "a message of unknown kind %d", kind)
	}
	if d.bad {
		return nil, edge.E(edge.Invalid, "a message of kind %d ends early", kind)
	}
	return cmd, nil
}

// entries reads the entries of an append: consecutive, of types that exist, not newer than the request.
func (d *decoder) entries(r *raft.AppendEntriesRequest) error {
	n := d.u64()
	if d.bad || n > 4*maxAppend {
		return edge.E(edge.Invalid, "%d entries in one message are too many", n)
	}
	for i := range n {
		l := &raft.Log{Index: d.u64(), Term: d.u64(), Type: raft.LogType(d.u64()), AppendedAt: time.Unix(0, int64(d.u64())), Extensions: d.bytes(), Data: d.bytes()}
		switch {
		case d.bad:
			return edge.E(edge.Invalid, "an entry ends early")
		case l.Index != r.PrevLogEntry+1+i:
			return edge.E(edge.Invalid, "entry %d is out of place", l.Index)
		case l.Term > r.Term || l.Term < r.PrevLogTerm:
			return edge.E(edge.Invalid, "entry %d has an impossible term", l.Index)
		case l.Type == raft.LogConfiguration && !validConfiguration(l.Data):
			return edge.E(edge.Invalid, "entry %d holds a list of members that cannot be read", l.Index)
		case l.Type != raft.LogCommand && l.Type != raft.LogNoop && l.Type != raft.LogBarrier && l.Type != raft.LogConfiguration:
			return edge.E(edge.Invalid, "entry %d is of unknown type %d", l.Index, l.Type)
		}
		r.Entries = append(r.Entries, l)
	}
	return nil
}

// validConfiguration reports whether raft can read b as its list of members; raft itself would panic.
func validConfiguration(b []byte) (ok bool) {
	if len(b) > configMax {
		return false
	}
	defer func() { ok = recover() == nil && ok }()
	c := raft.DecodeConfiguration(b)
	voters := 0
	for _, s := range c.Servers {
		if _, err := edge.ParseNodeID(string(s.ID)); err != nil || s.Address == "" || len(s.Address) > 256 {
			return false
		}
		if s.Suffrage == raft.Voter {
			voters++
		}
	}
	return voters > 0 && len(c.Servers) <= maxServers
}

const (
	maxServers = 32
	configMax  = 16 << 10 // bytes of a list of members
)

// encodeReply and decodeReply carry the answers. An error crosses as its text.
func encodeReply(dst []byte, resp any, err error) (byte, []byte) {
	e := encoder{dst}
	if err != nil {
		e.bytes([]byte(err.Error()[:min(len(err.Error()), 1024)]))
		return kindError, e.b
	}
	switch r := resp.(type) {
	case *raft.AppendEntriesResponse:
		e.header(r.RPCHeader)
		e.u64(r.Term)
		e.u64(r.LastLog)
		e.flag(r.Success)
		e.flag(r.NoRetryBackoff)
	case *raft.RequestVoteResponse:
		e.header(r.RPCHeader)
		e.u64(r.Term)
		e.flag(r.Granted)
	case *raft.RequestPreVoteResponse:
		e.header(r.RPCHeader)
		e.u64(r.Term)
		e.flag(r.Granted)
	case *raft.TimeoutNowResponse:
		e.header(r.RPCHeader)
	case *raft.InstallSnapshotResponse:
		e.header(r.RPCHeader)
		e.u64(r.Term)
		e.flag(r.Success)
	default:
		panic("raftlog: raft gives an answer nobody knows")
	}
	return kindReply, e.b
}

func decodeReply(kind byte, b []byte, resp any) error {
	d := decoder{b: b}
	switch {
	case kind == kindError:
		return edge.E(edge.Unavailable, "the other node refused: %s", d.bytes())
	case kind != kindReply:
		return edge.E(edge.Invalid, "an answer of unknown kind %d", kind)
	}
	switch r := resp.(type) {
	case *raft.AppendEntriesResponse:
		*r = raft.AppendEntriesResponse{RPCHeader: d.header(), Term: d.u64(), LastLog: d.u64(), Success: d.flag(), NoRetryBackoff: d.flag()}
	case *raft.RequestVoteResponse:
		*r = raft.RequestVoteResponse{RPCHeader: d.header(), Term: d.u64(), Granted: d.flag()}
	case *raft.RequestPreVoteResponse:
		*r = raft.RequestPreVoteResponse{RPCHeader: d.header(), Term: d.u64(), Granted: d.flag()}
	case *raft.TimeoutNowResponse:
		*r = raft.TimeoutNowResponse{RPCHeader: d.header()}
	case *raft.InstallSnapshotResponse:
		*r = raft.InstallSnapshotResponse{RPCHeader: d.header(), Term: d.u64(), Success: d.flag()}
	}
	if d.bad {
		return edge.E(edge.Invalid, "an answer ends early")
	}
	return nil
}
