package identity

import (
	"time"

	"github.com/aielon/edge/node/api/identityv1"
	"github.com/aielon/edge/node/edge"
)

const (
	tokenLife    = 90 * 24 * time.Hour
	maxTokenLife = 730 * 24 * time.Hour
)

// A tokening asks for a service token on behalf of somebody.
type tokening struct {
	tokenRow
	Actor edge.Actor `json:"actor"`
}

func keepToken(tx edge.Tx, in tokening) (err error) {
	t := in.tokenRow
	t.Created, t.By = tx.Now(), in.Actor.ID
	if t.Name, err = checkName(t.Name); err != nil {
		return err
	}
	if t.Roles, err = checkRoles(t.Roles); err != nil {
		return err
	}
	if t.Scopes, err = checkScopes(t.Scopes); err != nil {
		return err
	}
	if t.Name == "" || len(t.Roles) == 0 || t.Hash.IsZero() {
		return edge.E(edge.Invalid, "a token needs a name and a role")
	}
	if t.Until.Before(tx.Now()) || t.Until.After(tx.Now().Add(maxTokenLife+time.Hour)) {
		return edge.E(edge.Invalid, "a token may be good for %d days", int(maxTokenLife.Hours()/24))
	}
	if err := mayRule(tx, in.Actor, t.Roles); err != nil {
		return err
	}
	if err := countTokens(tx, +1); err != nil {
		return err
	}
	if err := save(tx, tokens+t.ID.String(), t); err != nil {
		return err
	}
	return tell(tx, TokenMade, "token:"+t.ID.String(), Notice{By: t.By, Roles: t.Roles})
}

func countTokens(tx edge.Tx, by int) error {
	s, _, err := load[site](tx, keySite)
	if err != nil {
		return err
	}
	if s.Tokens += by; s.Tokens > MaxTokens {
		return edge.E(edge.Exhausted, "a site may have %d service tokens", MaxTokens).WithHint("revoke those that are not used")
	}
	s.Tokens = max(s.Tokens, 0)
	return save(tx, keySite, s)
}

func revokeToken(tx edge.Tx, in *identityv1.RevokeTokenRequest) (*identityv1.RevokeTokenResponse, error) {
	t, found, err := load[tokenRow](tx, tokens+in.Id)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, edge.E(edge.NotFound, "there is no such token")
	}
	if err := mayRule(tx, tx.Actor(), t.Roles); err != nil {
		return nil, err
	}
	drop(tx, tokens+t.ID.String())
	if err := countTokens(tx, -1); err != nil {
		return nil, err
	}
	return &identityv1.RevokeTokenResponse{}, tell(tx, TokenRevoked, "token:"+t.ID.String(), Notice{By: tx.Actor().ID})
}
