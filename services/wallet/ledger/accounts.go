package ledger

import (
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// openAccount opens an account. The same identifier again, asked for alike, is the account as it is.
func (s *Ledger) openAccount(tx edge.Tx, in *walletv1.OpenAccountRequest) (*walletv1.Account, error) {
	if err := halted(tx); err != nil {
		return nil, err
	}
	id, err := parseID(in.GetId())
	if err != nil {
		return nil, err
	}
	a, what, err := s.describe(tx, id, in)
	if err != nil {
		return nil, err
	}
	if old, err := s.load(tx, id); err == nil {
		return s.sameAccount(tx, old, a, what)
	} else if !edge.IsKind(err, edge.NotFound) {
		return nil, err
	}
	if a.kind.ours() {
		return nil, invalid("accounts of this kind are opened by the ledger itself")
	}
	return s.create(tx, a, what)
}

// create writes a new account.
func (s *Ledger) create(tx edge.Tx, a *account, what about) (*walletv1.Account, error) {
	what.opened, what.version = tx.Now(), 1
	tx.Set(idKey(rowAccount, a.id), a.append(nil))
	tx.Set(idKey(rowAbout, a.id), what.append(nil))
	tx.Set(ownerKey(what.owner, a.id), []byte{})
	s.told(tx, a, "opened")
	return s.screened(tx, a, what)
}

// screened asks the rules about the name of a member's account, which may freeze it.
func (s *Ledger) screened(tx edge.Tx, a *account, what about) (*walletv1.Account, error) {
	if s.rules == nil || a.kind != member || what.name == "" {
		return a.message(what), nil
	}
	why, err := s.rules.Named(tx, a.info(what))
	if err != nil || why == "" {
		return a.message(what), err
	}
	return s.freezeAccount(tx, &walletv1.FreezeAccountRequest{Id: a.id.String(), Reason: why})
}

func (s *Ledger) told(tx edge.Tx, a *account, what string) {
	emit(tx, EventAccount, "account:"+a.id.String(), edge.Personal, map[string]string{"account": a.id.String(), "what": what,
		"kind": walletv1.AccountKind(a.kind).String(), "asset": a.of.asset, "fund": a.of.fund})
}

// describe reads what an account is to be.
func (s *Ledger) describe(v edge.View, id edge.ID, in *walletv1.OpenAccountRequest) (*account, about, error) {
	a := &account{id: id, kind: kind(in.GetKind()), state: open, of: universe{in.GetAsset(), in.GetFund()}}
	what := about{owner: in.GetOwner(), name: in.GetName()}
	if in.GetKind() <= 0 || int(in.GetKind()) >= int(kinds) {
		return nil, what, invalid("an account needs a kind").WithHint("member, cash, bank, income, expense, payable, receivable, exchange or equity")
	}
	if a.of.fund == "" {
		if a.of.fund = "general"; a.kind == member {
			a.of.fund = fundAmanah
		}
	}
	switch {
	case a.kind == member && what.owner == "":
		return nil, what, invalid("an account of a member needs its owner")
	case len(what.owner) > 64 || len(what.name) > 320:
		return nil, what, invalid("the owner or the name of the account is too long")
	}
	if _, err := findAsset(v, a.of.asset); err != nil {
		return nil, what, err
	}
	if _, err := findFund(v, a.of.fund); err != nil {
		return nil, what, err
	}
	if a.kind == member || a.kind == escrow {
		a.bounds = hasFloor
	}
	err := a.bound(in.Floor, in.Ceiling)
	return a, what, err
}

// bound sets the floor and the ceiling where they are given; empty is none.
func (a *account) bound(floor, ceiling *string) (err error) {
	for _, x := range []struct {
		text *string
		to   *amount.Signed
		flag uint8
	}{{floor, &a.floor, hasFloor}, {ceiling, &a.ceiling, hasCeiling}} {
		switch {
		case x.text == nil:
		case *x.text == "":
			*x.to, a.bounds = amount.Signed{}, a.bounds&^x.flag
		default:
			if *x.to, err = amount.ParseSigned(*x.text); err != nil {
				return err
			}
			a.bounds |= x.flag
		}
	}
	if a.bounds == hasFloor|hasCeiling && a.floor.Cmp(a.ceiling) > 0 {
		return invalid("the floor of an account cannot be above its ceiling")
	}
	return nil
}

// sameAccount answers a request for an account that is there.
func (s *Ledger) sameAccount(v edge.View, old, a *account, what about) (*walletv1.Account, error) {
	was, err := s.loadAbout(v, old.id)
	if err != nil {
		return nil, err
	}
	if old.kind != a.kind || old.of != a.of || was.owner != what.owner {
		return nil, clash(CodeExists, "there is an account of this identifier already, and it is another one", "choose another identifier", fact("account", a.id.String()))
	}
	return old.message(was), nil
}

// load finds an account. It fails with NotFound where there is none.
func (s *Ledger) load(v edge.View, id edge.ID) (*account, error) {
	row, found, err := get(v, idKey(rowAccount, id))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, noAccount(id.String())
	}
	a := &account{}
	return a, decodeAccount(id, row, s.name, a)
}

func (s *Ledger) loadAbout(v edge.View, id edge.ID) (what about, err error) {
	row, err := v.Get(idKey(rowAbout, id))
	if err != nil {
		return what, err
	}
	return decodeAbout(row)
}

// find reads an account that a request names, with what describes it.
func (s *Ledger) find(v edge.View, text string) (a *account, what about, err error) {
	id, err := parseAccount(text)
	if err != nil {
		return nil, what, err
	}
	if a, err = s.load(v, id); err != nil {
		return nil, what, err
	}
	what, err = s.loadAbout(v, id)
	return a, what, err
}

