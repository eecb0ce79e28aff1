package state

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"os"
	"path/filepath"
	"sync"
)

// The witness is a small file beside Badger that knows how far the store got, so that a log whose tail
// vanished is noticed. Two slots, written in turn, each
//
//	commits (8 bytes) | last (8) | synced (8) | MAC (16)
//
// in a block of its own, so that a torn write costs one slot at most. last is written after each commit
// returned, without fsync: it survives a kill, and after a power cut it may be older than the store but
// never newer. synced is the highest index known to survive a power cut; it is fsynced itself.
const (
	witnessName = "WITNESS"
	witnessSlot = 24 + 16
	witnessStep = 4096 // bytes between the slots
)

type witness struct {
	mu     sync.Mutex // guards all fields
	f      *os.File   // nil for a store in memory
	mac    hash.Hash
	turn   uint64 // number of writes so far; its lowest bit chooses the slot
	last   uint64
	synced uint64
	buf    [witnessSlot]byte
}

// load opens the witness of a directory, creating it. Slots that are not authentic do not count.
func (w *witness) load(dir string, key []byte) error {
	w.mac = hmac.New(sha256.New, key)
	f, err := os.OpenFile(filepath.Join(dir, witnessName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	w.f = f
	for slot := range int64(2) {
		var b [witnessSlot]byte
		if _, err := f.ReadAt(b[:], slot*witnessStep); err != nil || !hmac.Equal(b[24:], w.sum(b[:24])) {
			continue
		}
		if turn := binary.BigEndian.Uint64(b[:]); turn >= w.turn {
			w.turn = turn
		}
		w.last = max(w.last, binary.BigEndian.Uint64(b[8:]))
		w.synced = max(w.synced, binary.BigEndian.Uint64(b[16:]))
	}
	return nil
}

func (w *witness) sum(b []byte) []byte {
	w.mac.Reset()
	w.mac.Write(b)
	return w.mac.Sum(nil)[:16]
}

// saw notes a commit that returned.
func (w *witness) saw(last uint64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.f == nil || last <= w.last {
		return nil
	}
	w.last = last
	return w.write()
}

// sync notes, durably, that everything up to index synced survives a power cut.
func (w *witness) sync(synced uint64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.f == nil {
		return nil
	}
	w.synced, w.last = max(w.synced, synced), max(w.last, synced)
	if err := w.write(); err != nil {
		return err
	}
	return w.f.Sync()
}

func (w *witness) write() error {
	w.turn++
	binary.BigEndian.PutUint64(w.buf[0:], w.turn)
	binary.BigEndian.PutUint64(w.buf[8:], w.last)
	binary.BigEndian.PutUint64(w.buf[16:], w.synced)
	copy(w.buf[24:], w.sum(w.buf[:24]))
	_, err := w.f.WriteAt(w.buf[:], int64(w.turn&1)*witnessStep)
	return err
}

func (w *witness) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.f == nil {
		return nil
	}
	f := w.f
	w.f = nil
	return f.Close()
}
