package qr

import (
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// A Merchant is what a Code says of a payment. Names are what somebody wrote on a sticker: show them as such. It may
// name people and their phones, so it does not print.
type Merchant struct {
	edge.Redacted
	Dynamic    bool          // 01: made for one payment and not for many; false also where the code does not say
	Accounts   []Account     // 02 to 51: where the money may go, by id; one at least
	MCC        string        // 52: merchant category, ISO 18245, four digits
	Currency   Currency      // 53
	Amount     amount.Amount // 54: in minor units of Currency; 0: the payer says how much
	Tip        Tip           // 55 to 57
	Country    string        // 58: ISO 3166-1, two letters
	Name       string        // 59: at most 25 characters
	City       string        // 60: at most 15 characters
	Postal     string        // 61: at most 10 characters; optional
	Additional Additional    // 62
	Local      Local         // 64
	Others     []Object      // 65 to 99: what the specification keeps for later and what schemes added
}

// An Account is where money may go: a value of a card scheme (ids 02 to 25), or who knows the account and what they
// know it by (26 to 51).
type Account struct {
	edge.Redacted
	ID     string
	Value  string   // of 02 to 25
	GUID   string   // of 26 to 51: "ID.CO.QRIS.WWW", a domain turned around or an application id
	Fields []Object // of 26 to 51, without the GUID
}

// A TipKind says what is paid on top of the amount.
type TipKind uint8

// Kinds of tips and fees (MPM 4.5.4, object 55).
const (
	NoTip   TipKind = iota
	AskTip          // "01": the payer is asked
	Fee             // "02": Tip.Fee
	Percent         // "03": Tip.Percent of the amount
)

// A Tip is what is paid on top of the amount.
type Tip struct {
	Kind    TipKind
	Fee     amount.Amount // in minor units
	Percent uint16        // in hundredths of a percent, 1 to 9999
}

// Additional is the additional data (62). A value of "***" asks the payer for it. All are at most 25 characters but
// AskFor and Channel (3) and TaxID (20).
type Additional struct {
	edge.Redacted
	Bill, Mobile, Store, Loyalty, Reference, Customer, Terminal, Purpose string
	AskFor                                                               string   // any of A (address), M (mobile), E (email)
	TaxID                                                                string   // of the merchant
	Channel                                                              string   // how the code is shown
	Others                                                               []Object // 12 to 99
}

// Local is the merchant in another language (64).
type Local struct {
	Language string // ISO 639-1, two letters
	Name     string // at most 25 characters
	City     string // at most 15 characters; optional
	Others   []Object
}

// DecodeMerchant reads a text as Decode does, and what it says. It fails like Decode, and where an object that the
// specification asks for is missing or not of its form.
func DecodeMerchant(text string) (Merchant, error) {
	c, err := Decode(text)
	if err != nil {
		return Merchant{}, err
	}
	return c.Merchant()
}

// Encode writes m in canonical order: ids ascending, the checksum last. DecodeMerchant of it is m again. It fails with
// edge.Invalid, code invalid_request, where m breaks the specification.
func (m Merchant) Encode() (string, error) {
	c, err := m.Code()
	if err != nil {
		return "", err
	}
	return c.Encode()
}
