package reconcile

import (
	"slices"
	"strconv"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// matchEntry says what an entry stands for. The same again changes nothing.
func (s *Service) matchEntry(tx edge.Tx, in *walletv1.MatchEntryRequest) (*walletv1.BankEntry, error) {
	e, err := findEntry(tx, in.GetEntry())
	if err != nil {
		return nil, err
	}
	ways := 0
	for _, given := range []bool{in.GetPayment() != "", len(in.GetTransfers()) > 0, in.GetBook() != ""} {
		if given {
			ways++
		}
	}
	switch {
	case ways != 1:
		return nil, invalid("say one thing that the entry stands for: a payment, transfers, or an account to book it to")
	case e.amount.IsZero():
		return nil, edge.E(edge.Refused, "the entry moved nothing").WithCode(CodeAmount)
	}
	was := *e
	do := s.pays
	if len(in.GetTransfers()) > 0 {
		do = s.isTransfers
	} else if in.GetBook() != "" {
		do = s.book
	}
	again, err := do(tx, e, in)
	if err != nil {
		return nil, err
	}
	if !again {
		e.State, e.Auto, e.By, e.At, e.Wants = matched, false, tx.Actor().ID, tx.Now(), edge.ID{}
		if err := e.said(tx, &was); err != nil {
			return nil, err
		}
	}
	return s.show(tx, e)
}

// said keeps what a person said of an entry, and tells of it.
func (e *entry) said(tx edge.Tx, was *entry) error {
	body := map[string]any{"entry": e.ID.String(), "account": e.Account.String(), "state": [...]string{"open", "matched", "ignored"}[e.State], "asset": e.Asset, "amount": e.Sum}
	if !e.Payment.IsZero() {
		body["payment"] = e.Payment.String()
	}
	emit(tx, EventEntry, "bank-entry:"+e.ID.String(), edge.Personal, body)
	return e.save(tx, was)
}

func (e *entry) undecided() error {
	if e.State == open {
		return nil
	}
	return edge.E(edge.Conflict, "the entry stands for something else already, or is ignored").WithHint("look at the entry again; take back what was said of it first").WithCode(CodeDecided)
}

// pays has an entry pay a payment, or take back what it paid.
func (s *Service) pays(tx edge.Tx, e *entry, in *walletv1.MatchEntryRequest) (again bool, err error) {
	id, err := ledger.ParseID(in.GetPayment())
	switch {
	case err != nil:
		return false, err
	case e.State == matched && e.Payment == id:
		return true, nil
	}
	if err := e.undecided(); err != nil {
		return false, err
	}
	e.Payment = id
	return false, s.tell(tx, e, id)
}

// isTransfers says that an entry is what transfers moved.
func (s *Service) isTransfers(tx edge.Tx, e *entry, in *walletv1.MatchEntryRequest) (again bool, err error) {
	var ids []edge.ID
	for _, text := range in.GetTransfers() {
		id, err := ledger.ParseID(text)
		if err != nil || text == "" {
			return false, invalid("a transfer is not named by its identifier")
		}
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b edge.ID) int { return slices.Compare(a[:], b[:]) })
	switch {
	case len(slices.Compact(slices.Clone(ids))) != len(ids):
		return false, invalid("a transfer is named twice")
	case e.State == matched && slices.Equal(e.Transfers, ids):
		return true, nil
	}
	if err := e.undecided(); err != nil {
		return false, err
	}
	total := amount.Signed{}
	for _, id := range ids {
		sum, free, err := s.moved(tx, e.Account, id)
		if err == nil && !free {
			err = edge.E(edge.Conflict, "another entry stands for this transfer").WithHint("look at what the bank booked around that day").WithCode(CodeTransfer, edge.Fact{Name: "transfer", Value: id.String()})
		}
		if err != nil {
			return false, err
		}
		total, _ = total.Add(sum) // each is no more than a balance
	}
	if total != e.amount {
		return false, edge.E(edge.Refused, "what was chosen comes to another amount than the entry").WithHint("choose transfers that come to the entry together").
			WithCode(CodeAmount, edge.Fact{Name: "entry", Value: e.Sum}, edge.Fact{Name: "transfers", Value: total.String()})
	}
	e.Transfers = ids
	e.mark(tx, true)
	return false, nil
}