// Owner is the person an account belongs to; empty where it is the house's, or there is no such account.
func (s *Ledger) Owner(v edge.View, account string) (string, error) {
	id, err := parseAccount(account)
	if err != nil {
		return "", nil
	}
	what, err := s.loadAbout(v, id) // what moved on it is not asked for: every command with an account in it asks this
	if edge.IsKind(err, edge.NotFound) {
		return "", nil
	}
	return what.owner, err
}

func (s *Ledger) getAccount(v edge.View, in *walletv1.GetAccountRequest) (*walletv1.Account, error) {
	a, what, err := s.find(v, in.GetId())
	if err != nil {
		return nil, err
	}
	return a.message(what), nil
}

func (a *account) message(what about) *walletv1.Account {
	m := &walletv1.Account{Id: a.id.String(), Kind: walletv1.AccountKind(a.kind), Asset: a.of.asset, Fund: a.of.fund, Owner: what.owner, Name: what.name,
		State: walletv1.AccountState(a.state), Balance: a.balances.message(a.of.asset), Version: what.version, Entries: a.n, Opened: timestamppb.New(what.opened)}
	if a.bounds&hasFloor != 0 {
		m.Floor = a.floor.String()
	}
	if a.bounds&hasCeiling != 0 {
		m.Ceiling = a.ceiling.String()
	}
	if !what.closed.IsZero() {
		m.Closed = timestamppb.New(what.closed)
	}
	return m
}

func (b *balances) message(asset string) *walletv1.Balance {
	there, _ := b.available()
	return &walletv1.Balance{Posted: b.posted().String(), Pending: b.pending().String(), Available: there.String(), Asset: asset,
		DebitsPosted: b.debits.String(), CreditsPosted: b.credits.String(), DebitsPending: b.leaving.String(), CreditsPending: b.arriving.String()}
}

// edit changes an account and its description, and keeps both.
func (s *Ledger) edit(tx edge.Tx, id, said string, change func(a *account, what *about) error) (*walletv1.Account, error) {
	if err := halted(tx); err != nil {
		return nil, err
	}
	a, what, err := s.find(tx, id)
	if err != nil {
		return nil, err
	}
	switch {
	case a.state == closed:
		return nil, a.refusal()
	case a.kind.ours():
		return nil, refused(CodeRestricted, "the account is the ledger's own", "it opens and closes with what it is for")
	}
	if err := change(a, &what); err != nil {
		return nil, err
	}
	what.version++
	tx.Set(idKey(rowAccount, a.id), a.append(nil))
	tx.Set(idKey(rowAbout, a.id), what.append(nil))
	s.told(tx, a, said)
	return a.message(what), nil
}

func (s *Ledger) changeAccount(tx edge.Tx, in *walletv1.ChangeAccountRequest) (*walletv1.Account, error) {
	out, err := s.change(tx, in)
	if err != nil || in.Name == nil {
		return out, err
	}
	a, what, err := s.find(tx, in.GetId())
	if err != nil {
		return nil, err
	}
	return s.screened(tx, a, what)
}

func (s *Ledger) change(tx edge.Tx, in *walletv1.ChangeAccountRequest) (*walletv1.Account, error) {
	return s.edit(tx, in.GetId(), "changed", func(a *account, what *about) error {
		if v := in.GetIfVersion(); v != 0 && v != what.version {
			return clash(CodeExists, "the account was changed meanwhile", "look at it again, then change it", fact("version", formatUint(what.version)))
		}
		if in.Name != nil {
			what.name = in.GetName()
		}
		if err := a.bound(in.Floor, in.Ceiling); err != nil {
			return err
		}
		if e := a.sound(); e != nil {
			return refused(CodeFunds, "the account does not keep to these bounds as it is", "choose bounds it keeps to, or move money first", fact("account", a.id.String()))
		}
		return nil
	})
}

func (s *Ledger) freezeAccount(tx edge.Tx, in *walletv1.FreezeAccountRequest) (*walletv1.Account, error) {
	return s.edit(tx, in.GetId(), "frozen", func(a *account, what *about) error {
		a.state, what.reason = frozen, in.GetReason()
		return nil
	})
}

func (s *Ledger) unfreezeAccount(tx edge.Tx, in *walletv1.UnfreezeAccountRequest) (*walletv1.Account, error) {
	return s.edit(tx, in.GetId(), "unfrozen", func(a *account, what *about) error {
		a.state, what.reason = open, ""
		return nil
	})
}

func (s *Ledger) closeAccount(tx edge.Tx, in *walletv1.CloseAccountRequest) (*walletv1.Account, error) {
	return s.edit(tx, in.GetId(), "closed", func(a *account, what *about) error {
		if posted := a.posted(); !posted.IsZero() || !a.leaving.IsZero() || !a.arriving.IsZero() {
			return refused(CodeNotEmpty, "the account still holds money, or waits for some", "move what is there, and end its holds", fact("posted", posted.String()))
		}
		a.state, what.closed = closed, tx.Now()
		return nil
	})
}

// TransferOwner is the person whose account a transfer debits first; empty where it is the house's, or there is none.
func (s *Ledger) TransferOwner(v edge.View, id string) (string, error) {
	t, err := s.getTransfer(v, &walletv1.GetTransferRequest{Id: id})
	switch {
	case edge.IsKind(err, edge.NotFound) || edge.IsKind(err, edge.Invalid) || err == nil && len(t.Legs) == 0:
		return "", nil
	case err != nil:
		return "", err
	}
	return s.Owner(v, t.Legs[0].Debit)
}
