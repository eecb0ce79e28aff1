package blob

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"

	"github.com/aielon/edge/node/edge"
	"golang.org/x/sys/unix"
)

// A Hash names a blob: the SHA-256 of its content.
type Hash [32]byte

// String returns 64 hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ParseHash reads what String wrote. It fails with Invalid.
func ParseHash(s string) (h Hash, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(h) {
		return h, edge.E(edge.Invalid, "%.80q is not the hash of a blob: 64 hexadecimal digits are expected", s)
	}
	return Hash(b), nil
}

// Options says how a store of blobs is opened.
type Options struct {
	edge.Redacted

	Dir     string
	Key     []byte       // 32 bytes; all keys are derived from it
	Limit   int64        // bytes all files may take together, default 1 GiB
	MinFree int64        // bytes that stay free on the disk, default 64 MiB
	Logger  *slog.Logger // default: silent
}

const (
	purposeSeal = "aielon-edge/blob/seal/1"
	purposeName = "aielon-edge/blob/name/1"

	defaultLimit   = 1 << 30
	defaultMinFree = 64 << 20

	suffix = ".blob"
	tmp    = "tmp-"
)

// A Store is one directory of blobs. It is safe for concurrent use.
type Store struct {
	edge.Redacted

	o       Options
	root    *os.Root
	seal    []byte
	name    []byte
	placing sync.Mutex       // one file at a time gets its name or loses it, so that used counts each once
	opening sync.Mutex       // one part at a time is opened or expires
	mu      sync.Mutex       // guards what follows
	used    int64            // bytes of all files and of what is being put
	parts   map[string]int64 // unfinished files and what they will take
	open    map[string]*Part // those that are being received
}

// Open opens the blobs in o.Dir, creating it where there is none, and removes what an interrupted Put left.
// It fails with Invalid or Unavailable.
func Open(o Options) (*Store, error) {
	if len(o.Key) != 32 || o.Dir == "" || o.Limit < 0 || o.MinFree < 0 {
		return nil, edge.E(edge.Invalid, "a store of blobs needs a directory, a key of 32 bytes and limits that are not negative")
	}
	if o.Limit == 0 {
		o.Limit = defaultLimit
	}
	if o.MinFree == 0 {
		o.MinFree = defaultMinFree
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{o: o, parts: map[string]int64{}, open: map[string]*Part{}, seal: derive(o.Key, purposeSeal, nil), name: derive(o.Key, purposeName, nil)}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, s.unavailable(err)
	}
	root, err := os.OpenRoot(o.Dir)
	if err != nil {
		return nil, s.unavailable(err)
	}
	s.root = root
	if err := s.scan(); err != nil {
		return nil, errors.Join(s.unavailable(err), root.Close())
	}
	return s, nil
}

// Close gives the directory back. Readers that are open go on.
func (s *Store) Close() error { return s.root.Close() }

// derive makes the key for one purpose (HKDF with SHA-256, RFC 5869).
func derive(key []byte, purpose string, salt []byte) []byte {
	k, err := hkdf.Key(sha256.New, key, salt, purpose, 32)
	if err != nil {
		panic("blob: " + err.Error()) // only for lengths no caller can ask for
	}
	return k
}

// scan counts the bytes of all blobs and removes unfinished ones.
func (s *Store) scan() error {
	return s.each(func(e fs.DirEntry) error {
		if strings.HasPrefix(e.Name(), tmp) {
			return s.root.Remove(e.Name())
		}
		info, err := e.Info()
		if err != nil {
			return nil
		}
		switch {
		case strings.HasSuffix(e.Name(), suffix):
			s.used += info.Size()
		case strings.HasSuffix(e.Name(), partSuffix): // received in part; whoever sends it goes on there
			s.used += info.Size()
			s.parts[e.Name()] = info.Size()
		}
		return nil
	})
}

