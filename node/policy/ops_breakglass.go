package policy

import (
	"time"
	"unicode/utf8"

	"github.com/aielon/edge/node/edge"
)

// Emergency asks for access to the record of one person.
type Emergency struct {
	Subject string `json:"subject"`
	Reason  string `json:"reason"`  // in words; it is read later
	Minutes int64  `json:"minutes"` // 1 to 240; 0: 60
}

// GrantRef names a grant.
type GrantRef struct {
	ID string `json:"id"`
}

// GrantQuery asks for grants: those that are open, or all that are still kept.
type GrantQuery struct {
	All bool `json:"all"`
}

// GrantList is grants, oldest first.
type GrantList struct {
	Grants []BreakGlass `json:"grants"`
}

// GrantEvent is the body of Opened and Ended. The reason may tell of an illness, so it stays in the state, for those
// who may review it.
type GrantEvent struct {
	ID      string    `json:"id"`
	Who     string    `json:"who"`
	Subject string    `json:"subject"`
	Until   time.Time `json:"until"`
	Actor   string    `json:"actor"`
}

// Open gives the caller access to one record for a while, and raises the alarm in the same transaction.
func (o Ops) Open(tx edge.Tx, in Emergency) (BreakGlass, error) {
	if in.Minutes == 0 {
		in.Minutes = 60
	}
	who := tx.Actor()
	if err := in.check(who); err != nil {
		return BreakGlass{}, err
	}
	if old, err := FindBreakGlass(tx, who.ID, in.Subject); err != nil {
		return BreakGlass{}, err
	} else if old != nil && old.Open(tx.Now()) {
		return BreakGlass{}, edge.E(edge.Conflict, "you have access to this record already, until %s", old.Until.UTC().Format("15:04 UTC"))
	}
	if err := tidyGrants(tx); err != nil {
		return BreakGlass{}, err
	}
	now := tx.Now()
	b := BreakGlass{ID: edge.NewID().String(), Who: who.ID, Subject: in.Subject, Reason: in.Reason, From: now, Until: now.Add(time.Duration(in.Minutes) * time.Minute)}
	if err := set(tx, []byte(grantPrefix+b.ID), b); err != nil {
		return BreakGlass{}, err
	}
	tx.Set(openKey(b.Who, b.Subject), []byte(b.ID))
	return b, tellGrant(tx, Opened, edge.Critical, b)
}

func (in Emergency) check(who edge.Actor) error {
	switch {
	case who.Kind != edge.Person:
		return edge.E(edge.Denied, "only a person may ask for access in an emergency")
	case utf8.RuneCountInString(in.Reason) < MinReason || len(in.Reason) > MaxReason || !printable(in.Reason):
		return edge.E(edge.Invalid, "say in %d letters or more, on one line, why you need this record", MinReason).WithHint("somebody will read it later")
	case in.Minutes < 1 || time.Duration(in.Minutes) > MaxBreakGlass/time.Minute:
		return edge.E(edge.Invalid, "access in an emergency lasts 1 to %d minutes, not %d", MaxBreakGlass/time.Minute, in.Minutes)
	case in.Subject == who.ID:
		return edge.E(edge.Invalid, "this is your own record").WithHint("you may see it as it is")
	}
	if err := checkID("the number of a person", in.Subject); err != nil {
		return err
	}
	return checkID("the caller's id", who.ID)
}

// tidyGrants drops grants that ended long ago or are too many, and refuses where too many are open.
func tidyGrants(tx edge.Tx) error {
	var ended []BreakGlass // oldest first, as their ids begin with the time
	open := 0
	for b, err := range scan[BreakGlass](tx, grantPrefix) {
		switch {
		case err != nil:
			return err
		case b.Open(tx.Now()):
			open++
		default:
			ended = append(ended, b)
		}
	}
	if open >= MaxOpenGrants {
		return edge.E(edge.Exhausted, "%d records are open in an emergency already", open).WithHint("end those that are not needed any more")
	}
	for i, b := range ended {
		if len(ended)-i < maxEndedGrants && tx.Now().Sub(b.Until) < KeepEndedFor {
			break
		}
		tx.Delete([]byte(grantPrefix + b.ID))
		if last, err := tx.Get(openKey(b.Who, b.Subject)); err == nil && string(last) == b.ID {
			tx.Delete(openKey(b.Who, b.Subject))
		}
	}
	return nil
}

// Close ends the caller's own grant.
func (o Ops) Close(tx edge.Tx, in GrantRef) (BreakGlass, error) {
	b, err := findGrant(tx, in)
	if err == nil && b.Who != tx.Actor().ID {
		err = noGrant(in)
	}
	if err != nil {
		return BreakGlass{}, err
	}
	return endGrant(tx, b)
}

// End ends anybody's grant.
func (o Ops) End(tx edge.Tx, in GrantRef) (BreakGlass, error) {
	b, err := findGrant(tx, in)
	if err != nil {
		return BreakGlass{}, err
	}
	return endGrant(tx, b)
}

func findGrant(v edge.View, in GrantRef) (BreakGlass, error) {
	b, found, err := get[BreakGlass](v, []byte(grantPrefix+in.ID))
	if err == nil && !found {
		err = noGrant(in)
	}
	return b, err
}

func noGrant(in GrantRef) error {
	return edge.E(edge.NotFound, "there is no emergency access %q", clip(in.ID, 40))
}

// endGrant ends a grant now. Ending one that has ended changes nothing.
func endGrant(tx edge.Tx, b BreakGlass) (BreakGlass, error) {
	if !b.Open(tx.Now()) {
		return b, nil
	}
	b.Ended, b.EndedBy = tx.Now(), tx.Actor().ID
	if err := set(tx, []byte(grantPrefix+b.ID), b); err != nil {
		return BreakGlass{}, err
	}
	return b, tellGrant(tx, Ended, edge.Ledger, b)
}

func tellGrant(tx edge.Tx, typ string, u edge.Urgency, b BreakGlass) error {
	return emit(tx, typ, "person:"+b.Subject, edge.Personal, u, GrantEvent{ID: b.ID, Who: b.Who, Subject: b.Subject, Until: b.Until, Actor: tx.Actor().ID})
}

// ListGrants lists grants as they stand at a time.
func ListGrants(v edge.View, in GrantQuery, now time.Time) (GrantList, error) {
	out := GrantList{Grants: []BreakGlass{}}
	for b, err := range scan[BreakGlass](v, grantPrefix) {
		if err != nil {
			return GrantList{}, err
		}
		if in.All || b.Open(now) {
			out.Grants = append(out.Grants, b)
		}
	}
	return out, nil
}

// FindBreakGlass is the grant a person opened last for another, open or not, for Context; nil where there is none.
func FindBreakGlass(v edge.View, who, subject string) (*BreakGlass, error) {
	if checkID("", who) != nil || checkID("", subject) != nil {
		return nil, nil
	}
	id, err := v.Get(openKey(who, subject))
	if edge.IsKind(err, edge.NotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	b, found, err := get[BreakGlass](v, []byte(grantPrefix+string(id)))
	if err != nil || !found {
		return nil, err
	}
	return &b, nil
}
