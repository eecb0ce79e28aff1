package raftlog

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/aielon/edge/cluster/raftlog/wal"
	"github.com/aielon/edge/node/edge"
)

// A Storage keeps what raft must not forget: entries, votes, and how far the state is durable.
type Storage interface {
	raft.LogStore
	raft.StableStore
	Marks() Marks
	SaveMarks(Marks) error // durable on return
	Writable() error       // nil, or Exhausted where no new entries should be taken
	Err() error            // the failure after which nothing is taken any more, or nil
	Size() int64           // bytes of entries held
	Close() error
}

// A Mark is a point up to which the state is durable by itself, so that the log before it is not needed.
// It stands in for raft's snapshots, with the state itself as their content.
type Mark struct {
	Index, Term uint64 // of raft's log
	Applied     uint64 // the Applier's index at that point; it counts commands only
	Content     uint64 // of a mark that came as a snapshot: where its content was, Applied or later
	Config      raft.Configuration
	ConfigIndex uint64
}

// Marks are the mark in force and, while a snapshot from a leader is being restored, the one to come.
type Marks struct {
	Done    Mark
	Pending *Mark `json:",omitempty"`
	NoVote  bool  `json:",omitempty"` // entries may have been forgotten here: no vote until caught up
	Away    bool  `json:",omitempty"` // and no part in the log before Return
}

type disk struct {
	log    *wal.WAL
	stable *wal.Cell
	mark   *wal.Cell

	mu    sync.Mutex // guards the fields below
	votes map[string][]byte
	marks Marks
}

// openDisk opens what lies in dir. It fails with Corrupt as wal.Open and wal.OpenCell do.
func openDisk(dir string, key []byte) (_ *disk, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, edge.E(edge.Unavailable, "the folder of the log cannot be made: %w", err)
	}
	d := &disk{votes: map[string][]byte{}}
	defer func() {
		if err != nil {
			d.Close()
		}
	}()
	if d.stable, err = wal.OpenCell(filepath.Join(dir, "vote"), key); err != nil {
		return nil, err
	}
	if d.mark, err = wal.OpenCell(filepath.Join(dir, "mark"), key); err != nil {
		return nil, err
	}
	if err := errors.Join(unpack(d.stable, &d.votes), unpack(d.mark, &d.marks)); err != nil {
		return nil, edge.E(edge.Corrupt, "vote or mark of the log cannot be read: %w", err)
	}
	if d.log, err = wal.Open(wal.Options{Dir: filepath.Join(dir, "log"), Key: key}); err != nil {
		return nil, err
	}
	if len(d.votes) == 0 && d.log.Last() > 0 {
		return nil, edge.E(edge.Corrupt, "the log is there but the votes given on it are gone").
			WithHint("remove this node from the site and let it join anew")
	}
	return d, nil
}

func unpack(c *wal.Cell, v any) error {
	if b := c.Load(); b != nil {
		return json.Unmarshal(b, v)
	}
	return nil
}

func (d *disk) FirstIndex() (uint64, error) { return d.log.First(), nil }
func (d *disk) LastIndex() (uint64, error)  { return d.log.Last(), nil }

// IsMonotonic tells raft that the log has no gaps.
func (d *disk) IsMonotonic() bool { return true }

func (d *disk) GetLog(index uint64, l *raft.Log) error {
	b, err := d.log.Get(index)
	if edge.IsKind(err, edge.NotFound) {
		return raft.ErrLogNotFound
	}
	if err != nil {
		return err
	}
	return decodeLog(b, index, l)
}

func (d *disk) StoreLog(l *raft.Log) error { return d.StoreLogs([]*raft.Log{l}) }

func (d *disk) StoreLogs(logs []*raft.Log) error {
	if len(logs) == 0 {
		return nil
	}
	recs := make([][]byte, len(logs))
	for i, l := range logs {
		if l.Index != logs[0].Index+uint64(i) {
			return edge.E(edge.Internal, "entries %d and %d do not follow each other", logs[0].Index, l.Index)
		}
		recs[i] = encodeLog(l)
	}
	return d.log.Append(logs[0].Index, recs)
}

