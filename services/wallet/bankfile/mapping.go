package bankfile

import (
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A Mapping says how a bank writes its CSV. It is data: a site keeps one for each bank. Columns are named as the file's
// header names them; an empty name is a column the bank does not have.
type Mapping struct {
	edge.Redacted
	Account    string `json:"account"`            // IBAN or number; CSV rarely names it
	Currency   string `json:"currency"`           // ISO 4217
	Delimiter  string `json:"delimiter"`          // one character: "," ";" "\t" "|"
	Encoding   string `json:"encoding,omitempty"` // "utf-8" (default, with or without BOM) or "windows-1252"
	Skip       int    `json:"skip,omitempty"`     // lines before the header, 0 to 100
	DateLayout string `json:"date_layout"`        // YYYY or YY, MM and DD with what stands between them: "DD.MM.YYYY"
	Decimal    string `json:"decimal"`            // "." or ","; the other one may separate groups of three digits

	Booked      string   `json:"booked"`                 // day of booking
	Value       string   `json:"value,omitempty"`        // day of value
	Amount      string   `json:"amount,omitempty"`       // one column, with a sign or with Side; or else In and Out
	Side        string   `json:"side,omitempty"`         // the column that says the direction of Amount
	SideOut     []string `json:"side_out,omitempty"`     // words in Side for money that left
	SideIn      []string `json:"side_in,omitempty"`      // words in Side for money that came
	In          string   `json:"in,omitempty"`           // column of money that came
	Out         string   `json:"out,omitempty"`          // column of money that left
	CurrencyCol string   `json:"currency_col,omitempty"` // must say Currency in each line
	Reference   string   `json:"reference,omitempty"`
	EndToEnd    string   `json:"end_to_end,omitempty"`
	Counterpart string   `json:"counterparty,omitempty"`
	CounterIBAN string   `json:"counter_iban,omitempty"`
	Remittance  []string `json:"remittance,omitempty"` // up to 8 columns, joined by a space
}

// Check refuses, with Invalid, a mapping that no file can fit.
func (m *Mapping) Check() error {
	one := m.Amount != "" && m.In == "" && m.Out == ""
	two := m.Amount == "" && m.In != "" && m.Out != "" && m.Side == ""
	switch {
	case len(m.Delimiter) != 1 || !strings.Contains(",;\t|", m.Delimiter):
		return refuse("the delimiter must be a comma, a semicolon, a tab or a bar")
	case m.Encoding != "" && m.Encoding != "utf-8" && m.Encoding != "windows-1252":
		return refuse("the encoding must be utf-8 or windows-1252")
	case m.Skip < 0 || m.Skip > 100:
		return refuse("0 to 100 lines may stand before the header")
	case m.Decimal != "." && m.Decimal != ",":
		return refuse("the decimal sign must be a point or a comma")
	case m.Booked == "" || !one && !two:
		return refuse("a mapping needs a column for the day, and either one for the amount or one each for money in and out")
	case (m.Side != "") != (len(m.SideOut) > 0 && len(m.SideIn) > 0):
		return refuse("a column that says the side needs the words for in and for out, and they need the column")
	case len(m.Remittance) > 8 || len(m.SideIn) > 16 || len(m.SideOut) > 16:
		return refuse("at most 8 columns of remittance and 16 words for a side")
	}
	_, err := layout(m.DateLayout)
	return err
}

// layout makes of "DD.MM.YYYY" what package time reads.
func layout(text string) (string, error) {
	year := "YYYY"
	if !strings.Contains(text, year) {
		year = "YY"
	}
	rest := text
	for _, part := range []string{year, "MM", "DD"} {
		if strings.Count(rest, part) != 1 {
			return "", refuse("the layout of dates must have YYYY or YY, MM and DD once each, as in DD.MM.YYYY")
		}
		rest = strings.Replace(rest, part, "", 1)
	}
	if len(rest) > 2 || strings.Trim(rest, "./- ") != "" {
		return "", refuse("between day, month and year only . / - or a space may stand")
	}
	return strings.NewReplacer("YYYY", "2006", "YY", "06", "MM", "01", "DD", "02").Replace(text), nil
}

// day reads one date; layouts with two digits for the year mean 1969 to 2068, as package time has it.
func day(text, layout string) (time.Time, bool) {
	t, err := time.Parse(layout, text)
	return t, err == nil
}
