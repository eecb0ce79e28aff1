package bankfile

import (
	"encoding/xml"
	"io"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// A Header is what a camt.053 of an account of ours says beside its entries.
type Header struct {
	edge.Redacted
	MessageID string    // ours, up to 35 characters; unique for each file
	Created   time.Time // when it was computed
	Account   string    // IBAN, or a number of up to 34 characters
	Owner     string    // up to 140 characters; may be empty
	Currency  string
	Decimals  int // of the currency
	From, To  time.Time
	Opening   amount.Signed // before the first entry
	Closing   amount.Signed // after the last
}

// WriteCAMT writes one statement as camt.053.001.08, entry by entry. It fails with Invalid where a field does not fit
// the standard and with Corrupt where the entries do not lead from Opening to Closing; what is written then is of no use.
func WriteCAMT(w io.Writer, h Header, entries iter.Seq2[Entry, error]) error {
	if err := h.check(); err != nil {
		return err
	}
	x := newXML(w)
	x.open("Document xmlns=\"" + camt08 + "\"")
	x.open("BkToCstmrStmt")
	x.open("GrpHdr")
	x.leaf("MsgId", h.MessageID)
	x.leaf("CreDtTm", stamp(h.Created))
	x.close()
	x.open("Stmt")
	h.write(x)
	sum, n := h.Opening, 0
	for e, err := range entries {
		if err == nil {
			n, err = n+1, e.check(n)
		}
		if err != nil {
			return err
		}
		var ok bool
		if sum, ok = sum.Add(e.Amount); !ok {
			return e.wrong(n-1, "makes the balance larger than can be counted")
		}
		e.write(x, &h)
	}
	if sum != h.Closing {
		return edge.E(edge.Corrupt, "the account's entries do not lead from its opening to its closing balance").WithHint("run the check of the wallet")
	}
	return x.end()
}

func (h *Header) check() error {
	switch {
	case !code(h.MessageID, 35):
		return refuse("a message needs an id of 1 to 35 characters")
	case h.Account == "" || utf8.RuneCountInString(h.Account) > 34:
		return refuse("an account's number has 1 to 34 characters")
	case len(h.Currency) != 3 || strings.Trim(h.Currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "":
		return refuse("banks know only currencies of three capitals (ISO 4217)")
	}
	for _, s := range []amount.Signed{h.Opening, h.Closing} {
		if err := fits(s, h.Decimals); err != nil {
			return err
		}
	}
	return nil
}

// fits refuses what ISO 20022 cannot say: more than 18 digits, or more than 5 of them after the point.
func fits(s amount.Signed, decimals int) error {
	if len(s.Amount.String()) > 18 || decimals > 5 || decimals < 0 {
		return refuse("an amount has more than 18 digits or 5 decimals, which no bank's file can hold")
	}
	return nil
}

func (h *Header) write(x *writer) {
	x.leaf("Id", h.MessageID)
	x.leaf("CreDtTm", stamp(h.Created))
	x.open("FrToDt")
	x.leaf("FrDtTm", stamp(h.From))
	x.leaf("ToDtTm", stamp(h.To))
	x.close()
	x.open("Acct")
	x.account(h.Account)
	x.leaf("Ccy", h.Currency)
	if h.Owner != "" {
		x.open("Ownr")
		x.leaf("Nm", cut(h.Owner, 140))
		x.close()
	}
	x.close()
	h.balance(x, "OPBD", h.Opening, h.From)
	h.balance(x, "CLBD", h.Closing, h.To)
}

func (h *Header) balance(x *writer, kind string, s amount.Signed, at time.Time) {
	x.open("Bal")
	x.open("Tp")
	x.open("CdOrPrtry")
	x.leaf("Cd", kind)
	x.close()
	x.close()
	x.money(h, s)
	x.date("Dt", at)
	x.close()
}

func (e *Entry) check(i int) error {
	for _, ref := range []string{e.Reference, e.EndToEnd, e.Structured, e.Purpose} {
		if ref != "" && !code(ref, 35) {
			return e.wrong(i, "has a reference of more than 35 characters")
		}
	}
	return fits(e.Amount, 0)
}

func (e *Entry) write(x *writer, h *Header) {
	x.open("Ntry")
	x.money(h, e.Amount)
	x.open("Sts")
	x.leaf("Cd", "BOOK")
	x.close()
	x.date("BookgDt", e.Booked)
	x.date("ValDt", e.Value)
	x.leaf("AcctSvcrRef", e.Reference)
	x.open("BkTxCd")
	if e.Purpose != "" {
		x.open("Prtry")
		x.leaf("Cd", e.Purpose)
		x.close()
	}
	x.close()
	e.details(x)
	x.close()
}

func (e *Entry) details(x *writer) {
	if e.EndToEnd == "" && e.Counterparty == "" && e.Remittance == "" && e.Structured == "" && e.CounterIBAN == "" {
		return
	}
	x.open("NtryDtls")
	x.open("TxDtls")
	if e.EndToEnd != "" {
		x.open("Refs")
		x.leaf("EndToEndId", e.EndToEnd)
		x.close()
	}
	e.party(x)
	x.remittance(e.Remittance, e.Structured)
	x.close()
	x.close()
}

func (e *Entry) party(x *writer) {
	if e.Counterparty == "" && e.CounterIBAN == "" {
		return
	}
	side := "Dbtr"
	if e.Amount.Neg {
		side = "Cdtr"
	}
	x.open("RltdPties")
	if e.Counterparty != "" {
		x.open(side)
		x.open("Pty")
		x.leaf("Nm", cut(e.Counterparty, 140))
		x.close()
		x.close()
	}
	if e.CounterIBAN != "" {
		x.open(side + "Acct")
		x.account(e.CounterIBAN)
		x.close()
	}
	x.close()
}

// code reports whether s can stand where ISO 20022 wants Max35Text and the like.
func code(s string, longest int) bool {
	return s != "" && s == tidy(s) && utf8.ValidString(s) && utf8.RuneCountInString(s) <= longest
}

// cut is the first n characters of s.
func cut(s string, n int) string {
	if r := []rune(tidy(s)); len(r) > n {
		return strings.TrimSpace(string(r[:n]))
	}
	return tidy(s)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// A writer writes elements; the first failure stays.
type writer struct {
	w    io.Writer
	path []string
	err  error
}

func newXML(w io.Writer) *writer {
	x := &writer{w: w}
	x.raw(xml.Header)
	return x
}

func (x *writer) raw(s string) {
	if x.err == nil {
		_, x.err = io.WriteString(x.w, s)
	}
}

func (x *writer) open(tag string) {
	x.raw(strings.Repeat(" ", len(x.path)) + "<" + tag + ">\n")
	name, _, _ := strings.Cut(tag, " ")
	x.path = append(x.path, name)
}

func (x *writer) close() {
	last := len(x.path) - 1
	x.raw(strings.Repeat(" ", last) + "</" + x.path[last] + ">\n")
	x.path = x.path[:last]
}

// leaf writes an element with text, and none where there is no text.
func (x *writer) leaf(tag, text string) {
	if text == "" {
		return
	}
	x.raw(strings.Repeat(" ", len(x.path)) + "<" + tag + ">")
	if x.err == nil {
		x.err = xml.EscapeText(x.w, []byte(text))
	}
	name, _, _ := strings.Cut(tag, " ")
	x.raw("</" + name + ">\n")
}

func (x *writer) account(number string) {
	x.open("Id")
	if iban := Compact(number); ValidIBAN(iban) {
		x.leaf("IBAN", iban)
	} else {
		x.open("Othr")
		x.leaf("Id", cut(number, 34))
		x.close()
	}
	x.close()
}

func (x *writer) money(h *Header, s amount.Signed) {
	side := "CRDT"
	if s.Neg {
		side, s = "DBIT", s.Negated()
	}
	x.leaf("Amt Ccy=\""+h.Currency+"\"", s.Decimal(h.Decimals))
	x.leaf("CdtDbtInd", side)
}

// date writes the day, and the time too where it is not midnight UTC.
func (x *writer) date(tag string, t time.Time) {
	x.open(tag)
	if t = t.UTC(); t.Equal(t.Truncate(24 * time.Hour)) {
		x.leaf("Dt", t.Format(time.DateOnly))
	} else {
		x.leaf("DtTm", stamp(t))
	}
	x.close()
}

// remittance writes text in lines of at most 140 characters, and a creditor reference beside it.
func (x *writer) remittance(text, ref string) {
	text = tidy(text)
	if text == "" && ref == "" {
		return
	}
	x.open("RmtInf")
	for line := range slices.Chunk([]rune(text), 140) {
		x.leaf("Ustrd", string(line))
	}
	if ref != "" {
		x.open("Strd")
		x.open("CdtrRefInf")
		if strings.HasPrefix(ref, "RF") {
			x.open("Tp")
			x.open("CdOrPrtry")
			x.leaf("Cd", "SCOR")
			x.close()
			x.leaf("Issr", "ISO")
			x.close()
		}
		x.leaf("Ref", ref)
		x.close()
		x.close()
	}
	x.close()
}

func (x *writer) end() error {
	for len(x.path) > 0 {
		x.close()
	}
	if x.err != nil {
		return edge.E(edge.Unavailable, "the file could not be written: %w", x.err)
	}
	return nil
}
