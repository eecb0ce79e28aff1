package raftlog

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/aielon/edge/node/edge"
)

// say sends one raw message to b from a node with this identity, and reports whether it was answered.
func say(t *testing.T, s *site, from identity, b *box, raw []byte) (answered bool) {
	t.Helper()
	st := &streams{id: from, addr: "nowhere", n: s.net, dirs: s.dirs}
	conn, err := st.Dial(within(t, 5*time.Second), b.addr, Proto)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Write(raw); err != nil {
		return false
	}
	_, err = io.ReadFull(conn, make([]byte, 5))
	return err == nil
}

func message(cmd any) []byte {
	kind, b := encodeRequest(make([]byte, 5), cmd)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	b[4] = kind
	return b
}

func header(id edge.NodeID, addr string) raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: 3, ID: []byte(id.String()), Addr: []byte(addr)}
}

// The raft row of the security model. Each request is refused, the term stays, and nothing gets into the state.
func TestForgedRequestsAreRefused(t *testing.T) {
	t.Parallel()
	s := newSiteOf(t, 3, nil)
	s.put("honest")
	l := s.leader()
	victim, member := others(s.all, l)[0], others(s.all, l)[1]
	term, last := victim.log.raft.CurrentTerm(), victim.log.raft.LastIndex()
	guest, foreign := s.ca.node(t), newAuthority(t).node(t)
	self := &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, NextProtos: []string{Proto}}
	entry := &raft.Log{Index: last + 1, Term: 9999, Type: raft.LogCommand, Data: []byte("FORGED transfer")}
	forged := func(id edge.NodeID, term uint64) *raft.AppendEntriesRequest {
		e := *entry
		e.Term = term
		return &raft.AppendEntriesRequest{RPCHeader: header(id, "127.0.0.1:1"), Term: term, PrevLogEntry: last, PrevLogTerm: term, LeaderCommitIndex: last + 1, Entries: []*raft.Log{&e}}
	}
	config := func(members ...raft.Server) []byte {
		return raft.EncodeConfiguration(raft.Configuration{Servers: members})
	}
	install := &raft.InstallSnapshotRequest{RPCHeader: header(l.id.id, l.addr), SnapshotVersion: 1, Term: term, LastLogIndex: 1 << 40, LastLogTerm: term,
		Configuration: config(raft.Server{ID: serverID(guest.id), Address: "127.0.0.1:1"}), ConfigurationIndex: 1}
	badType := forged(l.id.id, term)
	badType.Entries[0].Type = 77
	badConfig := forged(l.id.id, term)
	badConfig.Entries[0].Type, badConfig.Entries[0].Data = raft.LogConfiguration, []byte("not msgpack")
	gap := forged(l.id.id, term)
	gap.Entries[0].Index += 5
	for _, tc := range []struct {
		name string
		from identity
		raw  []byte
	}{
		{"no certificate", identity{conf: self}, message(forged(guest.id, 9999))},
		{"another authority", identity{id: foreign.id, conf: withoutRoots(foreign.conf)}, message(forged(foreign.id, 9999))},
		{"site certificate, not a member: append", guest, message(forged(guest.id, 9999))},
		{"site certificate, in the leader's name", guest, message(forged(l.id.id, 9999))},
		{"site certificate, not a member: vote", guest, message(&raft.RequestVoteRequest{RPCHeader: header(guest.id, "x:1"), Term: 9999, LastLogIndex: 1 << 40, LastLogTerm: 9998, LeadershipTransfer: true})},
		{"site certificate, not a member: snapshot", guest, message(install)},
		{"member in the leader's name", member.id, message(forged(l.id.id, 9999))},
		{"member claims to lead the leader's term", member.id, message(forged(member.id.id, term))},
		{"member votes for another", member.id, message(&raft.RequestVoteRequest{RPCHeader: header(l.id.id, l.addr), Term: 9999, LeadershipTransfer: true})},
		{"member hands over what it does not have", member.id, message(&raft.TimeoutNowRequest{RPCHeader: header(member.id.id, member.addr)})},
		{"the victim's own name", victim.id, message(forged(victim.id.id, 9999))},
		{"leader, entry of unknown type", l.id, message(badType)},
		{"leader, members that cannot be read", l.id, message(badConfig)},
		{"leader, entries out of place", l.id, message(gap)},
		{"leader, unknown message", l.id, []byte{0, 0, 0, 1, 99}},
		{"leader, 4 GB announced", l.id, []byte{255, 255, 255, 255, kindAppend, 1, 2, 3}},
		{"leader, vote of 1 MB", l.id, append([]byte{0, 16, 0, 0, kindVote}, make([]byte, 1000)...)},
		{"leader, message cut short", l.id, []byte{0, 0, 0, 5, kindVote, 0, 0, 0, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if say(t, s, tc.from, victim, tc.raw) {
				t.Error("was answered")
			}
			if got := victim.log.raft.CurrentTerm(); got != term {
				t.Fatalf("the term went from %d to %d", term, got)
			}
		})
	}
	t.Run("truncated and altered snapshots", func(t *testing.T) { badSnapshots(t, s, l, victim, term) })
	if id, _ := victim.log.Leader(); id != l.id.id.String() {
		t.Errorf("the leader is %s", id)
	}
	s.put("still honest")
	s.same([]string{"honest", "still honest"})
	if got := s.all[0].app.texts(); len(got) != 2 {
		t.Errorf("the state holds %q", got)
	}
	if victim.log.Stats().Refused == 0 {
		t.Error("nothing was counted")
	}
}

