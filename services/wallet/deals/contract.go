package deals

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/shariah"
	"github.com/aielon/edge/services/wallet/shariah/contract"
	"github.com/aielon/edge/services/wallet/walletv1"
)

var contracts = book.Table{Prefix: "wcon/", What: "contract", Lost: CodeContract}

// scheduleOf is what a contract comes to, from its row. What is not permissible is not read back.
func scheduleOf(c *walletv1.Contract) (*contract.Schedule, error) {
	s := &contract.Schedule{Kind: contract.Kind(c.Kind)}
	bad := false
	read := func(text string) (a amount.Amount) {
		if text != "" {
			var err error
			a, err = amount.Parse(text)
			bad = bad || err != nil
		}
		return a
	}
	s.Cost, s.Markup, s.Fee, s.ActualCost = read(c.Cost), read(c.Markup), read(c.Fee), read(c.ActualCost)
	s.Paid, s.Forgave, s.Rebated = read(c.Paid), read(c.Forgiven), read(c.Rebated)
	for _, in := range c.Instalments {
		due, err := time.Parse(time.DateOnly, in.Due)
		bad = bad || err != nil
		s.Instalments = append(s.Instalments, contract.Instalment{Due: due, Amount: read(in.Amount)})
	}
	if err := s.Validate(); bad || err != nil {
		return nil, edge.E(edge.Corrupt, "a contract cannot be read: %w", err)
	}
	return s, nil
}

// write puts a schedule into a contract.
func write(c *walletv1.Contract, s *contract.Schedule) {
	c.Cost, c.Markup, c.Fee, c.ActualCost = s.Cost.String(), s.Markup.String(), s.Fee.String(), s.ActualCost.String()
	c.Paid, c.Forgiven, c.Rebated, c.Left = s.Paid.String(), s.Forgave.String(), s.Rebated.String(), s.Remaining().String()
	c.Instalments = c.Instalments[:0]
	for _, in := range s.Instalments {
		c.Instalments = append(c.Instalments, &walletv1.ContractInstalment{Due: in.Due.Format(time.DateOnly), Amount: in.Amount.String()})
	}
}

// show adds what depends on the day.
func show(c *walletv1.Contract, now time.Time) (*walletv1.Contract, error) {
	c.Late, c.LateSince = "0", nil
	if c.State != walletv1.ContractState_CONTRACT_RUNNING {
		return c, nil
	}
	s, err := scheduleOf(c)
	if err != nil {
		return nil, err
	}
	if late, since := s.Late(now); !late.IsZero() {
		c.Late, c.LateSince = late.String(), timestamppb.New(since)
	}
	return c, nil
}

func find(v edge.View, id string) (*walletv1.Contract, error) {
	if id == "" {
		return nil, book.Invalid("the contract is missing")
	}
	x, err := ledger.ParseID(id)
	if err != nil {
		return nil, err
	}
	c := &walletv1.Contract{}
	return c, contracts.Find(v, x.String(), c)
}

// keep tells of a step and keeps the contract.
func keep(tx edge.Tx, c *walletv1.Contract, step string, sum string) error {
	book.Emit(tx, EventContract, "contract:"+c.Id, edge.Personal, map[string]any{"contract": c.Id, "kind": c.Kind.String(), "step": step, "state": c.State.String(), "asset": c.Asset, "amount": sum, "left": c.Left})
	return contracts.Save(tx, c.Id, c)
}

func wrongState(c *walletv1.Contract) error {
	return edge.E(edge.Conflict, "this cannot be done with the contract as it is").WithHint("look at how far it is").
		WithCode(CodeState, edge.Fact{Name: "contract", Value: c.Id}, edge.Fact{Name: "state", Value: c.State.String()})
}

// side fails with NotFound where an account is not the side of a contract it is taken for: to others there is no such
// contract.
func side(v edge.View, m book.Money, named, is string) error {
	if named == is {
		return nil
	}
	if named != "" {
		a, err := m.Find(v, named)
		if err == nil && a.ID.String() == is {
			return nil
		}
	}
	return edge.E(edge.NotFound, "the account is no side of such a contract").WithHint("check the contract and the account").WithCode(CodeParty)
}

// An offer is what both kinds have in common.
type offer struct {
	kind             walletv1.ContractKind
	creditor, debtor string
	fund             string
	instalments      uint32
	first            *timestamppb.Timestamp
}

