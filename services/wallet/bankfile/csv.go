package bankfile

import (
	"bufio"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// ReadCSV reads the one statement of a CSV file as m describes it, in the file's order. CSV gives no balances, so there
// is nothing its sum could be checked against. It refuses, with Invalid and the line, whatever is not sound, and takes
// nothing of a file that is refused.
func ReadCSV(r io.Reader, m Mapping, scale Scale) (*Statement, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	decimals, known := scale(m.Currency)
	if !known {
		return nil, refuse("the currency of the mapping is not one of this site").WithHint("define the currency first, then import again")
	}
	t := &table{m: m, decimals: decimals}
	t.layout, _ = layout(m.DateLayout)
	if err := t.open(r); err != nil {
		return nil, err
	}
	s := &Statement{Currency: m.Currency}
	if s.IBAN = Compact(m.Account); !ValidIBAN(s.IBAN) {
		s.IBAN, s.Other = "", m.Account
	}
	for {
		row, err := t.rows.Read()
		if err == io.EOF {
			s.span()
			return s, nil
		}
		if err != nil {
			return nil, t.broken(err)
		}
		line, _ := t.rows.FieldPos(0)
		e, err := t.entry(row, line+m.Skip)
		if err != nil {
			return nil, err
		}
		if len(s.Entries) == MaxEntries {
			return nil, tooMany()
		}
		s.Entries = append(s.Entries, e)
	}
}

// A table is a CSV file while it is read.
type table struct {
	edge.Redacted
	m        Mapping
	decimals int
	layout   string
	rows     *csv.Reader
	col      map[string]int
}

// open skips what stands before the header and finds the columns in it.
func (t *table) open(r io.Reader) error {
	r = &bounded{r, MaxBytes}
	if t.m.Encoding == "windows-1252" {
		r = charmap.Windows1252.NewDecoder().Reader(r)
	}
	in := bufio.NewReader(r)
	if mark, _ := in.Peek(3); string(mark) == "\ufeff" {
		in.Discard(3)
	}
	for range t.m.Skip {
		if _, err := in.ReadString('\n'); err != nil {
			return t.broken(err)
		}
	}
	t.rows = csv.NewReader(in)
	t.rows.Comma, t.rows.ReuseRecord = rune(t.m.Delimiter[0]), true
	head, err := t.rows.Read()
	if err != nil {
		return t.broken(err)
	}
	t.col = make(map[string]int, len(head))
	for i, name := range head {
		name = tidy(name)
		if _, twice := t.col[name]; twice && name != "" {
			return refuse("line %d: two columns have the name %.60q", t.m.Skip+1, name).WithHint("give one of them another name")
		}
		t.col[name] = i
	}
	return t.columns()
}

// columns refuses a file that lacks one the mapping names.
func (t *table) columns() error {
	m := &t.m
	for _, name := range append([]string{m.Booked, m.Value, m.Amount, m.Side, m.In, m.Out, m.CurrencyCol, m.Reference, m.EndToEnd,
		m.Counterpart, m.CounterIBAN}, m.Remittance...) {
		if _, ok := t.col[name]; name != "" && !ok {
			return refuse("line %d: the header has no column %.60q", m.Skip+1, name).
				WithHint("check the delimiter, the lines before the header and the names in the mapping")
		}
	}
	return nil
}

// broken says in words what package csv found.
func (t *table) broken(err error) error {
	var own *edge.Error
	var at *csv.ParseError
	switch {
	case errors.As(err, &own):
		return own
	case err == io.EOF:
		return refuse("the file ends before its header").WithHint("check how many lines stand before the header")
	case errors.As(err, &at) && at.Err == csv.ErrFieldCount:
		return refuse("line %d: the line has more or fewer columns than the header", at.StartLine+t.m.Skip).WithHint("check the delimiter")
	case errors.As(err, &at):
		return refuse("line %d: quotation marks are not in pairs", at.StartLine+t.m.Skip).WithHint("save the file as CSV again")
	}
	return edge.E(edge.Unavailable, "the file could not be read to its end: %w", err)
}

func (t *table) entry(row []string, line int) (e Entry, err error) {
	for _, field := range row {
		if !utf8.ValidString(field) {
			return e, refuse("line %d: the text is not UTF-8", line).WithHint("choose windows-1252 in the mapping")
		}
		if len(field) > maxText {
			return e, refuse("line %d: a text is longer than %d bytes", line, maxText)
		}
	}
	get := func(name string) string {
		if name == "" {
			return ""
		}
		return tidy(row[t.col[name]])
	}
	if ccy := get(t.m.CurrencyCol); t.m.CurrencyCol != "" && ccy != t.m.Currency {
		return e, refuse("line %d: the line is not in the currency of the account", line).WithCode("currency_mismatch").
			WithHint("take each currency from the bank as a file of its own")
	}
	e.Line = line
	if e.Booked, err = t.date(get(t.m.Booked), line); err != nil {
		return e, err
	}
	e.Value = e.Booked
	if text := get(t.m.Value); text != "" {
		if e.Value, err = t.date(text, line); err != nil {
			return e, err
		}
	}
	e.Reference, e.EndToEnd = provided(get(t.m.Reference)), provided(get(t.m.EndToEnd))
	e.Counterparty, e.CounterIBAN = get(t.m.Counterpart), Compact(get(t.m.CounterIBAN))
	var texts []string
	for _, name := range t.m.Remittance {
		texts = append(texts, get(name))
	}
	e.Remittance = tidy(strings.Join(texts, " "))
	e.Amount, err = t.money(get, line)
	return e, err
}

func (t *table) date(text string, line int) (time.Time, error) {
	d, ok := day(text, t.layout)
	if !ok {
		return d, refuse("line %d: the date is not one in the form %s", line, t.m.DateLayout).WithHint("check the layout of dates in the mapping")
	}
	return d, nil
}

// money is the amount of a line, below zero where it left the account.
func (t *table) money(get func(string) string, line int) (amount.Signed, error) {
	if t.m.Amount == "" {
		return t.inOut(get(t.m.In), get(t.m.Out), line)
	}
	sum, err := t.number(get(t.m.Amount), line)
	if err != nil || t.m.Side == "" {
		return sum, err
	}
	side := get(t.m.Side)
	out, in := slices.Contains(t.m.SideOut, side), slices.Contains(t.m.SideIn, side)
	switch {
	case out == in:
		return sum, refuse("line %d: the column that says the side has a word the mapping does not know", line)
	case sum.Neg:
		return sum, refuse("line %d: the amount has a sign and a side", line).WithHint("leave the column of the side out of the mapping")
	case out:
		return sum.Negated(), nil
	}
	return sum, nil
}

func (t *table) inOut(in, out string, line int) (amount.Signed, error) {
	var sum [2]amount.Signed
	for i, text := range []string{in, out} {
		if text == "" {
			continue
		}
		var err error
		if sum[i], err = t.number(text, line); err != nil {
			return sum[i], err
		}
		sum[i].Neg = false // some banks write what left with a minus, in its own column
	}
	if in == "" && out == "" || !sum[0].IsZero() && !sum[1].IsZero() {
		return sum[0], refuse("line %d: exactly one of the columns for money in and money out must have an amount", line)
	}
	return amount.Diff(sum[0].Amount, sum[1].Amount), nil
}

// number reads an amount as the bank writes it: a sign before or after it, groups of three digits.
func (t *table) number(text string, line int) (amount.Signed, error) {
	bad := refuse("line %d: the amount is not a number as the mapping describes it", line).WithHint("check the decimal sign and the columns in the mapping")
	text = strings.ReplaceAll(text, "\u2212", "-")
	text, neg := strings.CutPrefix(text, "-")
	if !neg {
		if text, neg = strings.CutSuffix(text, "-"); !neg {
			text = strings.TrimPrefix(text, "+")
		}
	}
	whole, part, cut := strings.Cut(strings.TrimSpace(text), t.m.Decimal)
	groups := strings.FieldsFunc(whole, func(r rune) bool { return strings.ContainsRune(" '\u2019.,", r) })
	for i, g := range groups {
		if len(groups) > 1 && (len(g) > 3 || i > 0 && len(g) != 3) {
			return amount.Signed{}, bad
		}
	}
	if whole = strings.Join(groups, ""); cut {
		whole += "." + part
	}
	sum, err := amount.ParseDecimal(whole, t.decimals)
	switch {
	case strings.HasPrefix(whole, "-"):
		return sum, bad
	case edge.CodeOf(err) == amount.CodeScale:
		return sum, atLine(line, err)
	case err != nil:
		return sum, bad
	case neg:
		return sum.Negated(), nil
	}
	return sum, nil
}
