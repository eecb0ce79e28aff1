package policy

import (
	"net/netip"
	"sync"

	"github.com/cedar-policy/cedar-go/types"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

const (
	maxMemo      = 512 // answers a lane remembers, about 400 bytes each
	maxMemoList  = 8   // of them to one caller about one object
	maxMemoRoles = 4   // of a caller; those with more are asked about each time
)

// A memo remembers what the rules of one lane permitted. Its key holds everything those rules may look at, and a new
// engine has new lanes, so a remembered answer is the one the rules would give. Times, scopes and proofs are looked
// at anew with each request, and so is whatever was refused.
//
// A key is long, and to compare two that share their strings costs less than to hash one: so answers are kept in
// short lists by who asks about what.
type memo struct {
	mu    sync.RWMutex // guards what follows
	by    map[memoHead][]remembered
	count int
}

type memoHead struct{ id, objectID string }

type remembered struct {
	key memoKey
	Decision
}

// A memoKey is a question as the rules see it. What they do not look at is left empty.
type memoKey struct {
	kind             edge.ActorKind
	id, site         string
	strength         auth.Strength
	roles            [maxMemoRoles]string
	object, objectID string
	owner, subject   string
	facts            facts
	door, purpose    string
	addr             netip.Addr
	local, online    bool
	hour, weekday    int
}

// memoized is the key of a request, not ok where its answer is not to be remembered: where rules look at the moment
// itself, or at tags, of which there may be any number.
func memoized(q *Request, l *lane, roles []string, f facts) (k memoKey, ok bool) {
	if len(roles) > maxMemoRoles || len(q.Object.Labels) > 0 || !f.proven {
		return k, false
	}
	c, o := &q.Caller, &q.Object
	k = memoKey{kind: c.Kind, id: c.ID, site: c.Site, strength: c.Strength, object: o.Type, objectID: o.ID, owner: o.Owner, subject: o.Subject, facts: f}
	copy(k.roles[:], roles)
	for _, a := range l.attrs.context {
		if !k.look(q, a.name) {
			return k, false
		}
	}
	return k, true
}

// look takes in one thing the rules look at of how, when and why it is asked.
func (k *memoKey) look(q *Request, name types.String) bool {
	switch name {
	case "door":
		k.door = q.Context.Door
	case "addr":
		k.addr = q.Context.Addr
	case "local":
		k.local = q.Context.Local
	case "online":
		k.online = q.Context.Online
	case "hour":
		k.hour = q.Context.Now.Hour()
	case "weekday":
		k.weekday = weekday(q.Context.Now)
	case "purpose":
		k.purpose = q.Context.Purpose
	case "own", "consent", "breakglass": // facts
	default:
		return false
	}
	return true
}

func (m *memo) get(k *memoKey) (Decision, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	list := m.by[memoHead{k.id, k.objectID}]
	for i := range list {
		if list[i].key == *k {
			return list[i].Decision, true
		}
	}
	return Decision{}, false
}

func (m *memo) put(k *memoKey, d Decision) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.by == nil || m.count >= maxMemo {
		m.by, m.count = map[memoHead][]remembered{}, 0
	}
	head := memoHead{k.id, k.objectID}
	list := m.by[head]
	if len(list) >= maxMemoList {
		m.count -= len(list)
		list = nil
	}
	m.by[head] = append(list, remembered{*k, d})
	m.count++
}
