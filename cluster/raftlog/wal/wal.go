package wal

import (
	"crypto/cipher"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	gosync "sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aielon/edge/node/edge"
)

// Options for Open. Dir and Key must be given.
type Options struct {
	edge.Redacted

	Dir     string
	Key     []byte // 32 bytes
	Segment int64  // size of a segment file in bytes, default 8 MiB; one more lies ready
	Cache   int    // newest records kept in memory, in bytes, default 2 MiB
}

// A WAL is an open log. Append, CutAfter, CutBefore and Clear are serialised; Get may run beside them.
type WAL struct {
	edge.Redacted

	o Options

	disk    disk         // replaced in tests only
	write   gosync.Mutex // held through a write and its fsync; guards the fields below
	active  *os.File     // nil until the first Append of this run, and after a failed write
	sealing cipher.AEAD  // of the active segment
	seq     uint64       // number of the newest segment, 0 if there is none
	room    int64        // size of the active file
	buf     []byte
	tried   time.Time // when a spare was last attempted
	spareOK atomic.Bool

	mu     gosync.RWMutex // guards the fields below
	segs   []*segment     // oldest first
	first  uint64         // 0: empty
	last   uint64
	tail   tail
	reader reader
	broken error // set once; nothing is written afterwards
}

// disk is what a log asks of the operating system and a disk can fail at.
type disk struct {
	reserve func(f *os.File, size int64) error
	write   func(f *os.File, b []byte, at int64) error
	sync    func(f *os.File) error
}

var realDisk = disk{reserve, func(f *os.File, b []byte, at int64) error { _, err := f.WriteAt(b, at); return err }, sync}

// A segment is one file as Get sees it. Its frames cover exactly the records it is still asked for.
type segment struct {
	head
	path   string
	frames []frame
	end    int64
}

// Open reads and verifies the whole log. It fails with Corrupt where something that was durable is not
// there or not what was written, and changes nothing then.
func Open(o Options) (*WAL, error) {
	o.Segment = max(o.Segment, 0)
	if o.Segment == 0 {
		o.Segment = 8 << 20
	}
	if o.Cache == 0 {
		o.Cache = 2 << 20
	}
	if len(o.Key) != 32 {
		return nil, edge.E(edge.Invalid, "the key of the log must have 32 bytes, this one has %d", len(o.Key))
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, edge.E(edge.Unavailable, "the folder of the log cannot be made: %w", err)
	}
	return open(o, realDisk)
}

func open(o Options, d disk) (*WAL, error) {
	w := &WAL{o: o, disk: d, tail: tail{limit: o.Cache}}
	if err := w.load(); err != nil {
		return nil, err
	}
	w.makeSpare()
	return w, nil
}

func (w *WAL) load() error {
	names, err := filepath.Glob(filepath.Join(w.o.Dir, "*.seg"))
	if err != nil {
		return err
	}
	slices.Sort(names) // the names start with the segment's number, in fixed width
	for i, name := range names {
		s, err := w.loadSegment(name, i == len(names)-1)
		if err != nil {
			return err
		}
		if len(w.segs) > 0 && s.seq != w.seq+1 {
			return edge.E(edge.Corrupt, "a file of the log is missing before %s", filepath.Base(name))
		}
		if len(w.segs) > 0 && s.first > w.last+1 {
			return edge.E(edge.Corrupt, "the log ends at record %d and goes on at %d", w.last, s.first)
		}
		w.cutIndex(s.first) // a newer segment overrules what older ones hold from its first record on
		w.segs, w.seq = append(w.segs, s), s.seq
		w.recount()
	}
	return nil
}

