package deals

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/shariah"
	"github.com/aielon/edge/services/wallet/shariah/contract"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// accept makes an offer a contract. A loan is paid out and its fee taken, together or not at all; what is sold changes
// hands outside of the books, and its price is owed.
func (d *Deals) accept(tx edge.Tx, in *walletv1.AcceptContractRequest) (*walletv1.Contract, error) {
	a, again, err := book.Begin(tx, "accept", in.GetId(), in)
	if err != nil {
		return nil, err
	}
	c, err := find(tx, in.GetContract())
	if err != nil {
		return nil, err
	}
	if again {
		return show(c, tx.Now())
	}
	if err := side(tx, d.money, in.GetDebtor(), c.Debtor); err != nil {
		return nil, err
	}
	if c.State != walletv1.ContractState_CONTRACT_OFFERED {
		return nil, wrongState(c)
	}
	s, err := scheduleOf(c)
	if err != nil {
		return nil, err
	}
	if err := d.permits(tx, a.ID, c, s); err != nil {
		return nil, err
	}
	moves, err := d.begin(tx, a.ID, c, s)
	if err != nil {
		return nil, err
	}
	if len(moves) > 0 {
		if err := d.money.Move(tx, moves...); err != nil {
			return nil, err
		}
	}
	a.Done(tx)
	c.State, c.Accepted = walletv1.ContractState_CONTRACT_RUNNING, timestamppb.New(tx.Now())
	if err := keep(tx, c, "accepted", c.Cost); err != nil {
		return nil, err
	}
	if err := d.owed(tx, c); err != nil {
		return nil, err
	}
	return show(c, tx.Now())
}

// begin is what moves when a contract begins.
func (d *Deals) begin(tx edge.Tx, id edge.ID, c *walletv1.Contract, s *contract.Schedule) (moves []ledger.Move, err error) {
	debtor, err := d.money.Find(tx, c.Debtor)
	if err != nil {
		return nil, err
	}
	if c.Kind == walletv1.ContractKind_MURABAHA {
		if c.Creditor != "" {
			return nil, nil // between members the price is owed, and nothing of it is in the books yet
		}
		return d.sell(tx, id, c, s)
	}
	from, err := d.creditor(tx, c, walletv1.AccountKind_RECEIVABLE)
	if err != nil {
		return nil, err
	}
	if c.Creditor == "" {
		if err := d.money.Within(tx, c.Asset, c.Fund, s.Cost); err != nil {
			return nil, err
		}
	}
	path, err := d.money.Path(tx, from, debtor, s.Cost)
	if err != nil {
		return nil, err
	}
	moves = append(moves, ledger.Move{ID: id, Kind: ledger.Deal, Postings: path, Purpose: "qard_disbursement", Reference: c.Id, Judged: true})
	if s.Fee.IsZero() {
		return moves, nil
	}
	to, err := d.creditor(tx, c, walletv1.AccountKind_INCOME)
	if err != nil {
		return nil, err
	}
	if path, err = d.money.Path(tx, debtor, to, s.Fee); err != nil {
		return nil, err
	}
	return append(moves, ledger.Move{ID: ledger.Named("qard-fee", id.String()), Kind: ledger.Deal, Postings: path, Purpose: "qard_fee", Reference: c.Id, Judged: true}), nil
}

// sell books what the house is owed: the cost comes back to expenses, where it was when the thing was bought, and the
// markup is income.
func (d *Deals) sell(tx edge.Tx, id edge.ID, c *walletv1.Contract, s *contract.Schedule) ([]ledger.Move, error) {
	owed, err := d.money.House(tx, walletv1.AccountKind_RECEIVABLE, c.Asset, c.Fund)
	if err != nil {
		return nil, err
	}
	cost, err := d.money.House(tx, walletv1.AccountKind_EXPENSE, c.Asset, c.Fund)
	if err != nil {
		return nil, err
	}
	legs := []ledger.Posting{{Debit: owed.ID, Credit: cost.ID, Amount: s.Cost}}
	if !s.Markup.IsZero() {
		gain, err := d.money.House(tx, walletv1.AccountKind_INCOME, c.Asset, c.Fund)
		if err != nil {
			return nil, err
		}
		legs = append(legs, ledger.Posting{Debit: owed.ID, Credit: gain.ID, Amount: s.Markup})
	}
	return []ledger.Move{{ID: id, Kind: ledger.Deal, Postings: legs, Purpose: "murabaha_sale", Reference: c.Id, Judged: true}}, nil
}

// creditor is the account of the one side: a member's, or that of a kind of the house.
func (d *Deals) creditor(tx edge.Tx, c *walletv1.Contract, k walletv1.AccountKind) (ledger.AccountInfo, error) {
	if c.Creditor != "" {
		return d.money.Find(tx, c.Creditor)
	}
	return d.money.House(tx, k, c.Asset, c.Fund)
}

