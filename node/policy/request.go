package policy

import (
	"net/netip"
	"time"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

// A Request is one question: may this caller do this to that, here and now.
type Request struct {
	Caller  auth.Caller
	Action  edge.Permission // one of the table; anything else is refused
	Object  Object
	Context Context
}

// An Object is what would be read or changed. One without an ID is all objects of its type: ask once before
// the look-up ("may this caller do such a thing at all"), and again for each object found.
type Object struct {
	Type    string            // "device", "patient", "account"
	ID      string            // empty: a list, a search, or a new one
	Class   edge.Class        // who may see it; never counts for less than the permission's own class
	Owner   string            // id of the actor whose thing it is, or who asked for what is to be approved
	Subject string            // id of the person it is about; empty: nobody
	Labels  map[string]string // "ward": "2"; LabelRole where roles are given or taken
}

// LabelRole names the role that identity.manage would give or take. Ask once for each role.
const LabelRole = "role"

// Context is how, when and why the caller asks.
type Context struct {
	Door    string     // "rest", "graphql", "grpc", "ws", "mqtt", "sync", "cli"
	Addr    netip.Addr // of the socket; the zero Addr where there is none
	Now     time.Time  // in the site's time zone; a request without it is refused
	Purpose string     // one of Purposes; empty: treatment
	// Local says that the request came over the node's own socket, from its own user or root. Who has the box
	// need not prove more.
	Local bool
	// NoSecondFactor says that this person has no second factor registered, so that none can be asked for.
	NoSecondFactor bool
	Online         bool        // the hub can be reached just now
	Consent        *Consent    // what the object's subject decided; nil: nothing
	BreakGlass     *BreakGlass // the caller's open grant for the object's subject; nil: none
}

// A Why says which step of a decision settled it.
type Why uint8

// The steps, in the order in which they are taken.
const (
	Permitted    Why = iota // a policy permits it and nothing forbids it
	NotKnown                // there is no such permission, or no time was given: a mistake of the program
	NotProven               // log in
	Expired                 // log in again
	NotPermitted            // no policy permits it
	Forbidden               // a policy forbids it
	NoConsent               // the person it is about does not agree
	OutOfScope              // the token is not for this
	TooWeak                 // prove it better, or again
)

var whyNames = [...]string{"permitted", "not_known", "not_proven", "expired", "not_permitted", "forbidden", "no_consent", "out_of_scope", "too_weak"}

// String returns the name used in metrics and audit records.
func (w Why) String() string { return whyNames[min(int(w), len(whyNames)-1)] }

// A Decision is the answer. Its zero value allows nothing but looks permitted: use what Decide returned.
type Decision struct {
	Allow    bool
	Why      Why
	Policies []string // ids of the policies that decided, sorted; of no others
	Reason   string   // a sentence for the person who asked; empty where allowed
	Hint     string   // what to do next, where we know it
	Audit    bool     // leave an audit record, whether allowed or not
	// BreakGlass is the id of the caller's open grant for this person. It belongs in the audit record of all that
	// was done under it, also of what would have been allowed without.
	BreakGlass string
	// NeedStrength is what the caller has to prove for the answer to change; auth.None: proof would not help.
	NeedStrength auth.Strength
	Again        bool // the proof is good enough but too old: the same once more would do
	Hide         bool // answer as if there were no such object
}

// Err is the decision as an error for the one who asked: nil where allowed, NotFound where the existence of the
// object is secret, and Denied else.
func (d Decision) Err() error {
	switch {
	case d.Allow:
		return nil
	case d.Hide:
		return edge.E(edge.NotFound, "there is no such thing, or you may not know of it")
	}
	err := edge.E(edge.Denied, "%s", d.Reason)
	if d.Hint != "" {
		err = err.WithHint("%s", d.Hint)
	}
	return err
}
