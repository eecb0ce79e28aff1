package state

import (
	"bytes"
	"iter"
	"runtime/debug"

	"github.com/dgraph-io/badger/v4"
)

// ScanFrom is Scan beginning with the first key that is not below from. A nil from begins at the prefix.
func (v *View) ScanFrom(prefix, from []byte) iter.Seq2[[]byte, []byte] {
	if bytes.Compare(from, prefix) < 0 {
		from = prefix
	}
	return func(yield func(key, value []byte) bool) { v.scan(prefix, from, false, yield) }
}

// ScanDown yields what lies under prefix in descending order of keys.
func (v *View) ScanDown(prefix []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) { v.scan(prefix, after(prefix), true, yield) }
}

// ScanDownFrom is ScanDown beginning with the last key that is not above from.
func (v *View) ScanDownFrom(prefix, from []byte) iter.Seq2[[]byte, []byte] {
	if end := after(prefix); end != nil && bytes.Compare(from, end) > 0 {
		from = end
	}
	return func(yield func(key, value []byte) bool) { v.scan(prefix, from, true, yield) }
}

// Last returns the highest key under prefix and its value; NotFound where there is none.
func (v *View) Last(prefix []byte) (key, value []byte, err error) {
	for k, val := range v.ScanDown(prefix) {
		return k, val, nil
	}
	if err := v.Err(); err != nil {
		return nil, nil, err
	}
	return nil, nil, errNotFound
}

// after returns a key at or above every key that begins with prefix; nil: there is no such bound.
func after(prefix []byte) []byte {
	k := bytes.Clone(prefix)
	for i := len(k) - 1; i >= 0; i-- {
		if k[i] != 0xff {
			k[i]++
			return k[:i+1]
		}
	}
	return nil
}

// A cursor is one iterator of Badger whose panics and faults become errors.
type cursor struct {
	v      *View
	it     *badger.Iterator
	prefix []byte
	last   []byte // key that was read last, for messages
}

func (v *View) scan(prefix, from []byte, down bool, yield func(key, value []byte) bool) {
	if v.txn == nil || v.Err() != nil {
		return
	}
	c := &cursor{v: v, prefix: prefix}
	defer c.close()
	key, value, err := c.first(from, down)
	for ; key != nil && err == nil; key, value, err = c.next() {
		if !yield(key, value) {
			return
		}
	}
	if err != nil {
		v.fail(err)
	}
}

func (c *cursor) first(from []byte, down bool) (key, value []byte, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer c.v.recovered(c.prefix, &err)
	o := badger.IteratorOptions{Reverse: down}
	if !down {
		o.Prefix = c.prefix // lets Badger skip tables
	}
	c.it = c.v.txn.NewIterator(o)
	c.it.Seek(from)
	return c.read()
}

func (c *cursor) next() (key, value []byte, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer c.v.recovered(c.last, &err)
	c.it.Next()
	return c.read()
}

// read returns a copy of what the cursor stands on, skipping keys of our own and, going down, the bound
// itself, which is above the prefix.
func (c *cursor) read() (key, value []byte, err error) {
	for ; c.it.Valid(); c.it.Next() {
		item := c.it.Item()
		k := item.Key()
		if bytes.HasPrefix(k, ownPrefix) {
			continue
		}
		if !bytes.HasPrefix(k, c.prefix) {
			if bytes.Compare(k, c.prefix) > 0 && c.it.Valid() && c.last == nil {
				continue
			}
			return nil, nil, nil
		}
		key = item.KeyCopy(nil)
		c.last = key
		value, err = c.v.value(nil, key, item)
		if value == nil {
			value = []byte{}
		}
		return key, value, err
	}
	return nil, nil, nil
}

func (c *cursor) close() {
	if c.it != nil {
		c.it.Close()
	}
}