// withdraw takes an offer back. One that was taken back stays so.
func (d *Deals) withdraw(tx edge.Tx, in *walletv1.WithdrawContractRequest) (*walletv1.Contract, error) {
	c, err := find(tx, in.GetContract())
	if err != nil {
		return nil, err
	}
	if err := side(tx, d.money, in.GetCreditor(), c.Creditor); err != nil {
		return nil, err
	}
	switch c.State {
	case walletv1.ContractState_CONTRACT_WITHDRAWN:
		return show(c, tx.Now())
	case walletv1.ContractState_CONTRACT_OFFERED:
		c.State = walletv1.ContractState_CONTRACT_WITHDRAWN
		if err := keep(tx, c, "withdrawn", c.Cost); err != nil {
			return nil, err
		}
		return show(c, tx.Now())
	}
	return nil, wrongState(c)
}

// A change is one step of a contract that runs.
type change struct {
	op, id, contract, amount string
	in                       proto.Message
	step                     string
	settle                   func(s *contract.Schedule, a amount.Amount) error                                   // what it does to what is owed
	moves                    func(c *walletv1.Contract, id edge.ID, a amount.Amount) ([]ledger.Move, error)      // what moves; none: nothing
	check                    func(id edge.ID, c *walletv1.Contract, s *contract.Schedule, a amount.Amount) error // may be nil; what it refuses may be Kept
}

// change carries out a step: once, never beyond what is owed, and the books and the contract together or neither.
func (d *Deals) change(tx edge.Tx, x change) (*walletv1.Contract, error) {
	a, again, err := book.Begin(tx, x.op, x.id, x.in)
	if err != nil {
		return nil, err
	}
	c, err := find(tx, x.contract)
	if err != nil {
		return nil, err
	}
	if again {
		return show(c, tx.Now())
	}
	sum, err := book.ParseAmount(x.amount)
	if err != nil {
		return nil, err
	}
	s, err := scheduleOf(c)
	if err != nil {
		return nil, err
	}
	if x.check != nil {
		if err := x.check(a.ID, c, s, sum); err != nil {
			return nil, err
		}
	}
	if c.State != walletv1.ContractState_CONTRACT_RUNNING {
		return nil, wrongState(c)
	}
	if err := x.settle(s, sum); err != nil {
		return nil, err
	}
	moves, err := x.moves(c, a.ID, sum)
	if err != nil {
		return nil, err
	}
	if len(moves) > 0 {
		if err := d.money.Move(tx, moves...); err != nil {
			return nil, err
		}
	}
	a.Done(tx)
	return d.stepped(tx, c, s, x.step, sum)
}

// stepped keeps a contract after a step. One of which nothing is left is settled.
func (d *Deals) stepped(tx edge.Tx, c *walletv1.Contract, s *contract.Schedule, step string, sum amount.Amount) (*walletv1.Contract, error) {
	if write(c, s); s.Done() {
		c.State = walletv1.ContractState_CONTRACT_SETTLED
		if err := d.owed(tx, c); err != nil {
			return nil, err
		}
	}
	if err := keep(tx, c, step, sum.String()); err != nil {
		return nil, err
	}
	return show(c, tx.Now())
}

// between is one move along the path from one account to another.
func (d *Deals) between(tx edge.Tx, id edge.ID, c *walletv1.Contract, from, to ledger.AccountInfo, a amount.Amount, purpose string) ([]ledger.Move, error) {
	path, err := d.money.Path(tx, from, to, a)
	if err != nil {
		return nil, err
	}
	return []ledger.Move{{ID: id, Kind: ledger.Deal, Postings: path, Purpose: purpose, Reference: c.Id, Judged: true}}, nil
}

func (d *Deals) pay(tx edge.Tx, in *walletv1.PayContractRequest) (*walletv1.Contract, error) {
	return d.change(tx, change{op: "pay-contract", id: in.GetId(), contract: in.GetContract(), amount: in.GetAmount(), in: in, step: "paid", settle: (*contract.Schedule).Pay,
		moves: func(c *walletv1.Contract, id edge.ID, a amount.Amount) ([]ledger.Move, error) {
			from, err := d.money.Find(tx, in.GetFrom())
			if err != nil {
				return nil, err
			}
			to, err := d.creditor(tx, c, walletv1.AccountKind_RECEIVABLE)
			if err != nil {
				return nil, err
			}
			if err := book.Own(from, to.Fund); err != nil {
				return nil, err
			}
			purpose := "qard_repayment"
			if c.Kind == walletv1.ContractKind_MURABAHA {
				purpose = "murabaha_instalment"
			}
			return d.between(tx, id, c, from, to, a, purpose)
		}})
}

func (d *Deals) forgive(tx edge.Tx, in *walletv1.ForgiveQardRequest) (*walletv1.Contract, error) {
	return d.change(tx, change{op: "forgive", id: in.GetId(), contract: in.GetContract(), amount: in.GetAmount(), in: in, step: "forgiven", settle: (*contract.Schedule).Forgive,
		check: d.isCreditor(tx, in.GetCreditor()), moves: d.letOff(tx, "qard_forgiveness")})
}

