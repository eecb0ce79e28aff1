package blob

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"math/bits"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
)

const partSuffix = ".part"

// A Part is a blob that comes in chunks, in any order, over days and restarts if it must. It lies in a
// file of the blob's final form, each chunk sealed in its place, so that completing it copies nothing, and
// which chunks are there is told by the file itself: a torn or lost write does not open. Parts of
// different owners are separate, so that nobody's wrong bytes spoil another's. It is safe for concurrent
// use.
type Part struct {
	s    *Store
	h    Hash
	name string
	size int64

	mu     sync.Mutex
	f      *os.File // guarded by mu: nil once the part is closed or another has taken over
	aead   cipher.AEAD
	have   []uint64 // guarded by mu: one bit for each chunk
	next   int      // guarded by mu: the first chunk that is missing
	count  int      // guarded by mu: chunks that are here
	proven bool     // guarded by mu: the content is what its hash says
}

// owned starts the names of an owner's parts.
func (s *Store) owned(owner string) string {
	return s.tag("owner\x00" + owner)[:16] + "-"
}

func (s *Store) partName(owner string, h Hash) string {
	return s.owned(owner) + s.tag("part\x00" + owner + "\x00" + string(h[:]))[:32] + partSuffix
}

func (s *Store) tag(text string) string {
	m := hmac.New(sha256.New, s.name)
	m.Write([]byte(text))
	return hex.EncodeToString(m.Sum(nil))
}

// Begin opens the part of owner for the blob h of size bytes: where an earlier one was left, or with
// nothing. One that is open already is taken over, with all it has; its writes fail from then on. Room for
// the whole blob is reserved. It fails with Invalid, Exhausted or Unavailable.
func (s *Store) Begin(owner string, h Hash, size int64) (*Part, error) {
	if size < 0 || size > s.o.Limit {
		return nil, edge.E(edge.Exhausted, "an object of %d MiB is larger than all that may be kept here", size>>20)
	}
	name := s.partName(owner, h)
	s.opening.Lock()
	defer s.opening.Unlock()
	p := &Part{s: s, h: h, name: name, size: size}
	s.mu.Lock()
	old := s.open[name]
	s.mu.Unlock()
	if old != nil && !old.handOver(p) {
		old.Close() // it announced another size
	}
	if p.f != nil {
		s.enter(p)
		return p, nil
	}
	if err := p.resume(); err != nil {
		return nil, err
	}
	if p.f == nil {
		if err := p.create(); err != nil {
			return nil, s.wrap(err)
		}
	}
	s.enter(p)
	return p, nil
}

func (s *Store) enter(p *Part) {
	s.mu.Lock()
	s.open[p.name] = p
	s.mu.Unlock()
}

// handOver gives all a part has to the one that follows it.
func (p *Part) handOver(to *Part) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.f == nil || p.size != to.size {
		return false
	}
	to.f, to.aead, to.have, to.next, to.count = p.f, p.aead, p.have, p.next, p.count
	p.f = nil
	return true
}

// resume looks at the file of an earlier part. One that cannot be used is removed.
func (p *Part) resume() error {
	s := p.s
	f, a, size, err := s.openFile(p.h, p.name, os.O_RDWR)
	if edge.IsKind(err, edge.NotFound) {
		return nil
	}
	if err == nil && size == p.size {
		p.f, p.aead, p.have = f, a, make([]uint64, (Chunks(size)+63)/64)
		p.look()
		return nil
	}
	if err == nil {
		f.Close()
	}
	return s.removePart(p.name)
}

// look finds the chunks that are in the file.
func (p *Part) look() {
	buf := make([]byte, pieceSize+tagSize)
	for i := range Chunks(p.size) {
		if _, err := readChunk(p.s, p.h, p.f, p.aead, p.size, i, buf); err == nil {
			p.mark(i)
		}
	}
}

// mark notes that chunk i is here.
func (p *Part) mark(i int) {
	p.have[i/64] |= 1 << (i % 64)
	p.count++
	for p.next < Chunks(p.size) && p.has(p.next) {
		p.next++
	}
}

func (p *Part) has(i int) bool { return p.have[i/64]&(1<<(i%64)) != 0 }

// create makes an empty file of the final length. What is not written yet takes no room on the disk, but
// counts as taken.
func (p *Part) create() error {
	s, n := p.s, fileSize(p.size)
	if err := s.take(n); err != nil {
		return err
	}
	f, err := s.root.OpenFile(p.name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		s.give(n)
		return err
	}
	salt := make([]byte, saltSize)
	rand.Read(salt)
	a, err := aead(s.seal, salt)
	if err == nil {
		head := append(append([]byte(magic), salt...), a.Seal(nil, nonce(0), p.h[:], []byte(magic))...)
		_, err = f.Write(head)
	}
	if err == nil {
		err = f.Truncate(n)
	}
	if err = errors.Join(err, f.Sync(), s.syncDir()); err != nil {
		s.give(n)
		return errors.Join(err, f.Close(), s.root.Remove(p.name))
	}
	s.mu.Lock()
	s.parts[p.name] = n
	s.mu.Unlock()
	p.f, p.aead, p.have = f, a, make([]uint64, (Chunks(p.size)+63)/64)
	return nil
}

var errTakenOver = edge.E(edge.Conflict, "another connection took over receiving this object")

