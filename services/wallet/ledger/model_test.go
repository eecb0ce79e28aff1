package ledger

import (
	"maps"
	"slices"
)

// A model is the ledger as one would write it without caring for speed: whole numbers, copies, no rows.
type model struct {
	now      int64
	accounts map[string]*modelAccount
	ids      map[string]string // what became of an identifier: "" where it went through, else the code
	asked    map[string]modelStep
	holds    map[string]*modelHold
	done     map[string][]modelLeg // what was moved, by identifier
	kinds    map[string]string
	backs    map[string]bool
}

type modelAccount struct {
	fund                   string
	kind                   string // "member", "cash", "expense", "bank", "income"
	state                  string // "", CodeFrozen, CodeClosed
	floor, ceiling         *int64
	dr, cr, drHeld, crHeld int64
}

type modelHold struct {
	legs    []modelLeg
	expires int64
	state   string // "", or the code of what ended it
}

type modelLeg struct {
	debit, credit string
	amount        int64
}

// A modelStep is one step: a transfer, a hold, a post, a void or a reversal.
type modelStep struct {
	kind    string
	id      string
	about   string
	legs    []modelLeg
	timeout int64
	part    int64 // of a post; 0: all of it
	balance bool
}

func newModel() *model {
	return &model{accounts: map[string]*modelAccount{}, ids: map[string]string{}, asked: map[string]modelStep{}, holds: map[string]*modelHold{}, done: map[string][]modelLeg{}, kinds: map[string]string{}, backs: map[string]bool{}}
}

func (m *model) copy() *model {
	c := &model{now: m.now, accounts: map[string]*modelAccount{}, ids: maps.Clone(m.ids), asked: maps.Clone(m.asked), holds: map[string]*modelHold{}, done: maps.Clone(m.done), kinds: maps.Clone(m.kinds), backs: maps.Clone(m.backs)}
	for k, a := range m.accounts {
		b := *a
		c.accounts[k] = &b
	}
	for k, h := range m.holds {
		b := *h
		c.holds[k] = &b
	}
	return c
}

// item does steps together or not at all, and says what became of each: a code, or "".
func (m *model) item(steps []modelStep) (codes []string, after *model) {
	c := m.copy()
	failed := -1
	code := ""
	for i, s := range steps {
		if code = c.step(s); code != "" {
			failed = i
			break
		}
	}
	if failed < 0 {
		if code = c.sound(m); code != "" {
			failed = len(steps) - 1
		}
	}
	if failed < 0 {
		return make([]string, len(steps)), c
	}
	c = m.copy()
	for i, s := range steps {
		why := CodeLinked
		if i == failed {
			why = code
		}
		codes = append(codes, why)
		if _, taken := c.ids[s.id]; !taken && code != CodeConflict && code != CodeFailed {
			c.ids[s.id] = why
		}
	}
	return codes, c
}

func (m *model) step(s modelStep) string {
	if was, known := m.ids[s.id]; known {
		switch {
		case was != "":
			return CodeFailed
		case !same(m.asked[s.id], s, m.done[s.id]):
			return CodeConflict
		}
		return ""
	}
	var code string
	switch s.kind {
	case "post", "void", "expire":
		code = m.end(s)
	case "reverse":
		code = m.reverse(s)
	default:
		code = m.transfer(s)
	}
	if code == "" {
		m.ids[s.id], m.asked[s.id], m.kinds[s.id] = "", s, s.kind
	}
	return code
}

// same reports whether b asks for what a, which came to done, asked for.
func same(a, b modelStep, done []modelLeg) bool {
	if a.kind != b.kind || a.about != b.about || a.balance != b.balance || a.timeout != b.timeout && a.kind != "hold" {
		return false
	}
	switch a.kind {
	case "post":
		return b.part == 0 || len(done) == 1 && done[0].amount == b.part
	case "void", "reverse":
		return true
	}
	if len(a.legs) != len(b.legs) {
		return false
	}
	for i, l := range b.legs {
		if w := done[i]; l.debit != w.debit || l.credit != w.credit || l.amount != w.amount && (!b.balance || l.amount < w.amount) {
			return false
		}
	}
	return true
}

