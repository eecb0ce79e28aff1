package policy

import (
	"fmt"
	"strings"

	"github.com/cedar-policy/cedar-go"

	"github.com/aielon/edge/node/edge"
)

// An Explanation is a decision with all that was looked at on the way.
type Explanation struct {
	Decision Decision
	Question string
	Steps    []Step
}

// A Step is one policy that had a say in the matter.
type Step struct {
	Policy string
	At     string // file:line
	Forbid bool
	Holds  bool // its conditions are met
	Says   string
}

// Explain decides a request and says in words why. It costs several times what Decide does.
func (e *Engine) Explain(q Request) Explanation {
	d, s := e.settle(q)
	x := Explanation{Decision: e.Decide(q)}
	if s == nil {
		x.Question = fmt.Sprintf("May %s do %q?", describe(q, nil), clip(string(q.Action), 80))
		return x
	}
	x.Question = fmt.Sprintf("May %s %s (%s), where it is %s?", describe(q, s.roles), s.lane.Doc, s.lane.Name, describeObject(q.Object, s))
	for id, p := range s.All() {
		r := s.lane.known[id]
		says := r.doc
		if r.forbid {
			says = r.reason
		}
		x.Steps = append(x.Steps, Step{Policy: string(id), At: r.at, Forbid: r.forbid, Holds: s.holds(id, p), Says: says})
	}
	x.Decision.Policies = d.Policies
	return x
}

// holds evaluates one policy alone. A prohibition that cannot be evaluated holds.
func (s *scene) holds(id cedar.PolicyID, p *cedar.Policy) bool {
	_, diag := cedar.Authorize(cedar.PolicyMap{id: p}, s, s.request())
	return len(diag.Reasons) > 0 || len(diag.Errors) > 0 && p.Effect() == cedar.Forbid
}

// String is the explanation in plain lines. Names are quoted, so that no name can write lines of its own.
func (x Explanation) String() string {
	var b strings.Builder
	b.WriteString(x.Question + "\n")
	for _, s := range x.Steps {
		verb := map[[2]bool]string{{false, true}: "permits", {false, false}: "does not permit", {true, true}: "forbids", {true, false}: "does not forbid"}[[2]bool{s.Forbid, s.Holds}]
		fmt.Fprintf(&b, "  %-16s %s (%s): %s\n", verb, s.Policy, s.At, s.Says)
	}
	if d := x.Decision; d.Allow {
		fmt.Fprintf(&b, "Yes, by %s.\n", strings.Join(d.Policies, ", "))
	} else {
		fmt.Fprintf(&b, "No (%v). %s %s\n", d.Why, d.Reason, d.Hint)
	}
	if x.Decision.BreakGlass != "" {
		fmt.Fprintf(&b, "Emergency access %s is open.\n", x.Decision.BreakGlass)
	}
	return b.String()
}

func describe(q Request, roles []string) string {
	c := q.Caller
	kind := [...]string{"somebody", "person", "device", "node", "program"}[min(c.Kind, edge.Service)]
	if !c.Proven() {
		return "somebody unknown"
	}
	if len(roles) == 0 {
		return fmt.Sprintf("%s %q (no role that counts here)", kind, clip(c.ID, 80))
	}
	return fmt.Sprintf("%s %q (%s)", kind, clip(c.ID, 80), strings.Join(roles, ", "))
}

func describeObject(o Object, s *scene) string {
	whose := "nobody's own"
	switch {
	case s.facts.own:
		whose = "the caller's own"
	case o.Subject != "":
		whose = fmt.Sprintf("about %q", clip(o.Subject, 80))
	case o.Owner != "":
		whose = fmt.Sprintf("of %q", clip(o.Owner, 80))
	}
	return fmt.Sprintf("%s data, %s", classNames[s.facts.class], whose)
}
