package policy

import "github.com/aielon/edge/node/edge"

// Types of the events. None of them says what a person has or why a record was opened.
const (
	Changed    = "policy.changed"    // a PolicyEvent
	Configured = "policy.configured" // Settings, with actor and version
	Opened     = "breakglass.opened" // a GrantEvent; Critical, for whoever answers for the site
	Ended      = "breakglass.ended"  // a GrantEvent
	Consented  = "consent.changed"   // a ConsentEvent
)

// Ops are the commands and queries on a site's policies, emergency access and consent.
type Ops struct {
	base *Engine // checks what is handed in
}

// Ref names a policy and the version it is thought to have; 0: there is none yet.
type Ref struct {
	ID      string `json:"id"`
	Version uint64 `json:"version"`
}

// NewPolicy asks for a policy to be added, or for another version of one.
type NewPolicy struct {
	Ref
	Text string `json:"text"`
	Note string `json:"note"`
}

// PolicyEvent is the body of Changed.
type PolicyEvent struct {
	SitePolicy
	Actor   string `json:"actor"`
	Removed bool   `json:"removed,omitempty"`
}

// Set adds a policy, or replaces the version named.
func (o Ops) Set(tx edge.Tx, in NewPolicy) (SitePolicy, error) {
	p := SitePolicy{ID: in.ID, Text: in.Text, Note: in.Note, Version: in.Version + 1, Set: tx.Now(), By: tx.Actor().ID}
	forbid, err := o.base.Check(p)
	if err != nil {
		return SitePolicy{}, err
	}
	p.Forbid = forbid
	old, err := unchanged(tx, in.Ref)
	if err != nil {
		return SitePolicy{}, err
	}
	if old.Version == 0 {
		if err := roomForPolicy(tx); err != nil {
			return SitePolicy{}, err
		}
	}
	if err := set(tx, []byte(policyPrefix+p.ID), p); err != nil {
		return SitePolicy{}, err
	}
	return p, o.changed(tx, PolicyEvent{SitePolicy: p, Actor: tx.Actor().ID})
}

// Remove takes a policy away.
func (o Ops) Remove(tx edge.Tx, in Ref) (SitePolicy, error) {
	old, err := unchanged(tx, in)
	switch {
	case err != nil:
		return SitePolicy{}, err
	case old.Version == 0:
		return SitePolicy{}, edge.E(edge.NotFound, "there is no policy called %q", clip(in.ID, 80))
	}
	tx.Delete([]byte(policyPrefix + in.ID))
	return old, o.changed(tx, PolicyEvent{SitePolicy: old, Actor: tx.Actor().ID, Removed: true})
}

// unchanged reads the policy named and refuses, with Conflict, where it is not the version that was meant.
func unchanged(tx edge.Tx, in Ref) (SitePolicy, error) {
	old, _, err := get[SitePolicy](tx, []byte(policyPrefix+in.ID))
	if err == nil && old.Version != in.Version {
		err = edge.E(edge.Conflict, "the policy %q was changed by somebody else: it has version %d now, not %d", clip(in.ID, 80), old.Version, in.Version).WithHint("look at it again, then repeat the change")
	}
	return old, err
}

func roomForPolicy(tx edge.Tx) error {
	n := 0
	for _, err := range scan[SitePolicy](tx, policyPrefix) {
		if err != nil {
			return err
		}
		n++
	}
	if n >= MaxPolicies {
		return edge.E(edge.Exhausted, "a site may add %d policies", MaxPolicies).WithHint("remove one first, or say two things in one")
	}
	return nil
}

// changed counts a change of the policies and tells of it.
func (o Ops) changed(tx edge.Tx, e PolicyEvent) error {
	h, err := loadHead(tx)
	if err != nil {
		return err
	}
	h.Version++
	if err := set(tx, []byte(headKey), h); err != nil {
		return err
	}
	return emit(tx, Changed, "policy:"+e.ID, edge.SiteOnly, edge.Ledger, e)
}

// Configure changes the settings.
func (o Ops) Configure(tx edge.Tx, in Settings) (Settings, error) {
	if err := in.check(); err != nil {
		return Settings{}, err
	}
	h, err := loadHead(tx)
	if err != nil {
		return Settings{}, err
	}
	h.Version, h.Settings = h.Version+1, in
	if err := set(tx, []byte(headKey), h); err != nil {
		return Settings{}, err
	}
	body := struct {
		Settings
		Version uint64 `json:"version"`
		Actor   string `json:"actor"`
	}{in, h.Version, tx.Actor().ID}
	return in, emit(tx, Configured, "policy", edge.SiteOnly, edge.Ledger, body)
}