func (m *model) transfer(s modelStep) string {
	for _, l := range s.legs {
		for _, id := range []string{l.debit, l.credit} {
			a := m.accounts[id]
			if a == nil {
				return CodeAccount
			}
			if a.state != "" {
				return a.state
			}
		}
	}
	for _, l := range s.legs {
		if m.accounts[l.debit].fund != m.accounts[l.credit].fund {
			return CodeRestricted
		}
	}
	legs := slices.Clone(s.legs)
	for i := range legs {
		l := &legs[i]
		d, c := m.accounts[l.debit], m.accounts[l.credit]
		if s.balance && d.floor != nil {
			there := d.available() - *d.floor
			if there <= 0 {
				return CodeFunds
			}
			l.amount = min(l.amount, there)
		}
		if s.kind == "hold" {
			d.drHeld += l.amount
			c.crHeld += l.amount
		} else {
			d.dr += l.amount
			c.cr += l.amount
		}
		if d.floor != nil && d.available() < *d.floor {
			return CodeFunds
		}
		if c.ceiling != nil && c.cr-c.dr+c.crHeld > *c.ceiling {
			return CodeCeiling
		}
	}
	m.done[s.id] = legs
	if s.kind == "hold" {
		h := &modelHold{legs: legs}
		if s.timeout > 0 {
			h.expires = m.now + s.timeout
		}
		m.holds[s.id] = h
	}
	return ""
}

func (a *modelAccount) available() int64 { return a.cr - a.dr - a.drHeld }

func (m *model) end(s modelStep) string {
	h := m.holds[s.about]
	switch {
	case h == nil:
		return CodeHold
	case h.state != "":
		return h.state
	case h.expires > 0 && h.expires <= m.now && s.kind != "expire":
		return CodeHoldExpired
	}
	if s.kind == "post" && s.part > 0 {
		if len(h.legs) > 1 {
			return CodeInvalid
		}
		if s.part > h.legs[0].amount {
			return CodeFunds
		}
	}
	legs := slices.Clone(h.legs)
	for i := range legs {
		l := &legs[i]
		d, c := m.accounts[l.debit], m.accounts[l.credit]
		if s.kind == "post" {
			for _, a := range []*modelAccount{d, c} {
				if a.state != "" {
					return a.state
				}
			}
		}
		d.drHeld -= l.amount
		c.crHeld -= l.amount
		if s.kind == "post" {
			if s.part > 0 {
				l.amount = s.part
			}
			d.dr += l.amount
			c.cr += l.amount
		}
	}
	m.done[s.id] = legs
	h.state = map[string]string{"post": CodeHoldPosted, "void": CodeHoldVoided, "expire": CodeHoldExpired}[s.kind]
	return ""
}

func (m *model) reverse(s modelStep) string {
	code, known := m.ids[s.about]
	switch {
	case !known || code != "":
		return CodeTransfer
	case m.kinds[s.about] != "transfer" && m.kinds[s.about] != "post":
		return CodeNotReversible
	case m.backs[s.about]:
		return CodeReversed
	}
	was := m.done[s.about]
	legs := []modelLeg{}
	for i := len(was) - 1; i >= 0; i-- {
		legs = append(legs, modelLeg{was[i].credit, was[i].debit, was[i].amount})
	}
	if code := m.transfer(modelStep{kind: "transfer", id: s.id, legs: legs}); code != "" {
		return code
	}
	m.backs[s.about] = true
	return ""
}

// sound is what must hold of funds after an item that began at was.
func (m *model) sound(was *model) string {
	if short := m.short(); short > 0 && short > was.short() {
		return "shariah_amanah_1"
	}
	return ""
}

// short is by how much more is owed to members than is there.
func (m *model) short() (sum int64) {
	for _, a := range m.accounts {
		if a.fund == "amanah" && (a.kind == "member" || a.kind == "cash") {
			sum += a.cr - a.dr
		}
	}
	return sum
}