// DeleteRange removes the oldest or the newest entries. Raft asks for nothing else.
func (d *disk) DeleteRange(lo, hi uint64) error {
	first, last := d.log.First(), d.log.Last()
	switch {
	case first == 0 || hi < first || lo > last:
		return nil
	case lo <= first && hi >= last:
		return d.log.Clear()
	case lo <= first:
		return d.log.CutBefore(hi + 1)
	case hi >= last:
		return d.log.CutAfter(lo - 1)
	}
	return edge.E(edge.Internal, "entries %d to %d lie in the middle of the log", lo, hi)
}

// A stored entry is type (1) | term (8) | time (8, Unix nanoseconds) | uvarint length, extensions | data.
func encodeLog(l *raft.Log) []byte {
	b := make([]byte, 0, 22+len(l.Extensions)+len(l.Data))
	b = append(b, byte(l.Type))
	b = binary.BigEndian.AppendUint64(b, l.Term)
	b = binary.BigEndian.AppendUint64(b, uint64(l.AppendedAt.UnixNano()))
	b = binary.AppendUvarint(b, uint64(len(l.Extensions)))
	b = append(b, l.Extensions...)
	return append(b, l.Data...)
}

func decodeLog(b []byte, index uint64, l *raft.Log) error {
	if len(b) < 18 {
		return edge.E(edge.Corrupt, "entry %d of the log is too short", index)
	}
	n, w := binary.Uvarint(b[17:])
	if w <= 0 || n > uint64(len(b)-17-w) {
		return edge.E(edge.Corrupt, "entry %d of the log is not well formed", index)
	}
	rest := b[17+w:]
	*l = raft.Log{
		Index: index, Type: raft.LogType(b[0]), Term: binary.BigEndian.Uint64(b[1:]),
		AppendedAt: time.Unix(0, int64(binary.BigEndian.Uint64(b[9:]))),
		Data:       rest[n:],
	}
	if n > 0 {
		l.Extensions = rest[:n:n]
	}
	return nil
}

var errNotFound = errors.New("not found") // the words raft compares with

const voteTerm = "LastVoteTerm"

// Set makes a vote durable. Raft sets the term of a vote and then its candidate and counts the vote only
// after both, so the term waits for the candidate: one write instead of two.
func (d *disk) Set(k, v []byte) error { return d.set(string(k), v) }

func (d *disk) SetUint64(k []byte, v uint64) error {
	return d.set(string(k), binary.BigEndian.AppendUint64(nil, v))
}

func (d *disk) set(k string, v []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.votes[k] = append([]byte{}, v...)
	if k == voteTerm {
		return d.stable.Err()
	}
	b, err := json.Marshal(d.votes)
	if err != nil {
		return err
	}
	return d.stable.Save(b)
}

func (d *disk) Get(k []byte) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.stable.Err(); err != nil {
		return nil, err // what is in memory may not be on disk
	}
	v, ok := d.votes[string(k)]
	if !ok {
		return nil, errNotFound
	}
	return v, nil
}

func (d *disk) GetUint64(k []byte) (uint64, error) {
	v, err := d.Get(k)
	if err != nil {
		return 0, err
	}
	if len(v) != 8 {
		return 0, edge.E(edge.Corrupt, "%s is not a number", k)
	}
	return binary.BigEndian.Uint64(v), nil
}

func (d *disk) Marks() Marks { d.mu.Lock(); defer d.mu.Unlock(); return d.marks }

func (d *disk) SaveMarks(m Marks) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := d.mark.Save(b); err != nil {
		return err
	}
	d.marks = m
	return nil
}

func (d *disk) Writable() error { return d.log.Writable() }
func (d *disk) Err() error      { return errors.Join(d.log.Err(), d.stable.Err(), d.mark.Err()) }
func (d *disk) Size() int64     { return d.log.Size() }

func (d *disk) Close() (err error) {
	if d.log != nil {
		err = d.log.Close()
	}
	for _, c := range []*wal.Cell{d.stable, d.mark} {
		if c != nil {
			err = errors.Join(err, c.Close())
		}
	}
	return err
}
