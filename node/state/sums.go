package state

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/cespare/xxhash/v2"
)

// SUMS holds size and xxHash64 of the files Badger never changes, and of how far the files got that it
// only appends to. It is replaced as a whole (temporary file, fsync, rename, fsync of the directory), so
// it is always whole; a MAC tells when it is not.
//
//	"AESUMS1\n" | MANIFEST: size, sum, inode | KEYREGISTRY: size, sum, inode | count | count × (id, size, sum) | MAC (32)
//
// All numbers are 8 bytes, big endian.
const (
	sumsName  = "SUMS"
	sumsMagic = "AESUMS1\n"
	maxTables = 1 << 20

	manifestName = "MANIFEST"
	registryName = "KEYREGISTRY"
)

// fileSum is size and hash of a file, or of the beginning of one that grows.
type fileSum struct{ size, sum, inode uint64 }

type sums struct {
	manifest, registry fileSum
	tables             map[uint64]fileSum // by Badger's file id; inode is not used
}

var errSums = errors.New("the file of sums is damaged")

func (s *sums) encode(key []byte) []byte {
	b := append(make([]byte, 0, len(sumsMagic)+56+24*len(s.tables)+32), sumsMagic...)
	for _, f := range []fileSum{s.manifest, s.registry} {
		b = binary.BigEndian.AppendUint64(b, f.size)
		b = binary.BigEndian.AppendUint64(b, f.sum)
		b = binary.BigEndian.AppendUint64(b, f.inode)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(len(s.tables)))
	for id, f := range s.tables {
		b = binary.BigEndian.AppendUint64(b, id)
		b = binary.BigEndian.AppendUint64(b, f.size)
		b = binary.BigEndian.AppendUint64(b, f.sum)
	}
	return append(b, macOf(key, b)...)
}

func decodeSums(b, key []byte) (*sums, error) {
	const head = len(sumsMagic) + 56
	if len(b) < head+32 || string(b[:len(sumsMagic)]) != sumsMagic {
		return nil, errSums
	}
	body := b[:len(b)-32]
	if !hmac.Equal(b[len(body):], macOf(key, body)) {
		return nil, errSums
	}
	u := func(i int) uint64 { return binary.BigEndian.Uint64(b[len(sumsMagic)+8*i:]) }
	s := &sums{
		manifest: fileSum{u(0), u(1), u(2)},
		registry: fileSum{u(3), u(4), u(5)},
		tables:   map[uint64]fileSum{},
	}
	n := u(6)
	if n > maxTables || int(n)*24 != len(body)-head {
		return nil, errSums
	}
	for i := range int(n) {
		s.tables[u(7+3*i)] = fileSum{size: u(8 + 3*i), sum: u(9 + 3*i)}
	}
	return s, nil
}

func macOf(key, b []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(b)
	return m.Sum(nil)
}

// loadSums reads SUMS. It returns nil without an error where there is none yet.
func loadSums(dir string, key []byte) (*sums, error) {
	b, err := os.ReadFile(filepath.Join(dir, sumsName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decodeSums(b, key)
}

func (s *sums) store(dir string, key []byte) error {
	return replaceFile(filepath.Join(dir, sumsName), s.encode(key))
}

// replaceFile puts a file in place of another: whole and durable, or not at all.
func replaceFile(name string, b []byte) error {
	tmp := name + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	if err := os.Rename(tmp, name); err != nil {
		return err
	}
	return syncFile(filepath.Dir(name))
}

// sumFile hashes the first size bytes of a file, all of it where size is negative. It syncs the file
// first where asked to, so that a sum never speaks of bytes a power cut could take.
func sumFile(name string, size int64, sync bool) (fileSum, error) {
	f, err := os.Open(name)
	if err != nil {
		return fileSum{}, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return fileSum{}, err
	}
	if size < 0 {
		size = st.Size()
	}
	if sync {
		if err := f.Sync(); err != nil {
			return fileSum{}, err
		}
	}
	h := xxhash.New()
	n, err := io.CopyBuffer(h, io.LimitReader(f, size), make([]byte, 128<<10))
	if err != nil {
		return fileSum{}, err
	}
	sum := fileSum{size: uint64(n), sum: h.Sum64()}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		sum.inode = sys.Ino
	}
	return sum, nil
}

// tableName is the name Badger gives the file of a table.
func tableName(dir string, id uint64) string {
	n := strconv.FormatUint(id, 10)
	return filepath.Join(dir, strings.Repeat("0", max(0, 6-len(n)))+n+".sst")
}
