package audit

import (
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
)

// Types of the events that carry audit records.
const (
	TypeDecision = "audit.decision" // somebody asked, and was let in or not
	TypeAccess   = "audit.access"   // somebody was shown something
	TypeChange   = "audit.change"   // a command went through; in the command's own transaction
)

// Kind says what a record is about.
type Kind uint8

// The kinds of records.
const (
	Decision Kind = iota + 1
	Access
	Change
)

var kindTypes = [...]string{Decision: TypeDecision, Access: TypeAccess, Change: TypeChange}

// An Object is what somebody asked for. Its id is opaque: never a name, a number people are known by, or an address.
type Object struct {
	Type string // "device", "patient"
	ID   string // empty: all of that type, or none in particular
}

// A Record is one line of the audit. It holds ids and codes only: no names, values, secrets or sentences. What is
// not of that form is refused by Check, or made so by a Mask.
type Record struct {
	Kind     Kind
	Time     time.Time // zero: filled in where the record is taken in
	Actor    edge.Actor
	Session  string // public id of the session or token, never its secret
	Door     string // "rest", "graphql", "mqtt", "socket"
	Address  string // where the request came from, as Mask.Address writes it
	Request  string // id of the request, by which the records of one request are joined
	Command  string // id of the command the request was; every try of one command has the same
	Op       string // "devices.register"
	Object   Object
	Class    edge.Class // of what was asked for
	Money    bool       // it reads or moves money
	Denied   bool
	Policies []string // those that decided
	Reason   string   // code of why, "role.missing"
	Glass    string   // id of the breaking of the glass it happened under
	Outcome  string   // "ok" or the name of an edge.Kind; empty: not known yet
	Pos      edge.Pos // of the command, where it is known
}

// Limits of one record.
const (
	maxID       = 128 // bytes of an id
	maxCode     = 64  // bytes of a code
	maxPolicies = 16
)

// isID: letters, digits and . _ : / - only, so that neither a sentence nor a mail address is one.
func isID(s string) bool {
	return of(s, maxID, func(c byte) bool {
		return lower(c) || digit(c) || c >= 'A' && c <= 'Z' || c == '.' || c == '_' || c == ':' || c == '/' || c == '-'
	})
}

func isCode(s string) bool {
	return of(s, maxCode, func(c byte) bool { return lower(c) || digit(c) || c == '.' || c == '_' || c == '-' })
}

func isAddress(s string) bool {
	return len(s) == 32 && of(s, 32, func(c byte) bool { return digit(c) || c >= 'a' && c <= 'f' })
}

func lower(c byte) bool { return c >= 'a' && c <= 'z' }
func digit(c byte) bool { return c >= '0' && c <= '9' }

func of(s string, most int, may func(byte) bool) bool {
	for i := range len(s) {
		if !may(s[i]) {
			return false
		}
	}
	return s != "" && len(s) <= most
}

// Check refuses, with Invalid, what a record may not hold.
func (r Record) Check() error {
	for _, f := range []struct {
		what, s string
		form    func(string) bool
	}{
		{"actor", r.Actor.ID, isID}, {"actor's site", r.Actor.Site, isID}, {"session", r.Session, isID}, {"door", r.Door, isCode}, {"address", r.Address, isAddress},
		{"request", r.Request, isID}, {"command", r.Command, isID}, {"operation", r.Op, isID}, {"object's type", r.Object.Type, isCode}, {"object", r.Object.ID, isID},
		{"reason", r.Reason, isCode}, {"emergency", r.Glass, isID}, {"outcome", r.Outcome, isCode},
	} {
		if f.s != "" && !f.form(f.s) { // the value itself may be what must not be written down
			return edge.E(edge.Invalid, "the %s of an audit record is not of the form of an id or a code", f.what)
		}
	}
	switch {
	case r.Kind < Decision || r.Kind > Change:
		return edge.E(edge.Invalid, "an audit record must be of a decision, an access or a change")
	case r.Op == "":
		return edge.E(edge.Invalid, "an audit record must name the operation")
	case r.Actor.Kind > edge.Service || r.Class > edge.Clinical:
		return edge.E(edge.Invalid, "an audit record has an actor or a class of an unknown kind")
	case r.Object.Type == "" && r.Object.ID != "":
		return edge.E(edge.Invalid, "the object of an audit record needs a type")
	case len(r.Policies) > maxPolicies:
		return edge.E(edge.Invalid, "an audit record may name %d policies, this one names %d", maxPolicies, len(r.Policies))
	}
	for _, p := range r.Policies {
		if !isID(p) {
			return edge.E(edge.Invalid, "a policy of an audit record is not of the form of an id")
		}
	}
	return nil
}

// ToEvent returns the event that carries r, of urgency ledger and of class personal at most. The object is the
// event's subject and the time the event's time; the rest is its body. It fails like Check.
func (r Record) ToEvent() (edge.Event, error) {
	if err := r.Check(); err != nil {
		return edge.Event{}, err
	}
	e := edge.Event{Type: kindTypes[r.Kind], Subject: r.subject(), Class: r.class(), Urgency: edge.Ledger, Time: r.Time, Body: r.appendBody(nil)}
	return e, edge.CheckEvent(e)
}

func (r Record) subject() string {
	if r.Object.ID == "" {
		return r.Object.Type
	}
	return r.Object.Type + "/" + r.Object.ID
}

// class is who may see the record. That somebody looked at a clinical record is personal; the record is elsewhere.
func (r Record) class() edge.Class {
	if r.Class > edge.SiteOnly {
		return edge.Personal
	}
	return edge.SiteOnly
}

// Is reports whether an event carries an audit record.
func Is(e edge.Event) bool { return strings.HasPrefix(e.Type, "audit.") && kindOf(e.Type) != 0 }

func kindOf(typ string) Kind {
	for k, t := range kindTypes {
		if t == typ && t != "" {
			return Kind(k)
		}
	}
	return 0
}

// FromEvent reads what ToEvent wrote. It fails with Corrupt on anything else.
func FromEvent(e edge.Event) (Record, error) {
	r, err := decodeBody(e.Body)
	if err != nil {
		return Record{}, err
	}
	r.Kind, r.Time = kindOf(e.Type), e.Time
	r.Object.Type, r.Object.ID, _ = strings.Cut(e.Subject, "/")
	if err := r.Check(); err != nil {
		return Record{}, edge.E(edge.Corrupt, "an audit record is not well formed: %w", err)
	}
	if e.Subject != r.subject() || e.Class != r.class() || e.Urgency != edge.Ledger {
		return Record{}, edge.E(edge.Corrupt, "an audit record lies in an event that is not its own")
	}
	return r, nil
}