func withoutRoots(c *tls.Config) *tls.Config {
	c = c.Clone()
	c.InsecureSkipVerify = true // of the server's certificate: it is ours that must not pass
	return c
}

// badSnapshots are refused before raft hears of them.
func badSnapshots(t *testing.T, s *site, l, victim *box, term uint64) {
	req := &raft.InstallSnapshotRequest{RPCHeader: header(l.id.id, l.addr), SnapshotVersion: 1, Term: term, LastLogIndex: 1 << 40, LastLogTerm: term,
		Configuration: raft.EncodeConfiguration(l.log.configuration()), ConfigurationIndex: 1}
	var whole sliceWriter
	if err := writeSnapshot(&whole, snapHead{1 << 40, term, 5, 5}, &ledgerSnap{At: 1 << 40}); err != nil {
		t.Fatal(err)
	}
	altered := append(sliceWriter{}, whole...)
	altered[streamHead+6] ^= 1
	huge := append(sliceWriter{}, whole[:streamHead]...)
	huge = append(huge, 0xff, 0xff, 0xff, 0xff)
	for name, b := range map[string][]byte{"altered": altered, "huge chunk": huge, "not a snapshot": make([]byte, 100)} {
		before := victim.log.Stats().Refused
		say(t, s, l.id, victim, append(message(req), b...))
		s.wait(name, 5*time.Second, func() bool { return victim.log.Stats().Refused > before })
	}
	if victim.log.Stats().Mark >= 1<<40 || victim.app.Applied() >= 1<<40 {
		t.Fatal("a forged snapshot was taken")
	}
}

type sliceWriter []byte

func (w *sliceWriter) Write(b []byte) (int, error) { *w = append(*w, b...); return len(b), nil }

// A node that was removed is cut off at once, however it holds on.
func TestRemovedNodeIsCutOff(t *testing.T) {
	t.Parallel()
	s := newSiteOf(t, 3, nil)
	l := s.leader()
	gone := others(s.all, l)[0]
	st := &streams{id: gone.id, addr: "nowhere", n: s.net, dirs: s.dirs}
	conn, err := st.Dial(within(t, 5*time.Second), l.addr, Proto)
	s.must(err)
	defer conn.Close()
	conn.Write(message(&raft.RequestPreVoteRequest{RPCHeader: header(gone.id.id, gone.addr), Term: 1}))
	if _, err := io.ReadFull(conn, make([]byte, 5)); err != nil {
		t.Fatalf("a member was not answered: %v", err)
	}
	s.must(l.log.Remove(within(t, 5*time.Second), gone.id.id))
	conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Fatalf("the connection of a removed node stayed open: %v", err)
	}
	term := l.log.raft.CurrentTerm()
	if say(t, s, gone.id, l, message(&raft.RequestVoteRequest{RPCHeader: header(gone.id.id, gone.addr), Term: term + 5, LeadershipTransfer: true})) {
		t.Error("a removed node was answered")
	}
	s.put("without it", l)
	if l.log.raft.CurrentTerm() != term {
		t.Error("a removed node raised the term")
	}
}

func FuzzDecodeRequest(f *testing.F) {
	for _, cmd := range []any{
		&raft.AppendEntriesRequest{RPCHeader: header(edge.NodeID{1}, "a:1"), Term: 3, PrevLogEntry: 1, PrevLogTerm: 2, Entries: []*raft.Log{{Index: 2, Term: 3, Data: []byte("x")}}},
		&raft.RequestVoteRequest{Term: 1}, &raft.RequestPreVoteRequest{Term: 1}, &raft.TimeoutNowRequest{},
		&raft.InstallSnapshotRequest{Term: 1, Configuration: raft.EncodeConfiguration(raft.Configuration{Servers: []raft.Server{{ID: serverID(edge.NodeID{1}), Address: "a:1"}}})},
	} {
		kind, b := encodeRequest(nil, cmd)
		f.Add(kind, b)
	}
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		cmd, err := decodeRequest(kind, b)
		if err != nil {
			return
		}
		k, again := encodeRequest(nil, cmd)
		if _, err := decodeRequest(k, again); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
	})
}

func FuzzReadSnapshot(f *testing.F) {
	var whole sliceWriter
	writeSnapshot(&whole, snapHead{1, 2, 3, 4}, &ledgerSnap{At: 4})
	f.Add([]byte(whole))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := sliceReader(b)
		if h, err := readSnapshot(&r, 1<<20, io.Discard); err == nil && h != (snapHead{1, 2, 3, 4}) && len(b) < streamHead+44 {
			t.Fatal("too short to be one")
		}
	})
}

type sliceReader []byte

func (r *sliceReader) Read(b []byte) (int, error) {
	if len(*r) == 0 {
		return 0, io.EOF
	}
	n := copy(b, *r)
	*r = (*r)[n:]
	return n, nil
}