func (w *WAL) loadSegment(name string, newest bool) (*segment, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, edge.E(edge.Corrupt, "a file of the log cannot be read: %w", err)
	}
	h, ok := decodeHead(w.o.Key, b)
	if !ok || name != w.path(h) {
		return nil, edge.E(edge.Corrupt, "the head of %s is damaged, or sealed with another key", filepath.Base(name))
	}
	frames, end, err := scan(b, h, w.o.Key, newest)
	if err != nil {
		return nil, edge.E(edge.Corrupt, "%s: %w", filepath.Base(name), err)
	}
	if newest && end < int64(len(b)) {
		// Unacknowledged leftovers go before anything new is written behind them.
		if err := truncate(name, end); err != nil {
			return nil, edge.E(edge.Unavailable, "the unfinished end of the log cannot be removed: %w", err)
		}
	}
	return &segment{head: h, path: name, frames: frames, end: end}, nil
}

func (w *WAL) path(h head) string {
	return filepath.Join(w.o.Dir, fmt.Sprintf("%016x-%016x.seg", h.seq, h.first))
}

// First returns the index of the oldest record and Last that of the newest, 0 where there is none.
func (w *WAL) First() uint64 { w.mu.RLock(); defer w.mu.RUnlock(); return w.first }

// Last returns the index of the newest record, 0 where there is none.
func (w *WAL) Last() uint64 { w.mu.RLock(); defer w.mu.RUnlock(); return w.last }

// Size returns the bytes of records that First to Last take on disk.
func (w *WAL) Size() (n int64) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for _, s := range w.segs {
		n += s.end
	}
	return n
}

// Append stores recs under first, first+1, ... durably. first must follow Last; an empty log takes any.
// It fails with Exhausted where the disk is full, and nothing was stored then; with Unavailable where the
// disk failed, and then it is not known what was stored and nothing is taken any more.
func (w *WAL) Append(first uint64, recs [][]byte) error {
	w.write.Lock()
	defer w.write.Unlock()
	if err := w.err(); err != nil {
		return err
	}
	if last := w.Last(); last != 0 && first != last+1 || first == 0 {
		return edge.E(edge.Internal, "record %d cannot follow record %d of the log", first, last)
	}
	for len(recs) > 0 {
		n, size := 0, 0
		for n < len(recs) && (n == 0 || size+len(recs[n]) <= softFrame) {
			if len(recs[n]) > MaxRecord {
				return edge.E(edge.Invalid, "a record of %d bytes is too large for the log", len(recs[n]))
			}
			size += len(recs[n])
			n++
		}
		if err := w.appendFrame(first, recs[:n]); err != nil {
			return err
		}
		first, recs = first+uint64(n), recs[n:]
	}
	return nil
}

