package qr

import (
	"strings"

	"github.com/aielon/edge/services/wallet/amount"
)

// Merchant reads what c says. It fails with edge.Invalid, code invalid_request, where an object that the specification
// asks for is missing or not of its form.
func (c Code) Merchant() (m Merchant, err error) {
	rest, err := take(c, m.fields())
	if err != nil {
		return Merchant{}, err
	}
	for _, step := range []func([]Object) ([]Object, error){m.readMethod, m.readMoney, m.readTip, m.readTemplates, m.readAccounts} {
		if rest, err = step(rest); err != nil {
			return Merchant{}, err
		}
	}
	m.Others = rest
	return m, nil
}

func (m *Merchant) readMethod(rest []Object) ([]Object, error) {
	o, rest := cut(rest, "01")
	switch o.Value {
	case "", "11":
	case "12":
		m.Dynamic = true
	default:
		return nil, invalid("the payment code does not say whether it is for one payment or for many")
	}
	return rest, nil
}

func (m *Merchant) readMoney(rest []Object) ([]Object, error) {
	o, rest := cut(rest, "53")
	known := len(o.Value) == 3 && digits(o.Value)
	if known {
		m.Currency, known = CurrencyOf(o.Value)
	}
	if !known {
		return nil, invalid("the payment code has no currency that is known (field 53)").WithHint("a currency is three digits of ISO 4217, as 360 for the rupiah")
	}
	if o, rest = cut(rest, "54"); o.ID == "" {
		return rest, nil
	}
	var err error
	m.Amount, err = m.readAmount(o)
	return rest, err
}

// maxAmount is how many characters an amount or a fee has at most (MPM 4.5.4).
const maxAmount = 13

// unpointed takes the point off "98.", which MPM allows to stand for "98".
func unpointed(s string) string {
	if whole, part, _ := strings.Cut(s, "."); part == "" {
		return whole
	}
	return s
}

func (m *Merchant) readAmount(o Object) (amount.Amount, error) {
	if len(o.Value) > maxAmount || strings.Trim(o.Value, "0123456789.") != "" {
		return amount.Amount{}, invalid("the amount in the payment code (field %s) is not written as it should be", o.ID)
	}
	s, err := amount.ParseDecimal(unpointed(o.Value), m.Currency.Scale)
	if err != nil {
		return amount.Amount{}, invalid("the amount in the payment code (field %s) is none of its currency: %w", o.ID, err)
	}
	if s.IsZero() {
		return amount.Amount{}, invalid("the amount in the payment code (field %s) is zero", o.ID).WithHint("a code that leaves the amount to the payer has none")
	}
	return s.Amount, nil
}

func (m *Merchant) readTip(rest []Object) ([]Object, error) {
	kind, rest := cut(rest, "55")
	fee, rest := cut(rest, "56")
	percent, rest := cut(rest, "57")
	hasFee, hasPercent := fee.ID != "", percent.ID != ""
	var err error
	switch {
	case kind.ID == "" && !hasFee && !hasPercent:
	case kind.Value == "01" && !hasFee && !hasPercent:
		m.Tip.Kind = AskTip
	case kind.Value == "02" && hasFee && !hasPercent:
		m.Tip.Kind = Fee
		m.Tip.Fee, err = m.readAmount(fee)
	case kind.Value == "03" && hasPercent && !hasFee:
		m.Tip.Kind = Percent
		m.Tip.Percent, err = readPercent(percent.Value)
	default:
		err = invalid("what the payment code says of tips and fees (fields 55 to 57) does not fit together")
	}
	return rest, err
}

func readPercent(text string) (uint16, error) {
	s, err := amount.ParseDecimal(unpointed(text), 2)
	if err != nil || len(text) > 5 || s.Neg || s.IsZero() || amount.Of(9999).Less(s.Amount) {
		return 0, invalid("the fee in the payment code is a percentage from 0.01 to 99.99")
	}
	return uint16(s.Lo), nil
}

func (m *Merchant) readTemplates(rest []Object) ([]Object, error) {
	more, rest := cut(rest, "62")
	local, rest := cut(rest, "64")
	var err error
	if m.Additional.Others, err = take(more.Parts, m.Additional.fields()); err != nil {
		return nil, err
	}
	if local.ID != "" {
		m.Local.Others, err = take(local.Parts, m.Local.fields())
	}
	return rest, err
}

func (m *Merchant) readAccounts(objects []Object) (rest []Object, err error) {
	for _, o := range objects {
		switch {
		case o.ID < "02" || o.ID > "51":
			rest = append(rest, o)
			continue
		case o.ID < "26":
			m.Accounts = append(m.Accounts, Account{ID: o.ID, Value: o.Value})
			continue
		}
		guid, fields := cut(o.Parts, "00")
		a := Account{ID: o.ID, GUID: guid.Value, Fields: fields}
		if err := a.check(); err != nil {
			return nil, err
		}
		m.Accounts = append(m.Accounts, a)
	}
	if len(m.Accounts) == 0 {
		return nil, invalid("the payment code does not say where the money should go (fields 02 to 51)")
	}
	sortAccounts(m.Accounts)
	sortObjects(rest)
	return rest, nil
}
