package state

import (
	"bytes"
	"testing"
)

func TestBatchUsesItsMemoryAgain(t *testing.T) {
	b, key, large, small := NewBatch(), []byte("k"), make([]byte, 100<<10), make([]byte, 100)
	n := testing.AllocsPerRun(100, func() {
		for range 3 {
			b.Set(key, large)
			b.Set(key, small)
		}
		b.Reset()
	})
	if n > 0 {
		t.Errorf("%v allocations for a batch like the one before", n)
	}
}

// TestBatchRestIsKept: what lies in memory that was left stays as it is.
func TestBatchRestIsKept(t *testing.T) {
	b, first, second := NewBatch(), bytes.Repeat([]byte{1}, 50<<10), bytes.Repeat([]byte{2}, 50<<10)
	b.Set([]byte("k"), first)
	kept := b.ops[0].val
	b.leave()
	b.Reset()
	b.Set([]byte("k"), second)
	if !bytes.Equal(kept[headSize:], first) {
		t.Error("the memory of a write that was kept was used again")
	}
	if len(b.spare) > 0 {
		t.Errorf("%d pieces are spare", len(b.spare))
	}
}

// TestBatchBound: a large batch does not stay in memory.
func TestBatchBound(t *testing.T) {
	b := NewBatch()
	for range 20 {
		b.Set([]byte("k"), make([]byte, 300<<10))
		b.Set([]byte("k"), make([]byte, 600<<10))
	}
	b.Reset()
	size := 0
	for _, p := range b.spare {
		size += cap(p)
	}
	if len(b.spare) > maxSpares || size > maxSpares*maxSpare {
		t.Errorf("%d pieces of %d bytes are kept", len(b.spare), size)
	}
}
