package paygate

// Apply is a after e, and what the ledger must post for it. The order events arrive in does not matter where they agree:
// a refund that comes before its payment waits for it. An event whose source and id were seen is Again. Apply fails with
// Invalid where e is none, Exhausted beyond MaxEvents and Conflict where a decision is about nothing open; a is then as
// it was, and so is the caller's obligation to keep the event.
//
// Nothing here depends on time that passes: an attempt that money may be moving for is never failed by a clock.
func (a Attempt) Apply(e Event) (Attempt, Outcome, error) {
	if err := e.check(); err != nil {
		return a, Outcome{}, err
	}
	key := e.key()
	for _, s := range a.seen {
		if s == key {
			return a, Outcome{Again: true}, nil
		}
	}
	if len(a.seen) == MaxEvents {
		return a, Outcome{}, full("events", MaxEvents)
	}
	m := machine{a: a.clone()}
	known := false
	for _, s := range a.seen {
		known = known || s.id == key.id
	}
	m.a.seen = append(m.a.seen, key)
	switch {
	case known:
		m.conflict(e, SameIDOtherEvent)
	case e.Kind == Submitted:
		if m.a.State == Created {
			m.a.move(Pending, e.At)
		}
	case e.Kind == Declined:
		m.declined(e)
	case e.Kind == Paid:
		m.paid(e)
	case e.Kind == Returned:
		m.returned(e)
	default:
		m.decided(e)
	}
	if m.err != nil {
		return a, Outcome{}, m.err
	}
	return m.a, m.out, nil
}

// A machine is one step.
type machine struct {
	a   Attempt
	out Outcome
	err error
}

func (m *machine) conflict(e Event, why Reason) {
	if len(m.a.Conflicts) == MaxConflicts {
		m.err = full("conflicts", MaxConflicts)
		return
	}
	m.out.Conflict = true
	m.a.Conflicts = append(m.a.Conflicts, Conflict{Reason: why, Kind: e.Kind, Source: e.Source, EventID: e.ID, Money: e.Money, Currency: e.Currency, Amount: e.Amount, At: e.At.UTC()})
}

func (m *machine) declined(e Event) {
	switch m.a.State {
	case Created, Pending:
		m.a.move(Failed, e.At)
		for i := range m.a.money {
			if w := &m.a.money[i]; w.waits { // a refund of what never came
				w.waits = false
				m.conflict(Event{ID: e.ID, Source: e.Source, Kind: Returned, Money: w.id, Amount: w.amount, Currency: m.a.Currency, At: e.At}, ReturnedUnpaid)
			}
		}
	case Confirmed, Refunded:
		m.conflict(e, FailedAfterPaid)
	}
}

// known deals with a movement that was told of before, by this or another source.
func (m *machine) known(e Event, back bool) bool {
	old := m.a.movement(e.Money, back)
	if old != nil && old.amount != e.Amount {
		m.conflict(e, SameMoneyOtherSum)
	}
	return old != nil
}

func (m *machine) paid(e Event) {
	if m.known(e, false) {
		return
	}
	m.a.money = append(m.a.money, movement{id: e.Money, amount: e.Amount})
	switch {
	case e.Currency != m.a.Currency:
		m.conflict(e, CurrencyDiffers)
	case m.a.State == Failed:
		m.conflict(e, PaidAfterFailed)
	case m.a.State == Confirmed || m.a.State == Refunded:
		m.conflict(e, PaidTwice)
	case e.Amount != m.a.Asked:
		m.a.move(Pending, e.At)
		m.conflict(e, AmountDiffers)
	default:
		m.count(e)
	}
}

// count takes money in, and after it the refunds that waited.
func (m *machine) count(e Event) {
	sum, ok := m.a.Confirmed.Add(e.Amount)
	if !ok {
		m.err = invalid("the payment is larger than can be counted")
		return
	}
	m.a.Confirmed = sum
	m.a.move(Confirmed, e.At)
	m.out.Postings = append(m.out.Postings, Posting{Money: e.Money, Amount: e.Amount})
	for i := range m.a.money {
		if w := &m.a.money[i]; w.waits {
			w.waits = false
			m.giveBack(Event{ID: e.ID, Source: e.Source, Kind: Returned, Money: w.id, Amount: w.amount, Currency: m.a.Currency, At: e.At})
		}
	}
}

func (m *machine) returned(e Event) {
	if m.known(e, true) {
		return
	}
	waits := m.a.State == Created || m.a.State == Pending
	waits = waits && e.Currency == m.a.Currency
	m.a.money = append(m.a.money, movement{id: e.Money, amount: e.Amount, back: true, waits: waits})
	switch {
	case e.Currency != m.a.Currency:
		m.conflict(e, CurrencyDiffers)
	case waits:
		m.a.move(Pending, e.At)
	case m.a.State == Failed:
		m.conflict(e, ReturnedUnpaid)
	default:
		m.giveBack(e)
	}
}

// giveBack counts a refund, never more than is left.
func (m *machine) giveBack(e Event) {
	if m.a.Left().Less(e.Amount) {
		m.conflict(e, ReturnedTooMuch)
		return
	}
	m.a.Returned, _ = m.a.Returned.Add(e.Amount)
	m.out.Postings = append(m.out.Postings, Posting{Money: e.Money, Amount: e.Amount, Back: true})
	if m.a.Returned == m.a.Confirmed {
		m.a.move(Refunded, e.At)
	}
}

// decided closes a conflict. Only money that moved in the attempt's currency can be accepted into the ledger.
func (m *machine) decided(e Event) {
	if e.Conflict < 0 || e.Conflict >= len(m.a.Conflicts) || m.a.Conflicts[e.Conflict].Decision != Undecided {
		m.err = notOpen()
		return
	}
	c := &m.a.Conflicts[e.Conflict]
	if !e.Accept {
		c.Decision = Rejected
		return
	}
	told := Event{ID: c.EventID, Source: c.Source, Kind: c.Kind, Money: c.Money, Amount: c.Amount, Currency: c.Currency, At: e.At}
	switch c.Reason {
	case PaidAfterFailed, PaidTwice, AmountDiffers:
		c.Decision = Accepted
		m.count(told)
	case ReturnedTooMuch, ReturnedUnpaid:
		if m.a.Left().Less(c.Amount) {
			m.err = cannotAccept("more would have gone back than came")
			return
		}
		c.Decision = Accepted
		m.giveBack(told)
	default:
		m.err = cannotAccept("it does not say what money moved in the payment's currency")
	}
}
