package ledger

import (
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A kind is what an account stands for: a walletv1.AccountKind.
type kind uint8

const (
	member     = kind(walletv1.AccountKind_MEMBER)
	cash       = kind(walletv1.AccountKind_CASH)
	bank       = kind(walletv1.AccountKind_BANK)
	income     = kind(walletv1.AccountKind_INCOME)
	expense    = kind(walletv1.AccountKind_EXPENSE)
	payable    = kind(walletv1.AccountKind_PAYABLE)
	receivable = kind(walletv1.AccountKind_RECEIVABLE)
	clearing   = kind(walletv1.AccountKind_CLEARING)
	escrow     = kind(walletv1.AccountKind_ESCROW)
	transit    = kind(walletv1.AccountKind_TRANSIT)
	exchange   = kind(walletv1.AccountKind_EXCHANGE)
	equity     = kind(walletv1.AccountKind_EQUITY)
	kinds      = equity + 1
)

// ours reports whether accounts of the kind are the ledger's own.
func (k kind) ours() bool { return k == clearing || k == escrow || k == transit }

// A standing is whether money may move: a walletv1.AccountState.
type standing uint8

const (
	open   = standing(walletv1.AccountState_OPEN)
	frozen = standing(walletv1.AccountState_FROZEN)
	closed = standing(walletv1.AccountState_CLOSED)
)

// Balances are the four sums of an account. Credits less debits is what is owed to its owner.
type balances struct {
	debits, credits   amount.Amount // posted
	leaving, arriving amount.Amount // under holds: debits and credits that are pending
}

// posted is credits less debits.
func (b *balances) posted() amount.Signed { return amount.Diff(b.credits, b.debits) }

// available is what is posted less what is leaving. It is not ok where no number is large enough.
func (b *balances) available() (amount.Signed, bool) {
	return b.posted().Add(amount.Signed{Amount: b.leaving}.Negated())
}

// coming is what is posted and what is arriving.
func (b *balances) coming() (amount.Signed, bool) {
	return b.posted().Add(amount.Signed{Amount: b.arriving})
}

// pending is what will be posted once all holds are.
func (b *balances) pending() amount.Signed {
	s, _ := b.available()
	s, _ = s.Add(amount.Signed{Amount: b.arriving})
	return s
}

func (b *balances) append(dst []byte) []byte {
	for _, a := range [...]amount.Amount{b.debits, b.credits, b.leaving, b.arriving} {
		dst = appendAmount(dst, a)
	}
	return dst
}

func (r *reader) balances() balances {
	return balances{r.amount(), r.amount(), r.amount(), r.amount()}
}

// An account is the row that changes with every transfer on it. What describes the account lies in another.
type account struct {
	id      edge.ID
	kind    kind
	state   standing
	of      universe
	floor   amount.Signed // least available
	ceiling amount.Signed // most coming
	bounds  uint8         // which of the two count
	tier    uint8         // how well its owner is known: of the limits against laundering
	changing

	was    balances // as the batch found it
	before changing // as the item found it
	item   uint32
}

// changing is what moves with every transfer.
type changing struct {
	balances
	n     uint64 // entries
	last  ref    // of the newest
	moved bool   // it has to be written
}

const (
	hasFloor uint8 = 1 << iota
	hasCeiling
)

const accountVersion = 1

func (a *account) append(b []byte) []byte {
	b = append(b, accountVersion, byte(a.kind), byte(a.state), a.bounds, a.tier)
	b = appendText(appendText(b, a.of.asset), a.of.fund)
	if a.bounds&hasFloor != 0 {
		b = appendSigned(b, a.floor)
	}
	if a.bounds&hasCeiling != 0 {
		b = appendSigned(b, a.ceiling)
	}
	return appendRef(appendNumber(a.balances.append(b), a.n), a.last)
}

// decodeAccount reads the row of an account; names gives each currency and fund one string.
func decodeAccount(id edge.ID, row []byte, names func([]byte) string, a *account) error {
	r := reader{b: row}
	version := r.byte()
	*a = account{id: id, kind: kind(r.byte()), state: standing(r.byte()), bounds: r.byte(), tier: r.byte()}
	a.of = universe{names(r.bytes()), names(r.bytes())}
	if a.bounds&hasFloor != 0 {
		a.floor = r.signed()
	}
	if a.bounds&hasCeiling != 0 {
		a.ceiling = r.signed()
	}
	a.balances, a.n, a.last = r.balances(), r.uvarint(), r.ref()
	if version != accountVersion || a.kind == 0 || a.kind >= kinds || a.state < open || a.state > closed || a.bounds > hasFloor|hasCeiling {
		r.fail()
	}
	a.was = a.balances
	return r.done("an account")
}

// About describes an account. It is personal: whom an account belongs to, and what it is called.
type about struct {
	edge.Redacted

	owner, name    string
	opened, closed time.Time
	version        uint64
	reason         string // why it is frozen
}

func (a *about) append(b []byte) []byte {
	b = appendText(appendText(appendText(b, a.owner), a.name), a.reason)
	b = appendNumber(b, a.version)
	return appendTime(appendTime(b, a.opened), a.closed)
}

func decodeAbout(row []byte) (a about, err error) {
	r := reader{b: row}
	a.owner, a.name, a.reason = r.text(), r.text(), r.text()
	a.version, a.opened, a.closed = r.uvarint(), r.time(), r.time()
	return a, r.done("the description of an account")
}

// refusal says why nothing may move on the account, or nil.
func (a *account) refusal() *edge.Error {
	switch a.state {
	case frozen:
		return edge.E(edge.Refused, "an account is frozen").WithHint("ask whoever froze it; the account's page says why").WithCode(CodeFrozen, edge.Fact{Name: "account", Value: a.id.String()})
	case closed:
		return edge.E(edge.Refused, "an account is closed").WithHint("use another account").WithCode(CodeClosed, edge.Fact{Name: "account", Value: a.id.String()})
	}
	return nil
}
