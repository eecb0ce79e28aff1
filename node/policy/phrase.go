package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

// phrase says a refusal in words for the person who asked.
func (e *Engine) phrase(q Request, s *scene, d Decision) Decision {
	if d.Allow {
		return d
	}
	if !s.facts.proven {
		return unproven(q, s.lane, d)
	}
	switch d.Why {
	case NotPermitted:
		d.Reason = fmt.Sprintf("You may not %s.", s.lane.Doc)
		if ownOnly(s) {
			d.Reason = fmt.Sprintf("You may %s only where it is about yourself.", s.lane.Doc)
		}
		d.Hint = askFor(s.lane.roles, s.roles)
	case Forbidden, NoConsent:
		d.Reason, d.Hint = e.words(s.lane, d.Policies)
	case OutOfScope:
		d.Reason = fmt.Sprintf("This token is not for that: it may not %s.", s.lane.Doc)
		d.Hint = fmt.Sprintf("It needs the scope %s.", s.lane.Name)
	case TooWeak:
		d.Reason, d.Hint = weak(q.Caller, s.lane, d)
	}
	return d
}

func unproven(q Request, l *lane, d Decision) Decision {
	d.Why, d.Policies, d.NeedStrength = NotProven, nil, max(l.Strength, auth.Token)
	d.Reason, d.Hint = "Log in first.", ""
	if c := q.Caller; c.Proven() && !q.Context.Now.Before(c.Until) {
		d.Why, d.Reason, d.Hint = Expired, "You were logged out.", "Log in again; nothing you have sent is lost."
	}
	return d
}

// words are those of the first prohibition that has some. Ids are sorted, so the floor comes before a site's own.
func (e *Engine) words(l *lane, ids []string) (reason, hint string) {
	reason, hint = "The rules of this place do not allow it.", "Ask an administrator."
	for _, id := range ids {
		r := l.known[cedar.PolicyID(id)]
		if r.reason == "" {
			continue
		}
		if reason = r.reason; r.hint != "" {
			hint = r.hint
		}
		break
	}
	return reason, hint
}

func ownOnly(s *scene) bool {
	for _, role := range s.roles {
		for _, r := range s.lane.byRole[role] {
			if !r.forbid && strings.HasSuffix(string(r.id), ".own") {
				return true
			}
		}
	}
	return false
}

func askFor(roles, held []string) string {
	var who []string
	for _, r := range roles {
		if !slices.Contains(held, r) && r != "device" && r != "peer-node" && r != "hub" && r != "member" {
			who = append(who, r)
		}
	}
	if len(who) == 0 {
		return "Ask an administrator."
	}
	return fmt.Sprintf("Ask somebody who may (%s), or an administrator for that role.", strings.Join(who, ", "))
}

func weak(c auth.Caller, l *lane, d Decision) (reason, hint string) {
	switch {
	case c.Kind != edge.Person:
		return fmt.Sprintf("A program may not %s.", l.Doc), "A person has to do it."
	case d.Again:
		return fmt.Sprintf("To %s you have to show once more that it is you.", l.Doc), "Log in again, then repeat it."
	case d.NeedStrength == auth.Password:
		return fmt.Sprintf("To %s you have to log in yourself; a token will not do.", l.Doc), "Log in with your password or passkey."
	}
	return fmt.Sprintf("To %s you need a second factor.", l.Doc), "Use your code or passkey, then repeat it."
}
