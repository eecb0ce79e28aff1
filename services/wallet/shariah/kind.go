package shariah

import (
	"encoding/json"
	"slices"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/shariah/mcc"
)

// A verdict is what a checker says of one dealing.
type verdict uint8

const (
	pass   verdict = iota
	hit            // what the row's act says
	refuse         // Deny, whatever the act
	ask            // Review, whatever the act
)

// A checker is one way of looking at a dealing, with the parameters of one row of a set. Its exported fields are the
// parameters, in JSON by their tags.
type checker interface {
	valid() error           // says what is wrong with the parameters; puts lists into order
	when() trigger          // to which dealings it is shown; the others pass
	judge(f *Facts) verdict // without allocating
	used(f *Facts) []fact   // what it stood on, for explanations; after judge did not pass
	mayBe(a Act) bool       // whether a row with this check may have the act
	tells() []string        // names of the facts that used gives
	destination() FundKind  // where a Route goes; NoFund where it never says so
}

type fact = edge.Fact

// A trigger picks dealings: those with one of these purposes, funds on either side, or merchant codes.
type trigger struct {
	purposes []Purpose
	from     []FundKind
	codes    []mcc.Code
	unknown  bool // merchant codes that the public list lacks
	crossing bool // from one fund into another
	exchange bool // something of an asset comes back
}

// newChecker is the closed table of checkers: what a row of a set may name, and fresh parameters for it; nil for any other.
func newChecker(kind string) checker {
	switch kind {
	case "interest":
		return new(interest)
	case "late_amount":
		return new(lateAmount)
	case "collection_cost":
		return new(collectionCost)
	case "loan_fee":
		return new(loanFee)
	case "exchange_at_once":
		return new(exchangeAtOnce)
	case "exchange_equal":
		return new(exchangeEqual)
	case "complete_offer":
		return new(completeOffer)
	case "owned_before_sale":
		return new(ownedBeforeSale)
	case "cost_plus":
		return new(costPlus)
	case "gambling":
		return new(gambling)
	case "merchant":
		return new(merchant)
	case "share_ratio":
		return new(shareRatio)
	case "purify":
		return new(purify)
	case "fund_change":
		return new(fundChange)
	case "zakat_grant":
		return new(zakatGrant)
	case "zakat_upkeep":
		return new(zakatUpkeep)
	case "amil_share":
		return new(amilShare)
	case "fitr_time":
		return new(fitrTime)
	case "corpus":
		return new(corpus)
	case "deed":
		return new(deed)
	}
	return newWatch(kind)
}

// newWatch is newChecker for what the ledger asks on its own, not for each dealing.
func newWatch(kind string) checker {
	switch kind {
	case "backing":
		return new(backing)
	case "velocity":
		return new(velocityLimits)
	case "name_match":
		return new(nameMatch)
	case "structuring":
		return new(structuring)
	}
	return nil
}

// standard is embedded in checkers: those that deny or ask for a review and send nothing anywhere.
type standard struct{}

func (standard) mayBe(a Act) bool      { return a == Deny || a == Review || a == Info }
func (standard) destination() FundKind { return NoFund }

// watch is embedded in checkers of what the ledger asks on its own.
type watch struct{ standard }

func (watch) when() trigger        { return trigger{} }
func (watch) judge(*Facts) verdict { return pass }
func (watch) used(*Facts) []fact   { return nil }

// list puts a list of parameters into order. It fails where one is there twice, or where none is.
func list[S ~[]E, E interface {
	~uint8 | ~uint16 | ~string
}](what string, s S) error {
	if len(s) == 0 {
		return wrong("%s names nothing", what)
	}
	slices.Sort(s)
	if n := len(s); len(slices.Compact(slices.Clone(s))) != n {
		return wrong("%s names something twice", what)
	}
	return nil
}

// some is list for what may be empty.
func some[S ~[]E, E interface {
	~uint8 | ~uint16 | ~string
}](what string, s S) error {
	if len(s) == 0 {
		return nil
	}
	return list(what, s)
}

func wrong(format string, args ...any) error { return edge.E(edge.Invalid, format, args...) }

// A ratio is a share of a whole: {"num":30,"den":100}.
type ratio struct {
	Num uint64 `json:"num"`
	Den uint64 `json:"den"`
}

func (r ratio) valid() error {
	if r.Den == 0 || r.Num > r.Den || r.Den > 1_000_000 {
		return wrong("a share is written as num of den, at most the whole, in at most a million parts")
	}
	return nil
}

// of is the share of a, rounded down: exact for comparing whole numbers with it.
func (r ratio) of(a amount.Amount) amount.Amount {
	part, _ := a.MulDiv(r.Num, r.Den, amount.Down) // at most a, so it fits
	return part
}

func (r ratio) String() string { return amount.Of(r.Num).String() + "/" + amount.Of(r.Den).String() }

// sum is an amount among parameters: a decimal string.
type sum struct{ amount.Amount }

func (s sum) MarshalJSON() ([]byte, error) { return json.Marshal(s.Amount.String()) }

func (s *sum) UnmarshalJSON(data []byte) (err error) {
	var text string
	if err = json.Unmarshal(data, &text); err == nil {
		s.Amount, err = amount.Parse(text)
	}
	return err
}
