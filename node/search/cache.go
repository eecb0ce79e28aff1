package search

import (
	"sync"
	"time"
)

// What searches keep of the store between them: rows of the dictionary and blocks, opened, up to cacheBytes. It is
// empty at first and again cacheIdle after the last search, at the latest twice that.
const (
	cacheBytes = 6 << 20
	cacheIdle  = 30 * time.Second
	cacheCost  = 100 // bytes of an entry beside its key and value, about
)

// A cache holds rows as the index was after one commit. A search that sees another commit goes to the store, and every
// commit takes out what it changes, so that nothing old is ever found. Of two halves the older is given up when the
// younger is full; what is found in the older moves.
type cache struct {
	mu         sync.Mutex // guards all fields
	commit     uint64     // the rows are as this commit left them
	young, old map[string][]byte
	size       int // of young, in bytes
	used       bool
	timer      *time.Timer // runs while there is something
}

// get returns a row as a commit left it. The value is shared: it is only read.
func (c *cache) get(commit uint64, key []byte) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if commit != c.commit {
		return nil, false
	}
	c.used = true
	v, ok := c.young[string(key)]
	if ok {
		return v, true
	}
	if v, ok = c.old[string(key)]; ok {
		delete(c.old, string(key))
		c.keep(string(key), v)
	}
	return v, ok
}

// put keeps a row that was read as a commit left it. An empty cache takes up the commit of whoever comes first.
func (c *cache) put(commit uint64, key, value []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if commit > c.commit && len(c.young)+len(c.old) == 0 {
		c.commit = commit
	}
	if commit != c.commit || len(value) > cacheBytes/16 {
		return
	}
	c.keep(string(key), value)
	if c.used = true; c.timer == nil {
		c.timer = time.AfterFunc(cacheIdle, c.tire)
	}
}

// keep puts a row into the younger half. The caller holds mu.
func (c *cache) keep(key string, value []byte) {
	if c.size += cacheCost + len(key) + len(value); c.size > cacheBytes/2 {
		c.old, c.young, c.size = c.young, nil, cacheCost+len(key)+len(value)
	}
	if c.young == nil {
		c.young = map[string][]byte{}
	}
	c.young[key] = value
}

// committed tells which rows a commit has changed. After one that is not the next, everything goes.
func (c *cache) committed(commit uint64, changed func(yield func(key string))) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.commit+1 != commit {
		c.young, c.old, c.size = nil, nil, 0
	}
	c.commit = commit
	if len(c.young)+len(c.old) == 0 {
		return
	}
	changed(func(key string) {
		if v, ok := c.young[key]; ok {
			c.size -= cacheCost + len(key) + len(v)
			delete(c.young, key)
		}
		delete(c.old, key)
	})
}

// tire empties a cache that was not used for a while.
func (c *cache) tire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.used {
		c.used = false
		c.timer.Reset(cacheIdle)
		return
	}
	c.young, c.old, c.size, c.timer = nil, nil, 0, nil
}

// bytes says how much is held, about.
func (c *cache) bytes() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, half := range []map[string][]byte{c.young, c.old} {
		for k, v := range half {
			n += cacheCost + len(k) + len(v)
		}
	}
	return n
}
