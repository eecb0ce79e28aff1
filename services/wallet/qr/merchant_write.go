package qr

import (
	"cmp"
	"slices"

	"github.com/aielon/edge/services/wallet/amount"
)

// Code lays m out in canonical order. It fails as Encode does.
func (m Merchant) Code() (Code, error) {
	objects, err := give(m.fields())
	if err != nil {
		return nil, err
	}
	for _, part := range []func() ([]Object, error){m.method, m.money, m.tip, m.templates, m.accounts} {
		more, err := part()
		if err != nil {
			return nil, err
		}
		objects = append(objects, more...)
	}
	for _, o := range m.Others {
		if o.ID < "65" {
			return nil, invalid("field %.2q has a place of its own in a payment code", o.ID)
		}
	}
	objects = append(objects, m.Others...)
	sortObjects(objects)
	return objects, nil
}

func sortObjects(objects []Object) {
	slices.SortStableFunc(objects, func(a, b Object) int { return cmp.Compare(a.ID, b.ID) })
}

func sortAccounts(accounts []Account) {
	slices.SortStableFunc(accounts, func(a, b Account) int { return cmp.Compare(a.ID, b.ID) })
}

func (m Merchant) method() ([]Object, error) {
	value := "11"
	if m.Dynamic {
		value = "12"
	}
	return []Object{{ID: "01", Value: value}}, nil
}

func (m Merchant) money() ([]Object, error) {
	if known, ok := CurrencyOf(m.Currency.Number); !ok || known != m.Currency {
		return nil, invalid("the currency is none of ISO 4217").WithHint("take it from CurrencyOf")
	}
	objects := []Object{{ID: "53", Value: m.Currency.Number}}
	if m.Amount.IsZero() {
		return objects, nil
	}
	o, err := m.writeAmount("54", m.Amount)
	return append(objects, o), err
}

// writeAmount leaves out decimals that are all 0: schemes of currencies whose smallest unit nobody has seen for decades
// expect none.
func (m Merchant) writeAmount(id string, a amount.Amount) (Object, error) {
	unit := uint64(1)
	for range m.Currency.Scale {
		unit *= 10
	}
	text := amount.Signed{Amount: a}.Decimal(m.Currency.Scale)
	if whole, rem := a.QuoRem(unit); rem == 0 {
		text = whole.String()
	}
	if a.IsZero() || len(text) > maxAmount {
		return Object{}, invalid("an amount in a payment code is more than zero and has at most %d characters", maxAmount)
	}
	return Object{ID: id, Value: text}, nil
}

func (m Merchant) tip() ([]Object, error) {
	t := m.Tip
	blank := Tip{Kind: t.Kind}
	switch t.Kind {
	case NoTip, AskTip:
		if t != blank {
			break
		}
		if t.Kind == NoTip {
			return nil, nil
		}
		return []Object{{ID: "55", Value: "01"}}, nil
	case Fee:
		if t.Percent != 0 {
			break
		}
		fee, err := m.writeAmount("56", t.Fee)
		return []Object{{ID: "55", Value: "02"}, fee}, err
	case Percent:
		if !t.Fee.IsZero() || t.Percent == 0 || t.Percent > 9999 {
			break
		}
		value := amount.Signed{Amount: amount.Of(uint64(t.Percent))}.Decimal(2)
		return []Object{{ID: "55", Value: "03"}, {ID: "57", Value: value}}, nil
	}
	return nil, invalid("a tip is asked for, or a fee of some units, or a fee of 0.01 to 99.99 percent")
}

func (m Merchant) templates() (objects []Object, err error) {
	more, err := give(m.Additional.fields())
	if err != nil {
		return nil, err
	}
	if more = append(more, m.Additional.Others...); len(more) > 0 {
		objects = append(objects, Object{ID: "62", Parts: more})
	}
	if m.Local.Language == "" && m.Local.Name == "" && m.Local.City == "" && len(m.Local.Others) == 0 {
		return objects, nil
	}
	local, err := give(m.Local.fields())
	return append(objects, Object{ID: "64", Parts: append(local, m.Local.Others...)}), err
}

func (m Merchant) accounts() (objects []Object, err error) {
	if len(m.Accounts) == 0 {
		return nil, invalid("a payment code says where the money should go")
	}
	for _, a := range m.Accounts {
		if err := a.check(); err != nil {
			return nil, err
		}
		o := Object{ID: a.ID, Value: a.Value}
		if a.template() {
			o.Parts = append([]Object{{ID: "00", Value: a.GUID}}, a.Fields...)
		}
		objects = append(objects, o)
	}
	return objects, nil
}

func (a Account) template() bool { return a.ID >= "26" }

func (a Account) check() error {
	switch {
	case len(a.ID) != 2 || a.ID < "02" || a.ID > "51":
		return invalid("an account of a payment code has a number from 02 to 51")
	case a.template() && (a.GUID == "" || len(a.GUID) > 32 || a.Value != ""):
		return invalid("the account in field %s of the payment code does not say which scheme it belongs to", a.ID)
	case !a.template() && (a.Value == "" || a.GUID != "" || a.Fields != nil):
		return invalid("the account in field %s of a payment code is a value only", a.ID)
	}
	return nil
}
