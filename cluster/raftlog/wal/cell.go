package wal

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	gosync "sync"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/aielon/edge/node/edge"
)

// CellMax is the largest value a Cell takes, in bytes.
const CellMax = 16<<10 - cellHead - chacha20poly1305.Overhead

const (
	cellSlot = 16 << 10
	cellHead = 4 + 4 + 8 + chacha20poly1305.NonceSizeX
)

var cellMagic = [4]byte{'A', 'E', 'C', '1'}

// A Cell is one small value that outlives power cuts: a vote, the point up to which a state is durable.
//
// Its file holds the value twice, each copy sealed, and has all its space from the start, so that saving
// works on a full disk. Save writes and fsyncs one copy after the other. At any moment one copy is
// therefore whole: a power cut leaves the older value or the newer, of which only the older was promised;
// a damaged copy is mended from the other at the next Open. The value is never older than the last Save
// that returned.
type Cell struct {
	edge.Redacted

	mu      gosync.Mutex // guards the fields below
	f       *os.File
	key     []byte
	label   string
	version uint64
	value   []byte
	broken  error
}

// OpenCell opens or makes the cell in the file called name. It fails with Corrupt where both copies are
// damaged or sealed with another key.
func OpenCell(name string, key []byte) (*Cell, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, edge.E(edge.Unavailable, "%s cannot be opened: %w", filepath.Base(name), err)
	}
	label := filepath.Base(name)
	c := &Cell{f: f, label: label, key: subkey(key, nil, "aielon-edge/wal/1 cell "+label)}
	if err := c.load(); err != nil {
		f.Close()
		return nil, err
	}
	return c, nil
}

func (c *Cell) load() error {
	var slots [2][]byte
	var ok [2]bool
	var version [2]uint64
	var value [2][]byte
	for i := range slots {
		slots[i] = make([]byte, cellSlot)
		if _, err := c.f.ReadAt(slots[i], int64(i)*cellSlot); err != nil && !isShort(err) {
			return edge.E(edge.Corrupt, "%s cannot be read: %w", c.label, err)
		}
		version[i], value[i], ok[i] = c.open(slots[i])
	}
	empty := countBits(slots[1]) == 0 // the second copy is only written after the first is durable
	switch {
	case !ok[0] && !ok[1] && !empty:
		return edge.E(edge.Corrupt, "both copies of %s are damaged, or sealed with another key", c.label)
	case !ok[0] && !ok[1]:
		return c.create()
	}
	best := 0
	if !ok[0] || ok[1] && version[1] > version[0] {
		best = 1
	}
	c.version, c.value = version[best], value[best]
	if !ok[0] || !ok[1] || version[0] != version[1] {
		return c.save(c.value)
	}
	return nil
}

// create gives the file its space.
func (c *Cell) create() error {
	if _, err := c.f.WriteAt(make([]byte, 2*cellSlot), 0); err != nil {
		return edge.E(edge.Exhausted, "there is no room for %s: %w", c.label, err)
	}
	if err := errors.Join(sync(c.f), SyncDir(filepath.Dir(c.f.Name()))); err != nil {
		return edge.E(edge.Unavailable, "%s cannot be made: %w", c.label, err)
	}
	return nil
}

// Load returns the value last saved, nil where there is none yet. The caller must not change it.
func (c *Cell) Load() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value
}

// Save replaces the value, durably. After a failure nothing is known and nothing is taken any more.
func (c *Cell) Save(value []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return c.broken
	}
	if len(value) > CellMax {
		return edge.E(edge.Invalid, "%s cannot hold %d bytes", c.label, len(value))
	}
	if c.version > 0 && bytes.Equal(value, c.value) {
		return nil
	}
	return c.save(bytes.Clone(value))
}

func (c *Cell) save(value []byte) error {
	b := c.seal(c.version+1, value)
	for i := range int64(2) {
		if _, err := c.f.WriteAt(b, i*cellSlot); err != nil {
			return c.fail(err)
		}
		if err := sync(c.f); err != nil {
			return c.fail(err)
		}
	}
	c.version, c.value = c.version+1, value
	return nil
}

func (c *Cell) fail(err error) error {
	c.broken = edge.E(edge.Unavailable, "the disk failed to keep %s: %w", c.label, err)
	return c.broken
}

// Close closes the file.
func (c *Cell) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken == nil {
		c.broken = edge.E(edge.Unavailable, "%s is closed", c.label)
	}
	return c.f.Close()
}

// A slot is magic (4) | length of the sealed value (4) | version (8) | nonce (24) | sealed value.
func (c *Cell) seal(version uint64, value []byte) []byte {
	b := append(make([]byte, 0, cellHead+len(value)+16), cellMagic[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(value)+chacha20poly1305.Overhead))
	b = binary.BigEndian.AppendUint64(b, version)
	b = b[:cellHead]
	rand.Read(b[16:cellHead])
	a, err := chacha20poly1305.NewX(c.key)
	if err != nil {
		panic(err) // the key is 32 bytes, by construction
	}
	return a.Seal(b, b[16:cellHead], value, b[:16])
}

func (c *Cell) open(b []byte) (version uint64, value []byte, ok bool) {
	n := binary.BigEndian.Uint32(b[4:])
	if !bytes.Equal(b[:4], cellMagic[:]) || n > cellSlot-cellHead {
		return 0, nil, false
	}
	a, err := chacha20poly1305.NewX(c.key)
	if err != nil {
		panic(err) // the key is 32 bytes, by construction
	}
	value, err = a.Open([]byte{}, b[16:cellHead], b[cellHead:cellHead+n], b[:16])
	return binary.BigEndian.Uint64(b[8:]), value, err == nil
}

// Err returns the failure after which the cell takes nothing any more, or nil.
func (c *Cell) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken
}
