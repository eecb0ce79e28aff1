package oidc

import (
	"strings"
	"time"

	"github.com/aielon/edge/node/auth/identity"
	"github.com/aielon/edge/node/edge"
)

// Names of the commands by which nodes keep what was decided at them. Clear secrets never stand in one.
const (
	opClient  = "oauth.keep_client"
	opGrant   = "oauth.keep_grant"
	opRedeem  = "oauth.redeem_code"
	opRefresh = "oauth.keep_refresh"
	opEnd     = "oauth.end_grant"
	opVoid    = "oauth.void_token"
	opUse     = "oauth.use_assertion"
	opKeys    = "oauth.keep_keys"
	opSweep   = "oauth.sweep"
)

// Types of the events. Their subjects are "client:<id>" and "grant:<id>".
const (
	ClientRegistered = "oauth.client_registered"
	ClientRemoved    = "oauth.client_removed"
	Granted          = "oauth.granted"
	GrantRevoked     = "oauth.grant_revoked"
	GrantReused      = "oauth.grant_reused" // a code or a refresh token came a second time, so all of it ended
)

// Register adds the commands and queries of OAuth to a site's table.
func Register(m *edge.Mux) {
	edge.Answer(m, listClients)
	edge.Answer(m, getClient)
	edge.Handle(m, removeClient)
	edge.Answer(m, listGrants)
	edge.Handle(m, revokeGrant)
	own(m, opClient, "Keep a client.", keepClient)
	own(m, opGrant, "Keep what was granted.", keepGrant)
	own(m, opRedeem, "Burn an authorization code.", redeemCode)
	own(m, opRefresh, "Replace a refresh token.", replaceRefresh)
	own(m, opEnd, "End a grant.", endGrant)
	own(m, opVoid, "End an access token.", voidToken)
	own(m, opUse, "Note that an assertion was used.", useAssertion)
	own(m, opKeys, "Keep another signing key.", keepKey)
	own(m, opSweep, "Remove what has ended.", sweep)
}

// An answer says whether a one-time thing was still there. It is no refusal, of which nothing would be kept: what came
// a second time has to end what it belongs to.
type answer struct {
	Good bool `json:"good"`
}

type none struct{}

// own registers a command of the site's nodes.
func own[In, Out any](m *edge.Mux, name, doc string, f func(edge.Tx, In) (Out, error)) {
	edge.Do(m, edge.Op{Name: name, Doc: doc, Class: edge.Personal}, func(tx edge.Tx, in In) (out Out, err error) {
		if tx.Actor().Kind != edge.Node {
			return out, edge.E(edge.Denied, "only the site's own nodes may do this")
		}
		return f(tx, in)
	})
}

func tell(tx edge.Tx, typ, subject string) {
	tx.Emit(edge.Event{Type: typ, Subject: subject, Class: edge.Personal, Urgency: edge.Ledger, Time: tx.Now()})
}

func keepGrant(tx edge.Tx, g grant) (none, error) {
	if !plainID(g.ID) {
		return none{}, edge.E(edge.Invalid, "a grant has no good id")
	}
	c, found, err := load[client](tx, clientRows+g.Client.String())
	switch {
	case err != nil:
		return none{}, err
	case !found:
		return none{}, edge.E(edge.NotFound, "there is no such client")
	}
	if _, again, err := load[grant](tx, grantRows+g.ID); err != nil || again {
		return none{}, cmpErr(err, edge.E(edge.Conflict, "there is such a grant already"))
	}
	if g.Created = tx.Now(); g.Person != "" {
		err = admitPerson(tx, g)
	} else {
		err = admitOwn(tx, c)
	}
	if err != nil {
		return none{}, err
	}
	tx.Set([]byte(g.indexKey()), []byte{1})
	tell(tx, Granted, "grant:"+g.ID)
	return none{}, saveUntil(tx, grantRows+g.ID, g, g.Until)
}

// indexKey is the row by which the grants of somebody are found.
func (g grant) indexKey() string {
	if g.Person != "" {
		return grantsOf + g.Person + "/" + g.ID
	}
	return ownGrants + g.Client.String() + "/" + g.ID
}

