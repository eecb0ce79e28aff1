package alms

import (
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/hijri"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
	"github.com/aielon/edge/services/wallet/zakat"
)

const maxGrants = 100 // payments of one case

// grantZakat pays what was approved out of the fund zakat, as far as the rules about the eight groups let it.
func (a *Alms) grantZakat(tx edge.Tx, in *walletv1.GrantZakatRequest) (*walletv1.ZakatCase, error) {
	ask, again, err := book.Begin(tx, "grant", in.GetId(), in)
	if err != nil {
		return nil, err
	}
	c, err := findCase(tx, in.GetCase())
	if err != nil || again {
		return c, err
	}
	if err := another(tx, c.Person); err != nil {
		return nil, err
	}
	if c.State != walletv1.CaseState_CASE_APPROVED {
		return nil, wrongState(c)
	}
	sum, rest, err := unpaid(c, in.GetAmount())
	if err != nil {
		return nil, err
	}
	to, err := a.payee(tx, c, in.GetAccount())
	if err != nil {
		return nil, err
	}
	toAmilin, err := a.asnaf(tx, c, sum)
	if err != nil {
		return nil, err
	}
	if err := a.payOut(tx, ask.ID, c, to, sum); err != nil {
		return nil, err
	}
	if c.Category == string(zakat.Amil) {
		setAmil(tx, c.Asset, toAmilin)
	}
	c.Grants = append(c.Grants, &walletv1.ZakatGrant{Id: ask.Text, Amount: sum.String(), Account: to.ID.String(), By: tx.Actor().ID, Time: timestamppb.New(tx.Now())})
	was, _ := amount.Parse(c.Paid) // unpaid has read it
	now, _ := was.Add(sum)
	c.Paid = now.String()
	ask.Done(tx)
	if rest == sum {
		return c, step(tx, c, walletv1.CaseState_CASE_PAID)
	}
	tell(tx, c)
	return c, cases.Save(tx, c.Id, c)
}

// unpaid reads how much is to be paid, and how much may.
func unpaid(c *walletv1.ZakatCase, text string) (sum, rest amount.Amount, err error) {
	approved, err := amount.Parse(c.Approved)
	if err != nil {
		return sum, rest, edge.E(edge.Corrupt, "a case cannot be read: %w", err)
	}
	was, err := amount.Parse(c.Paid)
	if err != nil {
		return sum, rest, edge.E(edge.Corrupt, "a case cannot be read: %w", err)
	}
	rest, _ = approved.Sub(was)
	if sum = rest; text != "" {
		if sum, err = book.ParseAmount(text); err != nil {
			return sum, rest, err
		}
	}
	if rest.Less(sum) || len(c.Grants) == maxGrants-1 && sum != rest {
		return sum, rest, edge.E(edge.Refused, "this is more than was granted and not paid yet, or one payment too many").WithHint("pay the rest at once").
			WithCode(CodeGranted, edge.Fact{Name: "rest", Value: rest.String()})
	}
	return sum, rest, nil
}

// payee is where a grant goes: an account of the person, or a desk of the fund that hands it out.
func (a *Alms) payee(v edge.View, c *walletv1.ZakatCase, account string) (ledger.AccountInfo, error) {
	to, err := a.money.Find(v, account)
	if err != nil {
		return to, err
	}
	own := book.IsMember(to) && to.Owner == c.Person && to.Fund == book.Amanah
	desk := book.IsDesk(to) && to.Fund == fundZakat
	if !own && !desk {
		return to, edge.E(edge.Refused, "zakat goes to the person of the case").WithHint("use an account of theirs, or a desk of the fund zakat").
			WithCode(zakat.CodeAsnaf, edge.Fact{Name: "rule", Value: "ASNAF-1"}, edge.Fact{Name: "case", Value: c.Id})
	}
	if to.Asset != c.Asset {
		return to, edge.E(edge.Refused, "the account is of another currency than the case").WithHint("use an account of that currency").WithCode(ledger.CodeCurrency, edge.Fact{Name: "asset", Value: c.Asset})
	}
	return to, nil
}

// asnaf asks the rules about who may be given how much. It returns what workers will have had this Hijri year, where the
// case is of one.
func (a *Alms) asnaf(tx edge.Tx, c *walletv1.ZakatCase, sum amount.Amount) (toAmilin amount.Amount, err error) {
	s, err := findSet("")
	if err != nil {
		return toAmilin, err
	}
	g := zakat.Grant{Category: zakat.Category(c.Category), Beneficiary: c.Person, Amount: sum, Building: c.Building}
	var f zakat.Fund
	if g.Category == zakat.Amil {
		if f, err = a.year(tx, c.Asset); err != nil {
			return toAmilin, err
		}
	}
	if err := zakat.CanGrant(s, g, f); err != nil {
		return toAmilin, err
	}
	if err := a.money.Within(tx, c.Asset, fundZakat, sum); err != nil {
		return toAmilin, err
	}
	toAmilin, ok := f.ToAmilin.Add(sum)
	if !ok {
		return toAmilin, edge.E(edge.Refused, "the sum is larger than can be kept").WithCode(ledger.CodeOverflow)
	}
	return toAmilin, nil
}

// year is what the fund took in and gave to its workers in the Hijri year of now, in one currency.
func (a *Alms) year(tx edge.Tx, asset string) (f zakat.Fund, err error) {
	day, err := hijri.FromTime(tx.Now(), time.UTC)
	if err != nil {
		return f, err
	}
	begin, err := hijri.Date{Year: day.Year, Month: 1, Day: 1}.ToGregorian(time.UTC)
	if err != nil {
		return f, err
	}
	var in amount.Signed
	for x, err := range a.led.Flows(tx, asset, fundZakat, begin, tx.Now().Add(ledger.FlowStep)) {
		if err != nil {
			return f, err
		}
		in, _ = in.Add(x.Income)
	}
	if !in.Neg {
		f.Income = in.Amount
	}
	row, err := tx.Get(amilRow(day.Year, asset))
	if edge.IsKind(err, edge.NotFound) {
		return f, nil
	} else if err != nil {
		return f, err
	}
	if f.ToAmilin, err = amount.Parse(string(row)); err != nil {
		return f, edge.E(edge.Corrupt, "what workers of zakat got cannot be read: %w", err)
	}
	return f, nil
}

func amilRow(year int, asset string) []byte {
	return []byte("wami/" + strconv.Itoa(year) + "/" + asset)
}

// setAmil keeps what workers got in the Hijri year of now.
func setAmil(tx edge.Tx, asset string, a amount.Amount) {
	day, err := hijri.FromTime(tx.Now(), time.UTC)
	if err == nil { // year has read it
		tx.Set(amilRow(day.Year, asset), []byte(a.String()))
	}
}

// payOut moves a grant out of the fund.
func (a *Alms) payOut(tx edge.Tx, id edge.ID, c *walletv1.ZakatCase, to ledger.AccountInfo, sum amount.Amount) error {
	spent, err := a.money.House(tx, walletv1.AccountKind_EXPENSE, c.Asset, fundZakat)
	if err != nil {
		return err
	}
	path, err := a.money.Path(tx, spent, to, sum)
	if err != nil {
		return err
	}
	purpose := "zakat_grant"
	if c.Category == string(zakat.Amil) {
		purpose = "amil"
	}
	return a.money.Move(tx, ledger.Move{ID: id, Kind: ledger.Deal, Postings: path, Purpose: purpose, Reference: c.Id, Judged: true})
}