// parties finds both sides. Who lends or sells is a member, or the house out of a fund; who owes is a member.
func (d *Deals) parties(v edge.View, o offer) (*walletv1.Contract, error) {
	debtor, err := d.money.Find(v, o.debtor)
	if err != nil {
		return nil, err
	}
	c := &walletv1.Contract{Kind: o.kind, State: walletv1.ContractState_CONTRACT_OFFERED, Debtor: debtor.ID.String(), Asset: debtor.Asset, GivenForDelay: "0"}
	if !book.IsMember(debtor) || debtor.Fund != book.Amanah {
		return nil, book.Invalid("who borrows or buys needs an account of a member")
	}
	if o.creditor == "" {
		c.Fund = o.fund
		_, err := d.led.ShowFund(v, c.Fund)
		return c, err
	}
	creditor, err := d.money.Find(v, o.creditor)
	if err != nil {
		return nil, err
	}
	if !book.IsMember(creditor) || creditor.Fund != book.Amanah || o.fund != "" && o.fund != creditor.Fund {
		return nil, book.Invalid("who lends or sells needs an account of a member").WithHint("leave the account out where the house does, and the fund where a member does")
	}
	if creditor.Asset != debtor.Asset {
		return nil, edge.E(edge.Refused, "the two accounts are of different currencies").WithCode(ledger.CodeCurrency)
	}
	if creditor.ID == debtor.ID || creditor.Owner == debtor.Owner {
		return nil, book.Invalid("nobody owes themselves")
	}
	c.Creditor = creditor.ID.String()
	return c, nil
}

func terms(o offer) (contract.Terms, error) {
	if !o.first.IsValid() || o.first == nil {
		return contract.Terms{}, book.Invalid("the day of the first instalment is missing")
	}
	return contract.Terms{Count: int(o.instalments), First: o.first.AsTime()}, nil
}

// offered keeps a new contract, listed under both sides.
func (d *Deals) offered(tx edge.Tx, a book.Ask, c *walletv1.Contract, s *contract.Schedule) (*walletv1.Contract, error) {
	if found, err := contracts.Load(tx, a.Text, &walletv1.Contract{}); err != nil {
		return nil, err
	} else if found {
		return nil, edge.E(edge.Conflict, "this identifier was used for another contract").WithCode(ledger.CodeConflict)
	}
	c.Id, c.Offered = a.Text, timestamppb.New(tx.Now())
	write(c, s)
	a.Done(tx)
	for _, account := range []string{c.Creditor, c.Debtor} {
		if account == "" {
			continue
		}
		who, err := d.money.Find(tx, account)
		if err != nil {
			return nil, err
		}
		if book.CheckPerson(who.Owner) == nil {
			contracts.Under(tx, who.Owner, c.Id)
		}
	}
	if err := keep(tx, c, "offered", c.Cost); err != nil {
		return nil, err
	}
	return show(c, tx.Now())
}

func parse(text string) (amount.Amount, error) {
	if text == "" {
		return amount.Amount{}, nil
	}
	return amount.Parse(text)
}

func (d *Deals) openQard(tx edge.Tx, in *walletv1.OpenQardRequest) (*walletv1.Contract, error) {
	a, again, err := book.Begin(tx, "qard", in.GetId(), in)
	if err != nil {
		return nil, err
	}
	if again {
		return d.found(tx, a.Text)
	}
	o := offer{walletv1.ContractKind_QARD, in.GetCreditor(), in.GetDebtor(), in.GetFund(), in.GetInstalments(), in.GetFirst()}
	if o.creditor == "" && o.fund == "" {
		o.fund = "qard_pool"
	}
	if o.creditor == "" && o.fund != "qard_pool" {
		return nil, book.Invalid("the house lends out of qard_pool, which was given for it")
	}
	c, err := d.parties(tx, o)
	if err != nil {
		return nil, err
	}
	var sums [3]amount.Amount
	for i, text := range []string{in.GetPrincipal(), in.GetFee(), in.GetActualCost()} {
		if sums[i], err = parse(text); err != nil {
			return nil, err
		}
	}
	c.Document = in.GetDocument()
	if err := d.permitsFee(tx, a.ID, c, sums[1], sums[2]); err != nil {
		return nil, err
	}
	t, err := terms(o)
	if err != nil {
		return nil, err
	}
	s, err := contract.NewQard(sums[0], sums[1], sums[2], t)
	if err != nil {
		return nil, err
	}
	if err := d.permits(tx, a.ID, c, s); err != nil {
		return nil, err
	}
	return d.offered(tx, a, c, s)
}

