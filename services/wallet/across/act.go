package across

import (
	"maps"
	"slices"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// An act is one command: the ledger's batch, and what it touched.
type act struct {
	edge.Redacted

	x       *Across
	tx      edge.Tx
	me      selfRow
	rec     recoverRow
	waiting bool // this site was restored and waits for what the hub has
	b       *ledger.Batch
	stands  map[edge.ID]Stand // accounts of clearing that were touched
}

// begin starts a command that makes something new: not while the site waits for what it has forgotten.
func (x *Across) begin(tx edge.Tx) (*act, error) {
	a, err := x.start(tx)
	if err == nil && a.waiting {
		return nil, edge.E(edge.Unavailable, "this site was restored, and waits for what its hub knows of money between sites").
			WithHint("bring the link to the hub back; what is here goes on as ever").WithCode(CodeRecovering)
	}
	return a, err
}

func (x *Across) start(tx edge.Tx) (*act, error) {
	me, found, err := load[selfRow](tx, key(rowSelf))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, edge.E(edge.Unavailable, "this site does not know any other yet").WithHint("let it join a hub").WithCode(CodeAlone)
	}
	a := &act{x: x, tx: tx, me: me, stands: map[edge.ID]Stand{}}
	if a.rec, a.waiting, err = load[recoverRow](tx, key(rowRecover)); err != nil {
		return nil, err
	}
	a.b, err = x.led.Begin(tx)
	return a, err
}

// end writes what the ledger did, and tells what accounts of clearing stand at.
func (a *act) end() error {
	if err := a.b.Finish(); err != nil {
		return err
	}
	var list []Stand
	for _, id := range slices.SortedFunc(maps.Keys(a.stands), func(x, y edge.ID) int { return slices.Compare(x[:], y[:]) }) {
		s := a.stands[id]
		info, err := a.x.led.Find(a.tx, id)
		if err != nil {
			return err
		}
		s.Posted = info.Posted.String()
		list = append(list, s)
	}
	if len(list) == 0 {
		return nil
	}
	return a.emit(EventStands, "clearing", Stands{list})
}

// refuse ends a command that is refused for good.
func (a *act) refuse(refusal *edge.Error) error {
	if err := a.end(); err != nil {
		return err
	}
	return &edge.Kept{Err: refusal}
}

// other checks the name of another site.
func (a *act) other(site string) error {
	switch {
	case !isSite(site):
		return invalid("a site is named with small letters, digits and hyphens")
	case site == a.me.Site:
		return invalid("this is that site itself").WithHint("use a transfer")
	}
	return nil
}

// clearing is the account of what this site owes a peer, and is owed, in one currency and fund.
func (a *act) clearing(peer string, m money) (edge.ID, error) {
	id := ledger.Named("clearing", peer, m.Asset, m.Fund)
	k := key(rowClearing, []byte(peer), []byte{'/'}, []byte(m.Asset), []byte{'/'}, []byte(m.Fund))
	if _, err := a.tx.Get(k); edge.IsKind(err, edge.NotFound) {
		if err := a.x.led.OpenOwn(a.tx, id, walletv1.AccountKind_CLEARING, m.Asset, m.Fund, peer); err != nil {
			return id, err
		}
		a.tx.Set(k, id[:])
	} else if err != nil {
		return id, err
	}
	a.stands[id] = Stand{Peer: peer, Asset: m.Asset, Fund: m.Fund, Account: id.String()}
	return id, nil
}

// escrow is the account of what is set aside for a site.
func (a *act) escrow(site string, m money) (edge.ID, error) {
	id := ledger.Named("escrow", site, m.Asset, m.Fund)
	return id, a.x.led.OpenOwn(a.tx, id, walletv1.AccountKind_ESCROW, m.Asset, m.Fund, site)
}

// clear moves money between an account of clearing or escrow and another.
func (a *act) clear(id, debit, credit edge.ID, sum amount.Amount, how ledger.Move) (*edge.Error, error) {
	how.ID, how.Kind, how.Postings = id, ledger.Clear, []ledger.Posting{{Debit: debit, Credit: credit, Amount: sum}}
	return a.b.Do(how)
}

// settled is how a move is made that has happened elsewhere already.
func settled() ledger.Move { return ledger.Move{Settled: true, Judged: true} }

// account finds an account a person names here, of which money can go to another site.
func (a *act) account(text string) (edge.ID, ledger.AccountInfo, error) {
	if text == "" {
		return edge.ID{}, ledger.AccountInfo{}, invalid("an account is missing")
	}
	id, err := ledger.ParseID(text)
	if err != nil {
		return id, ledger.AccountInfo{}, err
	}
	info, err := a.x.led.Find(a.tx, id)
	return id, info, err
}

// payable refuses to credit accounts that are the ledger's own.
func payable(info ledger.AccountInfo) *edge.Error {
	switch walletv1.AccountKind(info.Kind) {
	case walletv1.AccountKind_CLEARING, walletv1.AccountKind_ESCROW, walletv1.AccountKind_TRANSIT:
		return edge.E(edge.Refused, "the account is the ledger's own").WithHint("name the account of a person or a fund").WithCode(ledger.CodeRestricted)
	}
	return nil
}

// fits refuses an account of another currency or fund.
func fits(info ledger.AccountInfo, m money) *edge.Error {
	switch {
	case info.Asset != m.Asset:
		return edge.E(edge.Refused, "the account is of another currency").WithHint("name one of the currency that is sent").
			WithCode(ledger.CodeCurrency, fact("asset", m.Asset), fact("account", info.Asset))
	case info.Fund != m.Fund:
		return edge.E(edge.Refused, "money never changes its fund on its way").WithHint("name an account of the same fund").
			WithCode(ledger.CodeRestricted, fact("rule", "FUND-1"), fact("fund", m.Fund), fact("account", info.Fund))
	}
	return nil
}

// refusalOf is a lookup's error where it is the answer to what was asked, and not a fault.
func refusalOf(err error) (*edge.Error, error) {
	if e, ok := err.(*edge.Error); ok && (e.Kind == edge.NotFound || e.Kind == edge.Invalid) {
		return e, nil
	}
	return nil, err
}

// creditable looks whether an account here can take money of another site in.
func (a *act) creditable(id edge.ID, m money) (*edge.Error, error) {
	info, err := a.x.led.Find(a.tx, id)
	if err != nil {
		return refusalOf(err)
	}
	if e := payable(info); e != nil {
		return e, nil
	}
	return fits(info, m), nil
}