// book makes a transfer of an entry: between the account at the bank and one that a person names.
func (s *Service) book(tx edge.Tx, e *entry, in *walletv1.MatchEntryRequest) (again bool, err error) {
	id, err := ledger.ParseID(in.GetBook())
	if err != nil {
		return false, err
	}
	how := id.String() + "/" + in.GetPurpose()
	if e.State == matched && e.Booking == how {
		return true, nil
	}
	if err := e.undecided(); err != nil {
		return false, err
	}
	to, err := s.led.Find(tx, id)
	if err == nil {
		err = s.mayBook(tx, e, to)
	}
	if err != nil {
		return false, err
	}
	leg := ledger.Posting{Debit: e.Account, Credit: to.ID, Amount: e.amount.Amount}
	if e.amount.Neg {
		leg.Debit, leg.Credit = to.ID, e.Account
	}
	// An identifier that was refused is spent, so each try has its own; that one entry is booked once, its state sees to.
	m := ledger.Move{ID: ledger.Named("bank-entry", e.ID.String(), strconv.FormatInt(tx.Now().UnixNano(), 10)), Postings: []ledger.Posting{leg}, Purpose: in.GetPurpose(), Reference: e.ID.String(), Firm: true}
	b, err := s.led.Begin(tx)
	if err != nil {
		return false, err
	}
	refusal, err := b.Do(m)
	if err != nil {
		return false, err
	}
	if err := b.Finish(); err != nil {
		return false, err
	}
	if refusal != nil {
		return false, &edge.Kept{Err: refusal}
	}
	e.Booking, e.Transfers = how, []edge.ID{m.ID}
	e.mark(tx, true)
	return false, nil
}

// mayBook refuses accounts that an entry is not booked to. Whoever reconciles may not take money from a member, nor give
// it to itself.
func (s *Service) mayBook(tx edge.Tx, e *entry, to ledger.AccountInfo) error {
	kind := walletv1.AccountKind(to.Kind)
	switch {
	case to.Asset != e.Asset:
		return edge.E(edge.Refused, "the account is of another currency than the entry").WithHint("book it to an account of the same currency").
			WithCode(ledger.CodeCurrency, edge.Fact{Name: "account", Value: to.Asset}, edge.Fact{Name: "entry", Value: e.Asset})
	case to.ID == e.Account, kind == walletv1.AccountKind_CLEARING, kind == walletv1.AccountKind_ESCROW, kind == walletv1.AccountKind_TRANSIT, kind == walletv1.AccountKind_EXCHANGE:
		return edge.E(edge.Refused, "an entry of the bank is not booked to this account").WithHint("book it to a member, or to income, expenses, receivables or payables").WithCode(CodeKind)
	case kind == walletv1.AccountKind_MEMBER && e.amount.Neg:
		return edge.E(edge.Refused, "nothing is taken from a member because of a statement").WithHint("make the transfer, then say that the entry stands for it").WithCode(CodeKind)
	case to.Owner != "" && to.Owner == tx.Actor().ID:
		return edge.E(edge.Denied, "nobody books money of the bank to an account of their own").WithHint("ask somebody else who reconciles").WithCode(CodeOwn)
	}
	return nil
}

// unmatchEntry takes back what was said of an entry.
func (s *Service) unmatchEntry(tx edge.Tx, in *walletv1.UnmatchEntryRequest) (*walletv1.BankEntry, error) {
	e, err := findEntry(tx, in.GetEntry())
	switch {
	case err != nil:
		return nil, err
	case e.State == open:
		return s.show(tx, e)
	case !e.Payment.IsZero():
		return nil, edge.E(edge.Refused, "a payment was told of this entry, and that cannot be taken back").WithHint("decide the payment's conflict, or give the money back").WithCode(CodeFinal)
	}
	if e.Booking != "" {
		t, err := s.led.ShowTransfer(tx, e.Transfers[0])
		if err != nil {
			return nil, err
		}
		if t.GetReversedBy() == "" {
			return nil, edge.E(edge.Refused, "a transfer was made of this entry").WithHint("reverse that transfer first").WithCode(CodeFinal, edge.Fact{Name: "transfer", Value: t.GetId()})
		}
	}
	was := *e
	e.mark(tx, false)
	e.State, e.Transfers, e.Booking, e.Reason, e.Auto, e.By, e.At = open, nil, "", "", false, tx.Actor().ID, tx.Now()
	if err := e.said(tx, &was); err != nil {
		return nil, err
	}
	return s.show(tx, e)
}

// ignoreEntry says that an entry stands for nothing.
func (s *Service) ignoreEntry(tx edge.Tx, in *walletv1.IgnoreEntryRequest) (*walletv1.BankEntry, error) {
	e, err := findEntry(tx, in.GetEntry())
	if err != nil {
		return nil, err
	}
	if e.State == ignored && e.Reason == in.GetReason() {
		return s.show(tx, e)
	}
	if err := e.undecided(); err != nil {
		return nil, err
	}
	was := *e
	e.State, e.Reason, e.Auto, e.By, e.At, e.Wants = ignored, in.GetReason(), false, tx.Actor().ID, tx.Now(), edge.ID{}
	if err := e.said(tx, &was); err != nil {
		return nil, err
	}
	return s.show(tx, e)
}