func (d *Deals) openMurabaha(tx edge.Tx, in *walletv1.OpenMurabahaRequest) (*walletv1.Contract, error) {
	a, again, err := book.Begin(tx, "murabaha", in.GetId(), in)
	if err != nil {
		return nil, err
	}
	if again {
		return d.found(tx, a.Text)
	}
	o := offer{walletv1.ContractKind_MURABAHA, in.GetCreditor(), in.GetDebtor(), in.GetFund(), in.GetInstalments(), in.GetFirst()}
	if o.creditor == "" && o.fund == "" {
		o.fund = "general"
	}
	if o.creditor == "" && o.fund != "general" {
		return nil, book.Invalid("the house sells out of the general fund: other money was given for something else")
	}
	c, err := d.parties(tx, o)
	if err != nil {
		return nil, err
	}
	cost, err := book.ParseAmount(in.GetCost())
	if err != nil {
		return nil, err
	}
	markup, err := parse(in.GetMarkup())
	if err != nil {
		return nil, err
	}
	t, err := terms(o)
	if err != nil {
		return nil, err
	}
	s, err := contract.NewMurabaha(cost, markup, t)
	if err != nil {
		return nil, err
	}
	c.Description, c.Document, c.OwnedSince = in.GetDescription(), in.GetDocument(), in.GetOwnedSince()
	if err := d.permits(tx, a.ID, c, s); err != nil {
		return nil, err
	}
	return d.offered(tx, a, c, s)
}

// permits asks the rules about a contract as it is: when it is offered, and again when it is accepted.
func (d *Deals) permits(tx edge.Tx, id edge.ID, c *walletv1.Contract, s *contract.Schedule) error {
	own := shariah.Fund{Kind: shariah.Amanah}
	f := &shariah.Facts{From: own, To: own, Chain: true, AssetOut: c.Asset, AmountOut: s.Cost, ScheduleSum: s.Owed(), Document: c.Document != ""}
	if c.Kind == walletv1.ContractKind_QARD {
		f.Purpose, f.Principal = shariah.QardDisbursement, s.Cost
		if err := book.Permit(tx, d.rules, id, f); err != nil {
			return err
		}
		return d.permitsFee(tx, id, c, s.Fee, s.ActualCost)
	}
	f.Purpose, f.Cost, f.Markup, f.Price, f.AmountOut = shariah.MurabahaSale, s.Cost, s.Markup, s.Owed(), s.Owed()
	f.Offer = shariah.HasPrice | shariah.HasCurrency | shariah.HasQuantity | shariah.HasDelivery
	if c.Description != "" {
		f.Offer |= shariah.HasDescription
	}
	f.Owned = len(c.Document) == 64 && c.OwnedSince.IsValid() && c.OwnedSince != nil && c.OwnedSince.AsTime().Before(tx.Now())
	return book.Permit(tx, d.rules, id, f)
}

// permitsFee asks the rules about the fee of a loan, whose cost only a document proves (RIBA-4).
func (d *Deals) permitsFee(tx edge.Tx, id edge.ID, c *walletv1.Contract, fee, cost amount.Amount) error {
	if fee.IsZero() {
		return nil
	}
	own := shariah.Fund{Kind: shariah.Amanah}
	f := &shariah.Facts{Purpose: shariah.QardFee, From: own, To: own, Chain: true, AssetOut: c.Asset, AmountOut: fee, FeeFlat: true}
	if f.Document = len(c.Document) == 64; f.Document {
		f.ActualCost = cost
	}
	return book.Permit(tx, d.rules, id, f)
}

func (d *Deals) found(tx edge.Tx, id string) (*walletv1.Contract, error) {
	c, err := find(tx, id)
	if err != nil {
		return nil, err
	}
	return show(c, tx.Now())
}

func (d *Deals) getContract(v edge.View, in *walletv1.GetContractRequest) (*walletv1.Contract, error) {
	c, err := find(v, in.GetContract())
	if err != nil {
		return nil, err
	}
	if in.GetAccount() != "" {
		if side(v, d.money, in.GetAccount(), c.Debtor) != nil {
			if err := side(v, d.money, in.GetAccount(), c.Creditor); err != nil {
				return nil, err
			}
		}
	}
	return show(c, time.Now())
}

func listContracts(v edge.View, in *walletv1.ListContractsRequest) (out *walletv1.ListContractsResponse, err error) {
	if in.GetPerson() != "" {
		if err := book.CheckPerson(in.GetPerson()); err != nil {
			return nil, err
		}
	}
	out = &walletv1.ListContractsResponse{}
	now := time.Now()
	out.NextPageToken, err = book.List(v, contracts, book.Page{Under: in.GetPerson(), Of: in.GetState().String(), After: in.GetPageToken(), Size: in.GetPageSize()},
		func() *walletv1.Contract { return &walletv1.Contract{} }, func(c *walletv1.Contract) (bool, error) {
			if in.GetState() != 0 && in.GetState() != c.State {
				return false, nil
			}
			c, err := show(c, now)
			out.Contracts = append(out.Contracts, c)
			return true, err
		})
	return out, err
}