func (d *Deals) rebate(tx edge.Tx, in *walletv1.RebateMurabahaRequest) (*walletv1.Contract, error) {
	return d.change(tx, change{op: "rebate", id: in.GetId(), contract: in.GetContract(), amount: in.GetAmount(), in: in, step: "rebated",
		settle: func(s *contract.Schedule, a amount.Amount) error { return s.Rebate(a, in.GetPromised()) },
		check:  d.rebates(tx, in), moves: d.letOff(tx, "murabaha_rebate")})
}

func (d *Deals) isCreditor(tx edge.Tx, named string) func(edge.ID, *walletv1.Contract, *contract.Schedule, amount.Amount) error {
	return func(_ edge.ID, c *walletv1.Contract, _ *contract.Schedule, _ amount.Amount) error {
		return side(tx, d.money, named, c.Creditor)
	}
}

// rebates asks the rules about a rebate of the creditor: one that was promised is a part of the price (MURA-1).
func (d *Deals) rebates(tx edge.Tx, in *walletv1.RebateMurabahaRequest) func(edge.ID, *walletv1.Contract, *contract.Schedule, amount.Amount) error {
	return func(id edge.ID, c *walletv1.Contract, _ *contract.Schedule, a amount.Amount) error {
		if err := side(tx, d.money, in.GetCreditor(), c.Creditor); err != nil {
			return err
		}
		if c.Kind != walletv1.ContractKind_MURABAHA {
			return nil // settle says that a loan is forgiven
		}
		own := shariah.Fund{Kind: shariah.Amanah}
		return book.Permit(tx, d.rules, id, &shariah.Facts{Purpose: shariah.MurabahaRebate, From: own, To: own, Chain: true, AssetOut: c.Asset, AmountOut: a, Separate: !in.GetPromised()})
	}
}

// letOff books what the house does not ask for any more as spent. Between members it was never in the books.
func (d *Deals) letOff(tx edge.Tx, purpose string) func(*walletv1.Contract, edge.ID, amount.Amount) ([]ledger.Move, error) {
	return func(c *walletv1.Contract, id edge.ID, a amount.Amount) ([]ledger.Move, error) {
		if c.Creditor != "" {
			return nil, nil
		}
		spent, err := d.money.House(tx, walletv1.AccountKind_EXPENSE, c.Asset, c.Fund)
		if err != nil {
			return nil, err
		}
		owed, err := d.money.House(tx, walletv1.AccountKind_RECEIVABLE, c.Asset, c.Fund)
		if err != nil {
			return nil, err
		}
		return d.between(tx, id, c, spent, owed, a, purpose)
	}
}

// giveForDelay takes what a late debtor gives, to charity and to nobody else (RIBA-2). What is owed stays as it is.
func (d *Deals) giveForDelay(tx edge.Tx, in *walletv1.GiveForDelayRequest) (*walletv1.Contract, error) {
	return d.change(tx, change{op: "delay", id: in.GetId(), contract: in.GetContract(), amount: in.GetAmount(), in: in, step: "given_for_delay",
		settle: func(*contract.Schedule, amount.Amount) error { return nil },
		check: func(id edge.ID, c *walletv1.Contract, s *contract.Schedule, a amount.Amount) error {
			if late, _ := s.Late(tx.Now()); late.IsZero() || c.State != walletv1.ContractState_CONTRACT_RUNNING {
				return edge.E(edge.Refused, "nothing of this contract is late").WithHint("give to the fund charity as a gift").WithCode(CodeLate)
			}
			return book.Permit(tx, d.rules, id, &shariah.Facts{Purpose: shariah.LatePayment, From: shariah.Fund{Kind: shariah.Amanah}, To: shariah.Fund{Kind: shariah.Charity}, Chain: true, AssetOut: c.Asset, AmountOut: a})
		},
		moves: func(c *walletv1.Contract, id edge.ID, a amount.Amount) ([]ledger.Move, error) {
			from, err := d.money.Find(tx, in.GetFrom())
			if err != nil {
				return nil, err
			}
			if err := book.Own(from, "charity"); err != nil {
				return nil, err
			}
			to, err := d.money.House(tx, walletv1.AccountKind_INCOME, from.Asset, "charity")
			if err != nil {
				return nil, err
			}
			if from.Asset != c.Asset {
				return nil, edge.E(edge.Refused, "the account is of another currency than the contract").WithCode(ledger.CodeCurrency)
			}
			was, err := parse(c.GivenForDelay)
			if err != nil {
				return nil, edge.E(edge.Corrupt, "a contract cannot be read: %w", err)
			}
			now, ok := was.Add(a)
			if !ok {
				return nil, book.Invalid("the sum is larger than can be kept")
			}
			c.GivenForDelay = now.String()
			return d.between(tx, id, c, from, to, a, "late_payment")
		}})
}
