package across

import (
	"errors"
	"strconv"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// MaxTake is how many notes one command takes in.
const MaxTake = 64

// Take is notes as a hub brought them.
type Take struct {
	Notes [][]byte `json:"notes"` // each a SignedNote
}

// Taken says what became of each, in the same order.
type Taken struct {
	Notes []TakenNote `json:"notes"`
}

// A TakenNote says whether a note needs to come no more.
type TakenNote struct {
	edge.Redacted

	Done bool   `json:"done"`
	Code string `json:"code,omitempty"`
	Why  string `json:"why,omitempty"`
}

// take takes notes in. One that cannot be taken in now leaves the others alone.
func (x *Across) take(tx edge.Tx, in Take) (out Taken, err error) {
	if err := onlyNodes(tx); err != nil {
		return out, err
	}
	if len(in.Notes) > MaxTake {
		return out, invalid("one command takes %d notes", MaxTake)
	}
	a, err := x.start(tx)
	if err != nil {
		return out, err
	}
	for _, b := range in.Notes {
		t, err := a.takeOne(b, 0)
		if err != nil {
			return out, err
		}
		out.Notes = append(out.Notes, t)
	}
	return out, a.end()
}

// A parked error says that a note is true and cannot be booked yet.
type parked struct{ why *edge.Error }

func (p *parked) Error() string { return p.why.Error() }

// A contradiction is a note that cannot be true together with an earlier one of the same site, or of this one. It is
// kept for people and never booked.
type contradiction struct{ why *edge.Error }

func (c *contradiction) Error() string { return c.why.Error() }

func contradicts(sentence string) error {
	return &contradiction{edge.E(edge.Conflict, "%s", sentence).WithCode(CodeMismatch)}
}

// takeOne acts on a note. tries is how often that was not possible before.
func (a *act) takeOne(b []byte, tries int) (t TakenNote, err error) {
	r, err := a.prove(b)
	if err == nil && tries == 0 {
		var row parkedRow
		row, _, err = load[parkedRow](a.tx, parkedKey(b))
		tries = row.Tries
	}
	if err == nil {
		r.tries = tries
		err = a.act(r)
	}
	switch e := err.(type) {
	case nil:
		return TakenNote{Done: true}, a.unpark(b)
	case *parked:
		return TakenNote{Done: true, Code: e.why.Code, Why: e.why.Msg}, a.park(r, e.why)
	case *contradiction:
		return TakenNote{Done: true, Code: e.why.Code, Why: e.why.Msg}, errors.Join(a.oppose(b, e.why), a.unpark(b))
	case *edge.Error:
		switch e.Kind {
		case edge.Unavailable:
			return TakenNote{Code: e.Code, Why: e.Msg}, nil
		case edge.Invalid, edge.Denied:
			return TakenNote{Done: true, Code: e.Code, Why: e.Msg}, nil // nobody's word: it is dropped
		}
	}
	return t, err
}

// prove reads a note and looks whether the site it is from has signed it.
func (a *act) prove(b []byte) (received, error) {
	r, sig, err := read(b)
	if err != nil {
		return r, err
	}
	public := a.me.Public
	switch {
	case r.GetFrom() == a.me.Site:
	case r.GetTo() != a.me.Site:
		return r, invalid("this note is for another site")
	default:
		p, found, err := load[peerRow](a.tx, key(rowPeer, []byte(r.GetFrom())))
		switch {
		case err != nil:
			return r, err
		case !found:
			return r, edge.E(edge.Unavailable, "the key of site %s is not known here yet", r.GetFrom()).WithCode(CodePeer)
		case verify(p.Proposed, noteDomain, r.raw, sig):
			return r, edge.E(edge.Unavailable, "site %s signs with a key that nobody here has confirmed", r.GetFrom()).WithCode(CodePeerKey)
		case a.waiting && !a.rec.Echoed:
			return r, edge.E(edge.Unavailable, "this site was restored and first needs what it said itself").WithCode(CodeRecovering)
		}
		public = p.Public
	}
	if !verify(public, noteDomain, r.raw, sig) {
		return r, edge.E(edge.Denied, "a note is not signed by the site it says it is from").WithCode(CodeForged)
	}
	return r, nil
}

// act does what a note says.
func (a *act) act(r received) error {
	if r.GetFrom() == a.me.Site {
		return a.recall(r)
	}
	switch r.GetKind() {
	case walletv1.NoteKind_NOTE_SENT:
		return a.arrive(r)
	case walletv1.NoteKind_NOTE_RECEIVED, walletv1.NoteKind_NOTE_DECLINED:
		return a.answered(r)
	case walletv1.NoteKind_NOTE_GRANTED:
		return a.granted(r)
	case walletv1.NoteKind_NOTE_SPENT:
		return a.spent(r)
	case walletv1.NoteKind_NOTE_CLOSING:
		return a.closing(r)
	case walletv1.NoteKind_NOTE_CLOSED:
		return a.closed(r)
	}
	return invalid("this version knows no such note")
}

// recall takes up again what this site said itself, before it was restored.
func (a *act) recall(r received) error {
	switch r.GetKind() {
	case walletv1.NoteKind_NOTE_SENT:
		return a.resend(r)
	case walletv1.NoteKind_NOTE_RECEIVED, walletv1.NoteKind_NOTE_DECLINED:
		return a.reanswer(r)
	case walletv1.NoteKind_NOTE_GRANTED:
		return a.regrant(r)
	case walletv1.NoteKind_NOTE_SPENT:
		return a.respend(r)
	case walletv1.NoteKind_NOTE_CLOSED:
		return a.reclose(r)
	}
	return nil // asked again when it is due
}

// attempt is the identifier of a move that may have to be tried again: one that was refused is spent.
func attempt(tries int, parts ...string) edge.ID {
	return ledger.Named(append(parts, strconv.Itoa(tries))...)
}

// park keeps a note that cannot be booked yet, and tries again later.
func (a *act) park(r received, why *edge.Error) error {
	k := parkedKey(r.signed)
	row, found, err := load[parkedRow](a.tx, k)
	if err != nil {
		return err
	}
	if !found {
		if n, err := atMost(a.tx, key(rowParked), maxParked); err != nil || n >= maxParked {
			return errors.Join(err, edge.E(edge.Exhausted, "%d notes wait to be booked", maxParked).WithHint("look at what keeps them").WithCode(CodeTooMany))
		}
		row = parkedRow{Note: r.signed, Since: a.tx.Now()}
	}
	row.Code, row.Detail, row.Tries = why.Code, why.Msg, max(row.Tries, r.tries+1)
	row.again(a.tx, k)
	return save(a.tx, k, row)
}

func (a *act) unpark(note []byte) error {
	k := parkedKey(note)
	row, found, err := load[parkedRow](a.tx, k)
	if err != nil || !found {
		return err
	}
	row.plan(a.tx, k, 0)
	a.tx.Delete(k)
	return nil
}

func parkedKey(note []byte) []byte {
	sum := hash(note)
	return key(rowParked, sum[:])
}

// oppose keeps a note that contradicts another, for people to look at.
func (a *act) oppose(note []byte, why *edge.Error) error {
	sum := hash(note)
	k := key(rowConflict, sum[:])
	if _, found, err := load[conflictRow](a.tx, k); err != nil || found {
		return err
	}
	if n, err := atMost(a.tx, key(rowConflict), maxConflicts); err != nil || n >= maxConflicts {
		return err
	}
	n, _, err := read(note)
	if err != nil {
		return err
	}
	if err := a.emit(EventTrouble, "crossing:"+n.id.String(), map[string]string{"id": n.id.String(), "site": n.GetFrom(), "kind": kindName(n.GetKind()), "code": why.Code}); err != nil {
		return err
	}
	return save(a.tx, k, conflictRow{Note: note, Code: why.Code, Detail: why.Msg, Since: a.tx.Now()})
}
