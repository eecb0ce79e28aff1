package wal

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	gosync "sync"
	"time"

	"github.com/aielon/edge/node/edge"
)

// newest is the segment being written. The caller holds w.write.
func (w *WAL) newest() *segment { w.mu.RLock(); defer w.mu.RUnlock(); return w.segs[len(w.segs)-1] }

// rotate starts the segment whose first record is index, with room for at least need bytes.
func (w *WAL) rotate(index uint64, need int64) error {
	if !w.spareOK.Load() {
		w.makeSpare()
	}
	if !w.spareOK.Load() {
		return edge.E(edge.Exhausted, "the disk is full: the log cannot grow").WithHint("free some space; nothing that was acknowledged is lost")
	}
	f, err := os.OpenFile(w.spare(), os.O_RDWR, 0o600)
	if err != nil {
		return w.fail("extend", err)
	}
	h := newHead(w.seq+1, index)
	room := w.o.Segment
	if need > room {
		if room = need; w.disk.reserve(f, room) != nil {
			f.Close()
			return edge.E(edge.Exhausted, "the disk is full: a large entry does not fit the log").WithHint("free some space")
		}
	}
	w.spareOK.Store(false)
	if err := w.install(f, h); err != nil {
		f.Close()
		return err
	}
	w.active, w.room, w.sealing, w.seq = f, room, h.aead(w.o.Key), h.seq
	w.mu.Lock()
	w.cutIndex(index)
	w.segs = append(w.segs, &segment{head: h, path: w.path(h), end: headSize})
	w.recount()
	w.mu.Unlock()
	w.makeSpare()
	return nil
}

// install gives the spare file its head and then its name, so that a file with a name has a head.
func (w *WAL) install(f *os.File, h head) error {
	if err := w.disk.write(f, h.encode(w.o.Key), 0); err != nil {
		return w.classify("extend", err)
	}
	if err := w.disk.sync(f); err != nil {
		return w.fail("extend", err)
	}
	if err := os.Rename(w.spare(), w.path(h)); err != nil {
		return w.fail("extend", err)
	}
	if err := SyncDir(w.o.Dir); err != nil {
		return w.fail("extend", err)
	}
	return nil
}

func (w *WAL) spare() string { return filepath.Join(w.o.Dir, "spare") }

// makeSpare lays the next segment's space aside. The caller holds w.write, or is the only one.
func (w *WAL) makeSpare() {
	w.tried = time.Now()
	f, err := os.OpenFile(w.spare(), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return
	}
	err = errors.Join(w.disk.reserve(f, w.o.Segment), w.disk.sync(f), f.Close(), SyncDir(w.o.Dir))
	w.spareOK.Store(err == nil)
	if err != nil {
		os.Remove(w.spare())
	}
}

// Writable returns nil, or Exhausted where the next segment's space could not be laid aside: what is left
// is for raft's own entries, and for what is already under way.
func (w *WAL) Writable() error {
	if err := w.err(); err != nil {
		return err
	}
	if w.spareOK.Load() {
		return nil
	}
	w.write.Lock()
	defer w.write.Unlock()
	if !w.spareOK.Load() && time.Since(w.tried) > time.Second {
		w.makeSpare()
	}
	if !w.spareOK.Load() {
		return edge.E(edge.Exhausted, "the disk is nearly full: nothing new is taken").WithHint("free some space")
	}
	return nil
}

// seal ends the active segment. What is behind its last good frame was never acknowledged.
func (w *WAL) seal() {
	if w.active == nil {
		return
	}
	if err := errors.Join(w.active.Truncate(w.newest().end), w.disk.sync(w.active), w.active.Close()); err != nil {
		w.fail("close a file of", err)
	}
	w.active = nil
}

// cutIndex forgets every frame and part of a frame from index on. The caller holds w.mu, or is the only one.
func (w *WAL) cutIndex(index uint64) {
	for _, s := range w.segs {
		for len(s.frames) > 0 {
			f := &s.frames[len(s.frames)-1]
			if f.last() < index {
				break
			}
			if f.first < index {
				f.records = uint32(index - f.first) // Get reads the head from the file: this only bounds the index
				break
			}
			s.frames = s.frames[:len(s.frames)-1]
		}
	}
	w.tail.cut(index)
	w.reader.forget()
}

// recount finds first and last anew. The caller holds w.mu, or is the only one.
func (w *WAL) recount() {
	lo, hi := uint64(0), uint64(0)
	for _, s := range w.segs {
		if len(s.frames) == 0 {
			continue
		}
		if lo == 0 {
			lo = s.frames[0].first
		}
		hi = s.frames[len(s.frames)-1].last()
	}
	w.last = hi
	if hi == 0 {
		w.first = 0
	} else if w.first < lo || w.first > hi {
		w.first = lo
	}
}

// A reader reads sealed frames and remembers the last one, since logs are read in order.
type reader struct {
	mu   gosync.Mutex // guards the fields below: many may Get
	path string
	at   frame
	recs [][]byte
}

func (r *reader) get(key []byte, s *segment, f frame, index uint64) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.path != s.path || r.at.off != f.off || r.recs == nil {
		recs, err := readFrame(key, s, f)
		if err != nil {
			return nil, err
		}
		r.path, r.at, r.recs = s.path, f, recs
	}
	return r.recs[index-f.first], nil
}

func (r *reader) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.path, r.recs = "", nil
}

func readFrame(key []byte, s *segment, f frame) ([][]byte, error) {
	file, err := os.Open(s.path)
	if err != nil {
		return nil, edge.E(edge.Corrupt, "a file of the log is gone: %w", err)
	}
	defer file.Close()
	b := make([]byte, f.size())
	if _, err := file.ReadAt(b, f.off); err != nil {
		return nil, edge.E(edge.Corrupt, "record %d of the log cannot be read: %w", f.first, err)
	}
	whole, ok := decodeFrameHead(b)
	if whole.off = f.off; !ok || whole.sealed != f.sealed || whole.first != f.first || whole.no != f.no {
		return nil, edge.E(edge.Corrupt, "record %d of the log is not what was written", f.first)
	}
	return openFrame(s.aead(key), whole, b)
}

// A tail keeps the newest records, as many as fit its limit.
type tail struct {
	limit, bytes int
	first        uint64
	recs         [][]byte
}

func (t *tail) add(first uint64, recs [][]byte) {
	if t.first+uint64(len(t.recs)) != first {
		t.reset()
	}
	if len(t.recs) == 0 {
		t.first = first
	}
	for _, r := range recs {
		t.recs, t.bytes = append(t.recs, r), t.bytes+len(r)+64
	}
	for len(t.recs) > 0 && t.bytes > t.limit {
		t.bytes -= len(t.recs[0]) + 64
		t.recs[0] = nil
		t.recs, t.first = t.recs[1:], t.first+1
	}
}

func (t *tail) get(index uint64) ([]byte, bool) {
	if index < t.first || index-t.first >= uint64(len(t.recs)) {
		return nil, false
	}
	return t.recs[index-t.first], true
}

func (t *tail) cut(index uint64) {
	for len(t.recs) > 0 && t.first+uint64(len(t.recs)) > index {
		t.bytes -= len(t.recs[len(t.recs)-1]) + 64
		t.recs = t.recs[:len(t.recs)-1]
	}
}

func (t *tail) reset() { t.recs, t.bytes, t.first = nil, 0, 0 }

func truncate(name string, size int64) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), sync(f), f.Close())
}

// SyncDir makes the names in a folder durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func isShort(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