// appendFrame writes one frame and waits for the disk: a later frame is proof that this one was durable.
func (w *WAL) appendFrame(first uint64, recs [][]byte) error {
	if w.active != nil && w.newest().end+frameSize(recs) > w.room {
		w.seal()
	}
	if w.active == nil {
		if err := w.rotate(first, headSize+frameSize(recs)); err != nil {
			return err
		}
	}
	s := w.newest()
	no := uint32(len(s.frames))
	w.buf = appendFrame(w.buf[:0], w.sealing, no, first, recs)
	if cap(w.buf) > 4*softFrame {
		defer func() { w.buf = nil }()
	}
	if err := w.disk.write(w.active, w.buf, s.end); err != nil {
		// The frame's number must not be used again with other content: this segment is done for.
		err = w.classify("write", err)
		w.seal()
		return err
	}
	if err := w.disk.sync(w.active); err != nil {
		return w.fail("make durable", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	f := frame{off: s.end, sealed: uint32(len(w.buf) - frameHead), first: first, records: uint32(len(recs)), no: no}
	s.frames, s.end = append(s.frames, f), f.end()
	w.recount()
	w.tail.add(first, recs)
	return nil
}

// frameSize is what appendFrame will write for recs, or a little more.
func frameSize(recs [][]byte) int64 {
	n := int64(frameHead + align + 16)
	for _, r := range recs {
		n += int64(len(r)) + 10
	}
	return n
}

// Get returns the record at index; the caller must not change it. It fails with NotFound and Corrupt.
func (w *WAL) Get(index uint64) ([]byte, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if index == 0 || index < w.first || index > w.last {
		return nil, edge.E(edge.NotFound, "the log has no record %d", index)
	}
	if r, ok := w.tail.get(index); ok {
		return r, nil
	}
	i := slices.IndexFunc(w.segs, func(s *segment) bool { // few, and some may be empty
		return len(s.frames) > 0 && s.frames[len(s.frames)-1].last() >= index
	})
	s := w.segs[i]
	j, _ := slices.BinarySearchFunc(s.frames, index, func(f frame, i uint64) int {
		if f.last() < i {
			return -1
		}
		return 1
	})
	return w.reader.get(w.o.Key, s, s.frames[j], index)
}

// CutAfter removes every record above index, durably.
func (w *WAL) CutAfter(index uint64) error {
	w.write.Lock()
	defer w.write.Unlock()
	if err := w.err(); err != nil {
		return err
	}
	if last := w.Last(); last <= index {
		return nil
	}
	if index < w.First() {
		return w.clear()
	}
	// The head of a new segment that starts at index+1 is what undoes the rest: one durable step.
	w.seal()
	return w.rotate(index+1, 0)
}

// CutBefore removes the records below index. Files go as a whole, so after a restart some may be back.
func (w *WAL) CutBefore(index uint64) error {
	w.write.Lock()
	defer w.write.Unlock()
	if err := w.err(); err != nil {
		return err
	}
	if index > w.Last() {
		return w.clear()
	}
	w.mu.Lock()
	w.first = max(w.first, index)
	var gone []*segment
	for len(w.segs) > 1 && (len(w.segs[0].frames) == 0 || w.segs[0].frames[len(w.segs[0].frames)-1].last() < index) {
		gone, w.segs = append(gone, w.segs[0]), w.segs[1:]
	}
	w.reader.forget()
	w.mu.Unlock()
	return w.remove(gone)
}

// Clear removes all records; the next Append may start anywhere.
func (w *WAL) Clear() error {
	w.write.Lock()
	defer w.write.Unlock()
	if err := w.err(); err != nil {
		return err
	}
	return w.clear()
}

func (w *WAL) clear() error {
	w.seal()
	w.mu.Lock()
	gone := w.segs
	w.segs, w.first, w.last = nil, 0, 0
	w.tail.reset()
	w.reader.forget()
	w.mu.Unlock()
	return w.remove(gone)
}

// remove deletes files oldest first, each durably, so that a power cut leaves no gap.
func (w *WAL) remove(segs []*segment) error {
	for _, s := range segs {
		if err := os.Remove(s.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return w.fail("remove a file of", err)
		}
		if err := SyncDir(w.o.Dir); err != nil {
			return w.fail("remove a file of", err)
		}
	}
	return nil
}

// Err returns why nothing is written any more, or nil.
func (w *WAL) err() error { w.mu.RLock(); defer w.mu.RUnlock(); return w.broken }

// Err returns the failure after which the log takes nothing any more, or nil.
func (w *WAL) Err() error { return w.err() }

// Close shortens the newest file to what it holds and closes it.
func (w *WAL) Close() error {
	w.write.Lock()
	defer w.write.Unlock()
	w.seal()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reader.forget()
	if w.broken == nil {
		w.broken = edge.E(edge.Unavailable, "the log is closed")
	}
	return nil
}

// fail stops the log for good: what lies on the disk is no longer known.
func (w *WAL) fail(what string, err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken == nil {
		w.broken = edge.E(edge.Unavailable, "the disk failed to %s the log: %w", what, err)
	}
	return w.broken
}

// classify tells a full disk, of which nothing remains once there is room, from a failing one.
func (w *WAL) classify(what string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return edge.E(edge.Exhausted, "the disk is full: %w", err).WithHint("free some space; nothing that was acknowledged is lost")
	}
	return w.fail(what, err)
}