// Write puts chunk i in its place, not yet durably. One that is here already is left as it is. It fails
// with Invalid for a chunk the blob cannot have, and Exhausted where the disk is full.
func (p *Part) Write(i int, data []byte) error {
	if i < 0 || i >= Chunks(p.size) || len(data) != chunkLen(p.size, i) {
		return edge.E(edge.Invalid, "an object of %d bytes has no chunk %d of %d bytes", p.size, i, len(data))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.f == nil:
		return errTakenOver
	case p.has(i):
		return nil
	}
	if err := p.s.room(int64(len(data))); err != nil {
		return err
	}
	sealed := p.aead.Seal(nil, nonce(uint64(i)+1), data, lastPiece(i == Chunks(p.size)-1))
	if _, err := p.f.WriteAt(sealed, chunkAt(i)); err != nil {
		return p.s.wrap(err)
	}
	p.mark(i)
	return nil
}

// Have says which chunks are here: all before next, and of those from next on the ones whose bit is set,
// lowest bit of the first byte first. It says so of what was written, not of what is durable.
func (p *Part) Have() (next int, set []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	top := -1
	for w := len(p.have) - 1; w >= 0; w-- {
		if p.have[w] != 0 {
			top = w*64 + bits.Len64(p.have[w]) - 1
			break
		}
	}
	if top < p.next {
		return p.next, nil
	}
	set = make([]byte, (top-p.next)/8+1)
	for i := p.next; i <= top; i++ {
		if p.has(i) {
			set[(i-p.next)/8] |= 1 << ((i - p.next) % 8)
		}
	}
	return p.next, set
}

// Complete reports whether every chunk is here.
func (p *Part) Complete() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count == Chunks(p.size)
}

// Sync makes durable what was written. A part whose Sync failed is not to be trusted: drop it.
func (p *Part) Sync() error {
	p.mu.Lock()
	f := p.f
	p.mu.Unlock()
	if f == nil {
		return errTakenOver
	}
	if err := f.Sync(); err != nil {
		return p.s.wrap(err)
	}
	return nil
}

// Verify reads a complete part to its end and compares the hash. It fails with Corrupt where the content
// is not what was announced.
func (p *Part) Verify() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.f == nil {
		return errTakenOver
	}
	sum, buf := sha256.New(), make([]byte, pieceSize+tagSize)
	for i := range Chunks(p.size) {
		b, err := readChunk(p.s, p.h, p.f, p.aead, p.size, i, buf)
		if err != nil {
			return err
		}
		sum.Write(b)
	}
	if got := Hash(sum.Sum(nil)); got != p.h {
		return edge.E(edge.Corrupt, "the object was announced as %s and is %s", p.h, got)
	}
	p.proven = true
	return nil
}

// Keep makes a verified part a blob, durably, and closes it.
func (p *Part) Keep() error {
	s := p.s
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.f == nil {
		return errTakenOver
	}
	if !p.proven {
		return edge.E(edge.Internal, "an object was to be kept before it was verified")
	}
	if err := p.f.Sync(); err != nil {
		return s.wrap(err)
	}
	if err := s.place(p); err != nil {
		return s.wrap(err)
	}
	p.shut()
	return nil
}

// place gives a part the name of its blob.
func (s *Store) place(p *Part) error {
	s.placing.Lock()
	defer s.placing.Unlock()
	if s.Has(p.h) && s.check(p.h) == nil {
		return s.removePart(p.name)
	}
	if old, err := s.root.Stat(s.file(p.h)); err == nil { // damaged: replaced
		s.give(old.Size())
	}
	if err := s.root.Rename(p.name, s.file(p.h)); err != nil {
		return err
	}
	s.mu.Lock()
	delete(s.parts, p.name) // its bytes count for the blob now
	s.mu.Unlock()
	return s.syncDir()
}

// Drop closes a part and forgets all it has.
func (p *Part) Drop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.f == nil {
		return nil
	}
	p.shut()
	return p.s.removePart(p.name)
}

// Close ends receiving for now; what has come stays for the next Begin.
func (p *Part) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.f == nil {
		return nil
	}
	return p.shut()
}

// shut is called with p.mu held.
func (p *Part) shut() error {
	err := p.f.Close()
	p.f = nil
	p.s.mu.Lock()
	if p.s.open[p.name] == p {
		delete(p.s.open, p.name)
	}
	p.s.mu.Unlock()
	return err
}

func (s *Store) removePart(name string) error {
	err := s.root.Remove(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s.unavailable(err)
	}
	s.mu.Lock()
	n := s.parts[name]
	delete(s.parts, name)
	s.mu.Unlock()
	s.give(n)
	return nil
}

// Pending is how many bytes the parts of an owner will take once they are whole, without that of h.
func (s *Store) Pending(owner string, h Hash) (bytes int64) {
	prefix, but := s.owned(owner), s.partName(owner, h)
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, n := range s.parts {
		if name != but && strings.HasPrefix(name, prefix) {
			bytes += plainSize(n)
		}
	}
	return bytes
}

// Expire removes parts that nobody has open and to which nothing was added since before. It returns how
// many.
func (s *Store) Expire(before time.Time) (gone int, err error) {
	s.opening.Lock()
	defer s.opening.Unlock()
	var old []string
	err = s.each(func(e fs.DirEntry) error {
		if !strings.HasSuffix(e.Name(), partSuffix) {
			return nil
		}
		info, err := e.Info()
		s.mu.Lock()
		busy := s.open[e.Name()] != nil
		s.mu.Unlock()
		if err == nil && !busy && info.ModTime().Before(before) {
			old = append(old, e.Name())
		}
		return nil
	})
	for _, name := range old {
		if e := s.removePart(name); e != nil {
			err = errors.Join(err, e)
			continue
		}
		gone++
	}
	if err != nil {
		return gone, s.wrap(err)
	}
	return gone, nil
}