// admitPerson makes room for one more grant of a person, if what they signed in with still counts.
func admitPerson(tx edge.Tx, g grant) error {
	good, err := personStands(tx, g)
	if err != nil {
		return err
	}
	if !good {
		return edge.E(edge.Denied, "the sign-in has ended meanwhile")
	}
	return makeRoom(tx, g.Person)
}

// admitOwn refuses clients that do not act for themselves, and those that ask for a token with every call they make.
func admitOwn(tx edge.Tx, c client) error {
	if len(c.Roles) == 0 {
		return edge.E(edge.Denied, "this client acts only for people")
	}
	full, err := atLeast(tx, ownGrants+c.ID.String()+"/", MaxOwnGrants)
	if err == nil && full {
		err = edge.E(edge.Exhausted, "this client has %d tokens already", MaxOwnGrants).WithHint("it is to use a token until it ends")
	}
	return err
}

// atLeast reports whether there are n rows under a prefix.
func atLeast(v edge.View, prefix string, n int) (bool, error) {
	for range v.Scan([]byte(prefix)) {
		if n--; n == 0 {
			break
		}
	}
	return n == 0, v.Err()
}

// cmpErr is err, or what holds where there is none.
func cmpErr(err error, otherwise *edge.Error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// makeRoom ends the oldest grants of somebody who has given too many.
func makeRoom(tx edge.Tx, person string) error {
	var all []grant
	for k := range tx.Scan([]byte(grantsOf + person + "/")) {
		id := string(k[len(grantsOf)+len(person)+1:])
		g, found, err := load[grant](tx, grantRows+id)
		if err != nil {
			return err
		}
		if found {
			all = append(all, g)
		}
	}
	if err := tx.Err(); err != nil {
		return err
	}
	for len(all) >= MaxGrants {
		oldest := 0
		for i, g := range all {
			if g.Created.Before(all[oldest].Created) {
				oldest = i
			}
		}
		dropGrant(tx, all[oldest])
		all = append(all[:oldest], all[oldest+1:]...)
	}
	return nil
}

// dropGrant removes a grant. Its code, its refresh tokens and its access tokens name a grant that is not there then.
func dropGrant(tx edge.Tx, g grant) {
	tx.Delete([]byte(grantRows + g.ID))
	tx.Delete([]byte(g.indexKey()))
	tx.Delete([]byte(endKey(g.Until, grantRows+g.ID)))
}

// A redemption is the use of an authorization code or a refresh token.
type redemption struct {
	edge.Redacted

	Grant   string    `json:"grant"`
	Secret  edge.ID   `json:"secret"` // token.IDOf it
	Key     string    `json:"key,omitempty"`
	Refresh edge.ID   `json:"refresh,omitzero"` // the refresh token that follows
	Until   time.Time `json:"until,omitzero"`
}

func redeemCode(tx edge.Tx, in redemption) (answer, error) {
	g, good, err := standing(tx, in.Grant)
	if err != nil || !good {
		return answer{}, err
	}
	if g.Code != in.Secret || !g.CodeUsed.IsZero() || tx.Now().After(g.CodeUntil) {
		return answer{}, reused(tx, g)
	}
	g.CodeUsed, g.Key = tx.Now(), in.Key
	return answer{true}, keepRefresh(tx, g, in.Refresh, in.Until)
}

// replaceRefresh puts a new refresh token in the place of an old one.
func replaceRefresh(tx edge.Tx, in redemption) (answer, error) {
	g, good, err := standing(tx, in.Grant)
	if err != nil || !good {
		return answer{}, err
	}
	if g.Refresh != in.Secret || tx.Now().After(g.RefreshEnd) || g.Key != in.Key {
		return answer{}, reused(tx, g)
	}
	return answer{true}, keepRefresh(tx, g, in.Refresh, in.Until)
}

func keepRefresh(tx edge.Tx, g grant, id edge.ID, until time.Time) error {
	if !id.IsZero() {
		if until.After(g.Until) {
			until = g.Until
		}
		g.Refresh, g.RefreshEnd = id, until
	}
	return save(tx, grantRows+g.ID, g)
}

func reused(tx edge.Tx, g grant) error {
	dropGrant(tx, g)
	tell(tx, GrantReused, "grant:"+g.ID)
	return nil
}

// standing returns a grant that still counts: neither it nor what the person opened it with has ended.
func standing(v edge.View, id string) (g grant, good bool, err error) {
	if !plainID(id) {
		return g, false, nil
	}
	g, found, err := load[grant](v, grantRows+id)
	if err != nil || !found || g.Person == "" {
		return g, found, err
	}
	good, err = personStands(v, g)
	return g, good, err
}

// personStands reports whether a person may still act, has not ended all that was opened in their name, and has not
// signed out where the grant ends with that.
func personStands(v edge.View, g grant) (bool, error) {
	p, err := identity.Who(v, g.Person)
	if edge.IsKind(err, edge.NotFound) {
		return false, nil
	}
	if err != nil || p.Generation != g.Generation {
		return false, err
	}
	out, err := identity.SignedOut(v, g.Session)
	return !out, err
}

// An ending names a grant that is over.
type ending struct {
	Grant  string `json:"grant"`
	Reused bool   `json:"reused,omitempty"`
}

func endGrant(tx edge.Tx, in ending) (none, error) {
	g, found, err := load[grant](tx, grantRows+in.Grant)
	if err != nil || !found {
		return none{}, err
	}
	dropGrant(tx, g)
	typ := GrantRevoked
	if in.Reused {
		typ = GrantReused
	}
	tell(tx, typ, "grant:"+g.ID)
	return none{}, nil
}

// A used assertion or proof, or a token that ended, is remembered until it would have ended anyhow.
type mark struct {
	Key   string    `json:"key"`
	Until time.Time `json:"until"`
}

func (m mark) check(tx edge.Tx, prefix string) error {
	name, ok := strings.CutPrefix(m.Key, prefix)
	if !ok || !plainID(strings.Replace(name, "/", "", 1)) || m.Until.After(tx.Now().Add(time.Hour)) {
		return edge.E(edge.Invalid, "a mark of OAuth is not well formed")
	}
	return nil
}

func voidToken(tx edge.Tx, in mark) (none, error) {
	if err := in.check(tx, voidRows); err != nil {
		return none{}, err
	}
	return none{}, saveUntil(tx, in.Key, in.Until, in.Until)
}

func useAssertion(tx edge.Tx, in mark) (answer, error) {
	if err := in.check(tx, usedRows); err != nil {
		return answer{}, err
	}
	if _, again, err := load[time.Time](tx, in.Key); err != nil || again {
		return answer{}, err
	}
	full, err := atLeast(tx, in.Key[:strings.LastIndex(in.Key, "/")+1], maxUsed)
	if err != nil {
		return answer{}, err
	}
	if full {
		return answer{}, edge.E(edge.Exhausted, "this client proves itself too often").WithHint("it is to use a token until it ends")
	}
	return answer{true}, saveUntil(tx, in.Key, in.Until, in.Until)
}

// sweepMost bounds what one command removes.
const sweepMost = 500

// sweep removes rows that have ended. Keys sort by time, so it stops at the first that has not.
func sweep(tx edge.Tx, _ none) (none, error) {
	now, n := stamp(tx.Now()), 0
	for k := range tx.Scan([]byte(endRows)) {
		at, key, _ := strings.Cut(string(k[len(endRows):]), "/")
		if at >= now || n == sweepMost {
			break
		}
		n++
		tx.Delete(k)
		if id, ok := strings.CutPrefix(key, grantRows); ok {
			g, found, err := load[grant](tx, grantRows+id)
			if err != nil {
				return none{}, err
			}
			if found {
				dropGrant(tx, g)
			}
			continue
		}
		tx.Delete([]byte(key))
	}
	return none{}, tx.Err()
}
