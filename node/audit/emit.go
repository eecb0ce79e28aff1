package audit

import (
	"strings"

	"github.com/aielon/edge/node/edge"
)

// Emit makes a record part of a command's transaction: it is kept if and only if the change is. It fails with
// Invalid; a command whose record cannot be kept must fail.
func (m *Mask) Emit(tx edge.Tx, r Record) error {
	if r.Time.IsZero() {
		r.Time = tx.Now()
	}
	e, err := m.clean(r).ToEvent()
	if err != nil {
		return err
	}
	tx.Emit(e)
	return nil
}

// Done is for edge.Mux.OnDone: it records every command that Audited says is to be recorded.
func (m *Mask) Done(tx edge.Tx, op edge.Op, c edge.Command, facts []edge.Event, refused *edge.Error) error {
	if !Audited(op, c.Actor) {
		return nil
	}
	r := Record{Kind: Change, Actor: c.Actor, Request: c.Request, Command: c.ID.String(), Op: c.Type, Object: objectOf(op, c.Body, facts), Class: op.Class, Money: op.Money, Outcome: OK}
	if refused != nil {
		r.Outcome = OutcomeOf(refused)
	}
	if w := c.Way; w != nil {
		r.Door, r.Session, r.Address, r.Policies, r.Reason, r.Glass = w.Door, w.Session, w.Address, w.Policies, w.Reason, w.Glass
	}
	return m.Emit(tx, r)
}

// Audited reports whether what op does for an actor is recorded: all that concerns money or persons, and whatever
// a person, a service or somebody unproven does. What devices and nodes do by themselves is not, unless it
// concerns money or persons.
func Audited(op edge.Op, by edge.Actor) bool {
	return op.Money || op.Class >= edge.Personal || by.Kind == edge.Person || by.Kind == edge.Service || by.Kind == edge.Nobody
}

// objectOf finds what a command was about: what its schema says its body names, else the subject of the first fact it
// made known, else only the kind.
func objectOf(op edge.Op, body []byte, facts []edge.Event) Object {
	service, _, _ := strings.Cut(op.Name, ".")
	o := Object{Type: code(service)}
	if op.About != nil {
		typ, id := op.About(body)
		if o.Type, o.ID = code(typ), id; id != "" {
			return o
		}
	}
	for _, f := range facts {
		if Is(f) || f.Subject == "" {
			continue
		}
		kind, _, _ := strings.Cut(f.Type, ".")
		return Object{Type: code(kind), ID: strings.TrimPrefix(f.Subject, kind+":")}
	}
	return o
}

// code returns s where it has the form of a code.
func code(s string) string {
	if isCode(s) {
		return s
	}
	return "thing"
}

// OK is the outcome of what went well.
const OK = "ok"

// OutcomeOf is what a record says of how a request ended: its kind, and nothing of its words.
func OutcomeOf(err error) string {
	if err == nil {
		return OK
	}
	return edge.KindOf(err).String()
}
