package policy

import (
	"regexp"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go"

	"github.com/aielon/edge/node/edge"
)

// MaxPolicies is how many policies a site may add. Each may have 4 KiB.
const MaxPolicies = 64

// A SitePolicy is one statement in Cedar that a site added. It can permit what no role gives and forbid what one
// does. The floor outweighs it, and it cannot forbid what mends policies and lets people log in.
type SitePolicy struct {
	ID      string    `json:"id"` // small letters, digits and hyphens
	Text    string    `json:"text"`
	Note    string    `json:"note,omitempty"` // why it is there
	Forbid  bool      `json:"forbid"`         // as read from the text when it was set
	Version uint64    `json:"version"`        // of this policy, from 1
	Set     time.Time `json:"set"`
	By      string    `json:"by"`
}

// State is what a site adds to the built-in policies.
type State struct {
	Version  uint64       `json:"version"` // counts every change of policies and settings
	Settings Settings     `json:"settings"`
	Policies []SitePolicy `json:"policies"`
}

const siteIDs = `^[a-z0-9][a-z0-9-]{0,63}$`

// Check refuses, with Invalid, with line and reason, what cannot be a policy of a site, and tells whether it forbids.
func (e *Engine) Check(p SitePolicy) (forbid bool, err error) {
	if ok, err := regexp.MatchString(siteIDs, p.ID); err != nil || !ok {
		return false, edge.E(edge.Invalid, "%q cannot name a policy: up to 64 small letters, digits and hyphens are expected", clip(p.ID, 80))
	}
	if !printable(p.Note) || len(p.Note) > maxWords {
		return false, edge.E(edge.Invalid, "the note of a policy must be a line of at most %d bytes", maxWords)
	}
	r, err := e.site(p)
	return r.forbid, err
}

// site compiles one policy of a site.
func (e *Engine) site(p SitePolicy) (rule, error) {
	if len(p.Text) > maxText {
		return rule{}, edge.E(edge.Invalid, "%s: a policy may have %d bytes, this one has %d", p.ID, maxText, len(p.Text))
	}
	rules, err := e.load(p.ID, []byte(p.Text))
	if err != nil {
		return rule{}, err
	}
	if len(rules) != 1 {
		return rule{}, edge.E(edge.Invalid, "%s: one statement is expected, here are %d", p.ID, len(rules)).WithHint("make a policy of its own of each")
	}
	r := rules[0]
	if r.id != "" && string(r.id) != p.ID {
		return rule{}, edge.E(edge.Invalid, "%s: the @id in the text is another one", r.at).WithHint("leave it out")
	}
	r.id, r.site = siteRuleID(p.ID), true
	if r.doc == "" {
		r.doc = "A policy of this site."
	}
	return r, nil
}

func siteRuleID(id string) cedar.PolicyID { return cedar.PolicyID("site." + id) }

// closed stands for a prohibition that cannot be read any more. Devices and nodes go on, so that nothing measured is
// lost; people are kept out of all but what mends it.
const closed = `@reason("A rule of this place cannot be read, so nearly everything is closed.")
@hint("An owner has to set or remove the rule that is marked as broken.")
forbid (principal, action, resource) unless { principal is Device || principal is Node };`

// With returns an engine of the built-in policies and those of a site. What cannot be read is listed by Broken: a
// permission is left out, and a prohibition becomes one of everything.
func (e *Engine) With(s State) (*Engine, error) {
	if err := s.Settings.check(); err != nil {
		return nil, err
	}
	n := &Engine{version: s.Version, settings: s.Settings, validator: e.validator, roles: e.roles, groups: e.groups, builtin: e.builtin, lanes: newLanes()}
	for _, p := range s.Policies {
		r, err := n.site(p)
		if err == nil {
			n.extra = append(n.extra, r)
			continue
		}
		n.broken = append(n.broken, Broken{ID: p.ID, Err: err})
		if !p.Forbid {
			continue
		}
		stand, err := n.site(SitePolicy{ID: p.ID, Text: closed})
		if err != nil {
			return nil, err
		}
		n.extra = append(n.extra, stand)
	}
	n.index()
	return n, nil
}

// checkID refuses ids of people that cannot stand in a key.
func checkID(what, id string) error {
	if id == "" || len(id) > 128 || !plain(id) || strings.Contains(id, "/") {
		return edge.E(edge.Invalid, "%q cannot be %s: 1 to 128 bytes without spaces and slashes are expected", clip(id, 40), what)
	}
	return nil
}
