package mqtt

import (
	"errors"
	"time"

	"github.com/aielon/edge/node/edge"
)

// Devices lists those the broker holds something of: connections, sessions, retained messages.
func (b *Broker) Devices() []string {
	seen := map[string]bool{}
	b.mu.Lock()
	for device := range b.count {
		seen[device] = true
	}
	b.mu.Unlock()
	b.keep.mu.Lock()
	for _, o := range b.keep.by {
		seen[o.device] = true
	}
	b.keep.mu.Unlock()
	list := make([]string, 0, len(seen))
	for device := range seen {
		list = append(list, device)
	}
	return list
}

// Renew looks again at the sessions of a device, after what it may do or what proves it has changed.
// standing says what a session that was opened with a proof (Device.Proof) may do now; the proof is empty
// for sessions whose client is away. Where standing fails with Denied the session ends as with Revoke, but
// what the device retained stays. Other errors change nothing for that proof and are returned.
func (b *Broker) Renew(device string, standing func(proof string) (Device, error)) error {
	b.revoked.Add(1) // whoever is just coming in is asked again
	now := map[string]*rights{}
	var first error
	for proof := range b.proofs(device) {
		d, err := standing(proof)
		if err == nil {
			now[proof], err = newRights(d, b.o.Allow)
		}
		switch {
		case edge.IsKind(err, edge.Denied):
			now[proof] = nil
		case err != nil:
			delete(now, proof)
			first = errors.Join(first, err)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, k := range b.kept {
		if !owns(device, key) {
			continue
		}
		switch r, asked := now[b.proofOf(key, k)]; {
		case !asked: // it came in meanwhile, and was asked what is true now
		case r == nil:
			b.expel(key, k)
		default:
			b.grant(key, k, r)
		}
	}
	return first
}

// proofs are what the sessions of a device were opened with.
func (b *Broker) proofs(device string) map[string]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := map[string]bool{}
	for key, k := range b.kept {
		if owns(device, key) {
			list[b.proofOf(key, k)] = true
		}
	}
	return list
}

// proofOf is what the connection of a session proved itself by, nothing where there is none. The caller
// holds mu.
func (b *Broker) proofOf(key string, k *kept) string {
	if r := k.rights.Load(); r != nil && b.sessions[key] != nil {
		return r.Proof
	}
	return ""
}

// expel ends a session and its connection for good. The caller holds mu.
func (b *Broker) expel(key string, k *kept) {
	k.rights.Store(nil)
	if s := b.sessions[key]; s != nil {
		s.silenced.Store(true)
		s.leave(rcAdmin)
	}
	b.forget(key)
}

// grant gives a session other rights. The caller holds mu.
func (b *Broker) grant(key string, k *kept, r *rights) {
	k.rights.Store(r)
	if cl, ok := b.engine.Clients.Get(key); ok {
		b.pruneClient(cl, r)
	}
	if s := b.sessions[key]; s != nil {
		s.lasts(r.Left)
	}
}

// lasts makes a session end after some time; 0: when it ends by itself. The caller holds Broker.mu.
func (s *session) lasts(d time.Duration) {
	if s.life != nil {
		s.life.Stop()
		s.life = nil
	}
	if d > 0 {
		s.life = time.AfterFunc(d, func() { s.leave(rcNotAuthorised) })
	}
}
