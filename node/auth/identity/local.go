package identity

import (
	"encoding/json"
	"strings"
	"sync"

	"github.com/aielon/edge/node/edge"
)

// A Local is a few rows in the node's own store, which work without the site. Put and Delete return once the
// change survives a power cut.
type Local interface {
	Put(key string, value []byte) error
	Delete(key string) error
	Each(f func(key string, value []byte) error) error // all rows
}

const (
	maxLocal     = 4096
	localOpening = "s/"
	localRevoked = "v/"
)

// locals are what this node decided while the site could not. They are few, and all of them are in memory.
type locals struct {
	edge.Redacted

	store Local

	mu       sync.Mutex // guards the rest, and keeps two sign-ins from using one code
	openings map[edge.ID]opening
	revoked  map[edge.ID]bool
	changes  uint64 // counts what is decided and forgotten here
}

// version moves whenever this node decides something alone, or forgets it.
func (l *locals) version() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changes
}

func openLocals(store Local) (*locals, error) {
	l := &locals{store: store, openings: map[edge.ID]opening{}, revoked: map[edge.ID]bool{}}
	err := store.Each(func(key string, value []byte) error {
		if id, ok := strings.CutPrefix(key, localRevoked); ok {
			v, err := edge.ParseID(id)
			l.revoked[v] = true
			return err
		}
		var o opening
		if err := json.Unmarshal(value, &o); err != nil {
			return edge.E(edge.Corrupt, "a session kept on this node cannot be read: %w", err)
		}
		l.openings[o.Session.ID] = o
		return nil
	})
	return l, err
}

// keep decides a sign-in here. x is what the site knew last of the person's proofs. It fails with Denied where
// what the sign-in used up was used here before.
func (l *locals) keep(o opening, x proofs) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, again := l.openings[o.Session.ID]; again {
		return nil
	}
	if len(l.openings)+len(l.revoked) >= maxLocal {
		return edge.E(edge.Exhausted, "too many people signed in while the site's nodes cannot reach each other").WithHint("bring most of the nodes back")
	}
	l.use(&x, o.Session.Person)
	if !x.burn(o, o.Session.Created) {
		return Refused()
	}
	o.Session.Offline = true
	return l.put(o)
}

func (l *locals) put(o opening) error {
	b, err := json.Marshal(o)
	if err != nil {
		return edge.E(edge.Internal, "a session cannot be kept: %w", err)
	}
	if err := l.store.Put(localOpening+o.Session.ID.String(), b); err != nil {
		return err
	}
	l.openings[o.Session.ID] = o
	l.changes++
	return nil
}

// use takes what was used up here off what the site knows.
func (l *locals) use(x *proofs, who edge.ID) {
	for _, o := range l.openings {
		if o.Session.Person == who {
			x.burn(o, o.Session.Created)
		}
	}
}

// used is what is left of a person's proofs, as far as this node knows.
func (l *locals) used(x proofs, who edge.ID) proofs {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.use(&x, who)
	return x
}

// session finds a session that only this node knows.
func (l *locals) session(id edge.ID) (session, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o, ok := l.openings[id]
	return o.Session, ok && !l.revoked[id]
}

func (l *locals) sessionsOf(who edge.ID) (all []session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, o := range l.openings {
		if o.Session.Person == who && !l.revoked[id] {
			all = append(all, o.Session)
		}
	}
	return all
}

func (l *locals) isRevoked(id edge.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.revoked[id]
}

// revoke ends a session here at once, whoever made it; the site is told later.
func (l *locals) revoke(id edge.ID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.revoked[id] {
		return nil
	}
	if len(l.revoked) >= maxLocal {
		return edge.E(edge.Exhausted, "too many sessions were ended while the site's nodes cannot reach each other")
	}
	if err := l.store.Put(localRevoked+id.String(), []byte("1")); err != nil {
		return err
	}
	l.revoked[id] = true
	l.changes++
	return nil
}

// some returns a few things the site does not know yet.
func (l *locals) some() (t told) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.revoked {
		if len(t.Revoked) < maxTold/2 {
			t.Revoked = append(t.Revoked, id)
		}
	}
	for _, o := range l.openings {
		if len(t.Openings)+len(t.Revoked) < maxTold {
			t.Openings = append(t.Openings, o)
		}
	}
	return t
}

// forget drops what the site knows now, openings before revocations, so that nothing comes back in between.
func (l *locals) forget(t told) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changes++
	for _, o := range t.Openings {
		if err := l.store.Delete(localOpening + o.Session.ID.String()); err != nil {
			return err
		}
		delete(l.openings, o.Session.ID)
	}
	for _, id := range t.Revoked {
		if err := l.store.Delete(localRevoked + id.String()); err != nil {
			return err
		}
		delete(l.revoked, id)
	}
	return nil
}

// touch keeps the last use of a session that only this node knows.
func (l *locals) touch(s session) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	o, ok := l.openings[s.ID]
	if !ok {
		return nil
	}
	o.Session.Used = s.Used
	return l.put(o)
}

// empty reports whether the site knows everything.
func (l *locals) empty() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.openings)+len(l.revoked) == 0
}
