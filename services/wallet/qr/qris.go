package qr

import "strings"

// What marks the national account of a merchant in QRIS, the standard of Bank Indonesia (secondary sources: public
// implementations; the standard itself is given to members only).
const (
	QRISAccount = "51"
	QRISDomain  = "ID.CO.QRIS.WWW"
)

// QRIS is a merchant as Indonesia's national repository knows it.
type QRIS struct {
	NMID     string // national merchant id: "ID" and 13 digits
	Criteria string // size of the merchant: UMI, UKE, UME, UBE, or another group of three letters
}

// QRIS reads the national account; it is not ok where m has none. It fails with edge.Invalid, code invalid_request,
// where the account names no merchant.
func (m Merchant) QRIS() (q QRIS, ok bool, err error) {
	for _, a := range m.Accounts {
		if a.ID != QRISAccount || a.GUID != QRISDomain {
			continue
		}
		id, _ := find(a.Fields, "02")
		criteria, _ := find(a.Fields, "03")
		q = QRIS{id.Value, criteria.Value}
		return q, true, q.check()
	}
	return QRIS{}, false, nil
}

// Account is q as an account of a Merchant. It fails as Merchant.QRIS does.
func (q QRIS) Account() (Account, error) {
	a := Account{ID: QRISAccount, GUID: QRISDomain, Fields: []Object{{ID: "02", Value: q.NMID}, {ID: "03", Value: q.Criteria}}}
	return a, q.check()
}

func (q QRIS) check() error {
	number, ok := strings.CutPrefix(q.NMID, "ID")
	if !ok || len(number) != 13 || !digits(number) || len(q.Criteria) != 3 || !capitals(q.Criteria) {
		return invalid("the QRIS code does not name its merchant as Indonesia's register does").WithHint("a merchant is ID and 13 digits, and its size three letters such as UMI")
	}
	return nil
}