func (s *Store) each(f func(fs.DirEntry) error) error {
	d, err := s.root.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		entries, err := d.ReadDir(256)
		for _, e := range entries {
			if err := f(e); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// file is the name of a blob on the disk.
func (s *Store) file(h Hash) string {
	m := hmac.New(sha256.New, s.name)
	m.Write(h[:])
	return hex.EncodeToString(m.Sum(nil)) + suffix
}

// Has reports whether the blob is here. It does not read it.
func (s *Store) Has(h Hash) bool {
	_, err := s.root.Stat(s.file(h))
	return err == nil
}

// Size returns the length of the blob's content in bytes, from the length of its file; NotFound where there
// is none.
func (s *Store) Size(h Hash) (int64, error) {
	info, err := s.root.Stat(s.file(h))
	if err != nil {
		return 0, s.fileError(h, err)
	}
	return plainSize(info.Size()), nil
}

// Used is how many bytes all blobs take on the disk.
func (s *Store) Used() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

// Delete removes a blob, durably. Removing one that is not here is no error.
func (s *Store) Delete(h Hash) error {
	s.placing.Lock()
	defer s.placing.Unlock()
	name := s.file(h)
	info, err := s.root.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = s.root.Remove(name)
	}
	if err == nil {
		s.give(info.Size())
		err = s.syncDir()
	}
	if err != nil {
		return s.unavailable(err)
	}
	return nil
}

// List calls f for each blob, in no order, until it returns false. The hash is read from the file's sealed
// head; a file whose head is damaged is skipped, and the first such is returned as Corrupt at the end.
func (s *Store) List(f func(h Hash, size int64) bool) error {
	var damaged error
	stop := errors.New("stop")
	err := s.each(func(e fs.DirEntry) error {
		if !strings.HasSuffix(e.Name(), suffix) {
			return nil
		}
		h, size, err := s.head(e.Name())
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // deleted meanwhile
		case err != nil:
			if damaged == nil {
				damaged = edge.E(edge.Corrupt, "the blob in the file %s is damaged: %w", e.Name(), err).WithHint(hintDamaged)
			}
			return nil
		case !f(h, size):
			return stop
		}
		return nil
	})
	if err != nil && err != stop {
		return s.unavailable(err)
	}
	return damaged
}

const hintDamaged = "fetch it again from a peer, or restore it from a backup"

// room says whether the disk has n more bytes.
func (s *Store) room(n int64) error {
	var st unix.Statfs_t
	if err := unix.Statfs(s.o.Dir, &st); err == nil && int64(st.Bavail)*int64(st.Bsize) < s.o.MinFree+n {
		return edge.E(edge.Exhausted, "the disk under the blobs is nearly full").WithHint("free some space")
	}
	return nil
}

// take reserves n more bytes for a Put, or says why not.
func (s *Store) take(n int64) error {
	if err := s.room(n); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used+n > s.o.Limit {
		return edge.E(edge.Exhausted, "the blobs take %d MiB of the %d MiB they may", s.used>>20, s.o.Limit>>20).
			WithHint("delete some, or raise their limit")
	}
	s.used += n
	return nil
}

func (s *Store) give(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= n
}

// Put stores what r gives, up to limit bytes, and returns its hash once it is durable. Putting what is here
// already changes nothing. It fails with Invalid (more than limit), Exhausted or Unavailable, and then
// nothing is kept.
func (s *Store) Put(ctx context.Context, r io.Reader, limit int64) (Hash, error) {
	name := tmp + rand.Text()
	f, err := s.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Hash{}, s.unavailable(err)
	}
	w := newWriter(s, f)
	h, err := w.fill(ctx, r, limit)
	if err = errors.Join(err, f.Close()); err == nil {
		err = s.keep(name, h, w)
	}
	if err != nil {
		s.root.Remove(name) // gone already where it was kept
		s.give(w.taken)
		return Hash{}, s.wrap(err)
	}
	return h, nil
}

// keep gives a finished file its name.
func (s *Store) keep(name string, h Hash, w *writer) error {
	s.placing.Lock()
	defer s.placing.Unlock()
	if s.Has(h) && s.check(h) == nil {
		s.give(w.taken)
		w.taken = 0
		return s.root.Remove(name)
	}
	if old, err := s.root.Stat(s.file(h)); err == nil { // damaged: replaced
		s.give(old.Size())
	}
	if err := s.root.Rename(name, s.file(h)); err != nil {
		return err
	}
	w.taken = 0 // it counts for the blob now
	return s.syncDir()
}

// check reads a blob to its end.
func (s *Store) check(h Hash) error {
	r, err := s.Get(h)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return errors.Join(err, r.Close())
}

func (s *Store) syncDir() error {
	d, err := s.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (s *Store) unavailable(err error) error {
	return edge.E(edge.Unavailable, "the blobs in %s cannot be used: %w", s.o.Dir, err)
}

// wrap leaves errors that have a sentence alone.
func (s *Store) wrap(err error) error {
	var e *edge.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, unix.ENOSPC):
		return edge.E(edge.Exhausted, "the disk under the blobs is full: %w", err).WithHint("free some space")
	}
	return s.unavailable(err)
}

func (s *Store) fileError(h Hash, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return edge.E(edge.NotFound, "the blob %s is not here", h)
	}
	return s.unavailable(err)
}
