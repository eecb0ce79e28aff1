package state

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Badger's log of a memtable (a file that ends in .mem), as memtable.go of v4.9.6 writes it:
//
//	key id (8 bytes) | base IV (12) | entries
//	entry: meta | user meta | uvarint key length | uvarint value length | uvarint expiry | key value (AES-CTR) | CRC-32C
//
// The IV of an entry is the base IV and the entry's offset. The entries of one transaction carry the
// transaction's bit, and an entry with the final bit closes it. Badger drops whatever follows the first
// entry it cannot read, silently: that is why the logs are read here first.
const (
	walHeader = 20
	walInTxn  = 1 << 6
	walFinTxn = 1 << 7
	walMaxKey = 1 << 16
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A walTxn is one whole transaction of a log: its index, and the index before it as seqKey tells.
type walTxn struct {
	at, prev uint64
	end      int64 // offset behind it
}

// A walFile is what one log holds.
type walFile struct {
	path  string
	txns  []walTxn
	end   int64  // offset behind the last whole transaction
	empty bool   // not a byte
	torn  bool   // something other than zeros follows
	later uint64 // highest index of whole transactions found behind something unreadable
}

// walFiles lists the logs of a directory in Badger's order.
func walFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var ids []int
	names := map[int]string{}
	for _, e := range entries {
		if n, ok := strings.CutSuffix(e.Name(), ".mem"); ok {
			if id, err := strconv.Atoi(n); err == nil {
				ids = append(ids, id)
				names[id] = filepath.Join(dir, e.Name())
			}
		}
	}
	slices.Sort(ids)
	var out []string
	for _, id := range ids {
		out = append(out, names[id])
	}
	return out, nil
}

// readWAL reads a log. dataKey gives Badger's data key with an id; nil for one it does not know.
func readWAL(path string, dataKey func(id uint64) []byte) (walFile, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return walFile{}, err
	}
	w := walFile{path: path, end: min(walHeader, int64(len(b))), empty: len(b) == 0}
	r := walReader{b: b}
	if len(b) >= walHeader {
		if id := binary.BigEndian.Uint64(b); id != 0 {
			if k := dataKey(id); k != nil {
				r.block, _ = aes.NewCipher(k)
			}
		}
	}
	at := w.end
	for {
		t, next, ok := r.txn(at)
		if !ok {
			break
		}
		w.txns = append(w.txns, t)
		at, w.end = next, next
	}
	w.torn = len(bytes.TrimRight(b[w.end:], "\x00")) > 0
	if w.torn {
		w.later = r.beyond(w.end)
	}
	return w, nil
}

type walReader struct {
	b      []byte
	block  cipher.Block // nil: the log is not encrypted
	hashed int64        // bytes checked so far
}

type walEntry struct {
	meta       byte
	key, value []byte // decrypted; value only where it is of use here
	next       int64
}

// entry reads the entry at an offset. It is false where Badger would stop.
func (r *walReader) entry(at int64) (e walEntry, ok bool) {
	b := r.b[min(at, int64(len(r.b))):]
	head, klen, vlen, ok := r.head(b)
	if !ok {
		return e, false
	}
	e.meta = b[0]
	size := head + int(klen+vlen)
	r.hashed += int64(size)
	if crc32.Checksum(b[:size], castagnoli) != binary.BigEndian.Uint32(b[size:]) {
		return e, false
	}
	kv := b[head:size]
	e.key, e.value = kv[:klen], kv[klen:]
	if r.block != nil {
		var iv [aes.BlockSize]byte
		copy(iv[:], r.b[8:walHeader])
		binary.BigEndian.PutUint32(iv[12:], uint32(at))
		want := int(klen) + min(int(vlen), 32) // all that is looked at
		plain := make([]byte, want)
		cipher.NewCTR(r.block, iv[:]).XORKeyStream(plain, kv[:want])
		e.key, e.value = plain[:klen], plain[klen:]
	}
	e.next = at + int64(size) + 4
	return e, true
}

// head reads the head of an entry: its own length, and the lengths of key and value, which fit into b.
func (r *walReader) head(b []byte) (head int, klen, vlen uint64, ok bool) {
	head = 2
	var n [3]uint64
	for i := range n {
		if len(b) <= head {
			return 0, 0, 0, false
		}
		v, w := binary.Uvarint(b[head:min(len(b), head+10)])
		if w <= 0 {
			return 0, 0, 0, false
		}
		n[i], head = v, head+w
	}
	klen, vlen = n[0], n[1]
	ok = klen > 0 && klen <= walMaxKey && vlen <= math.MaxInt32 && uint64(len(b)-head) >= klen+vlen+4
	return head, klen, vlen, ok
}

// version is the index in the last 8 bytes of one of Badger's keys.
func version(key []byte) (uint64, bool) {
	if len(key) < 8 {
		return 0, false
	}
	return math.MaxUint64 - binary.BigEndian.Uint64(key[len(key)-8:]), true
}

// txn reads one whole transaction.
func (r *walReader) txn(at int64) (t walTxn, next int64, ok bool) {
	for first := true; ; first = false {
		e, ok := r.entry(at)
		if !ok {
			return t, 0, false
		}
		at = e.next
		v, ok := version(e.key)
		switch {
		case !ok:
			return t, 0, false
		case e.meta&walInTxn != 0:
			if !first && v != t.at {
				return t, 0, false
			}
			t.at = v
			if bytes.Equal(e.key[:len(e.key)-8], seqKey) && len(e.value) == 8 {
				t.prev = binary.BigEndian.Uint64(e.value)
			}
		case e.meta&walFinTxn != 0:
			n, err := strconv.ParseUint(string(e.value), 10, 64)
			if first || err != nil || n != t.at {
				return t, 0, false
			}
			t.end = at
			return t, at, true
		default:
			return t, 0, false // nothing of ours is written outside a transaction
		}
	}
}

// Bounds of the search behind an unreadable entry: offsets tried, and bytes hashed.
const (
	resync     = 64 << 10
	resyncHash = 256 << 20
)

// beyond looks for whole transactions behind an unreadable place. After a power cut there can be none
// but the one that was being written, so that a later one proves that something in between was damaged.
func (r *walReader) beyond(at int64) (highest uint64) {
	if at < int64(len(r.b)) { // the lengths of the unreadable entry may be right
		if head, klen, vlen, ok := r.head(r.b[at:]); ok {
			highest = r.search(at+int64(head)+int64(klen+vlen)+4, 1)
		}
	}
	return max(highest, r.search(at, resync))
}

func (r *walReader) search(at int64, tries int) (highest uint64) {
	r.hashed = 0
	for tries > 0 && at < int64(len(r.b)) && r.hashed < resyncHash {
		if t, next, ok := r.txn(at); ok {
			highest = max(highest, t.at)
			at = next
			continue
		}
		if e, ok := r.entry(at); ok {
			at = e.next
			continue
		}
		at++
		tries--
	}
	return highest
}
