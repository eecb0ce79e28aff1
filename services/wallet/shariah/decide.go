package shariah

// Decide says what the set makes of a dealing. Rules are asked in order of their ids: the first that denies is the
// outcome; otherwise the first that wants a review, otherwise the first that routes, tells or allows. It changes
// nothing and may be called by many at once. Where no rule speaks, it takes some ten nanoseconds and no memory.
func (c *Compiled) Decide(f *Facts) Decision {
	if !f.known() {
		d := c.allowed()
		d.Act, d.Rule = Deny, UnknownRule
		return d
	}
	m := c.byPurpose[f.Purpose]
	m.add(&c.byFrom[f.From.Kind])
	if f.MCC != 0 {
		m.add(&c.mccMarks[c.byMCC[f.MCC]])
	}
	if f.From != f.To {
		m.add(&c.crossing)
	}
	if f.AssetIn != "" {
		m.add(&c.exchange)
	}
	if m == (marks{}) {
		return c.allowed()
	}
	return c.ask(&m, f)
}

// ask asks the marked rules.
func (c *Compiled) ask(m *marks, f *Facts) Decision {
	best, found := -1, Allow
	to := NoFund
	var notes []Note
	for i := m.next(0); i >= 0; i = m.next(i + 1) {
		r := &c.rules[i]
		act, spoke := r.judge(f)
		if !spoke {
			continue
		}
		switch act {
		case Deny:
			return c.decision(r, Deny, f)
		case Info:
			notes = append(notes, Note{r.ID, r.check.used(f), r})
		case Route:
			if to == NoFund {
				to = r.check.destination()
			}
		}
		if best < 0 || act > found {
			best, found = i, act
		}
	}
	if best < 0 {
		return c.allowed()
	}
	d := c.decision(&c.rules[best], found, f)
	d.To, d.Notes = to, notes
	return d
}

// judge says which act the rule asks for; it did not speak where the dealing passes.
func (r *Rule) judge(f *Facts) (act Act, spoke bool) {
	switch r.check.judge(f) {
	case pass:
		return Allow, false
	case refuse:
		return Deny, true
	case ask:
		return Review, true
	}
	return r.Act, true
}

func (c *Compiled) allowed() Decision { return Decision{SetName: c.name, SetVersion: c.version} }

func (c *Compiled) decision(r *Rule, act Act, f *Facts) Decision {
	return c.spoken(r, act, r.check.used(f)...)
}

func (c *Compiled) spoken(r *Rule, act Act, facts ...fact) Decision {
	return Decision{Act: act, Rule: r.ID, SetName: c.name, SetVersion: c.version, Facts: facts, rule: r}
}
