package reconcile

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/bankfile"
	"github.com/aielon/edge/services/wallet/gateway"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// importStatement takes a file in, whole or not at all.
func (s *Service) importStatement(tx edge.Tx, in *walletv1.ImportStatementRequest) (*walletv1.ImportStatementResponse, error) {
	a, err := s.account(tx, in.GetAccount())
	if err != nil {
		return nil, err
	}
	b, err := loadBank(tx, a.ID)
	if err != nil {
		return nil, err
	}
	if in.GetMapping() != nil {
		b.Mapping = in.GetMapping()
	}
	file, err := fileKey(a.ID, in, &b)
	if err != nil {
		return nil, err
	}
	var was []edge.ID
	if again, err := get(tx, file, &was); err != nil || again {
		out, err := s.showAll(tx, was, err)
		return &walletv1.ImportStatementResponse{Statements: out, Again: true}, err
	}
	list, others, err := read(tx, a, in, &b)
	if err != nil {
		return nil, err
	}
	t := &taking{s: s, tx: &meter{Tx: tx}, account: a, format: in.GetFormat(), file: file, seen: map[string]int{}, fresh: map[edge.ID]*entry{}}
	if was, err = t.all(list); err == nil {
		err = t.keep(&b, list, was)
	}
	if err != nil {
		return nil, err
	}
	out, err := s.showAll(tx, was, nil)
	return &walletv1.ImportStatementResponse{Statements: out, Others: int32(others)}, err
}

// fileKey is where it is remembered what was made of a file, read in one way.
func fileKey(account edge.ID, in *walletv1.ImportStatementRequest, b *bank) ([]byte, error) {
	h := sha256.New()
	if in.GetFormat() == walletv1.StatementFormat_CSV {
		how, err := proto.MarshalOptions{Deterministic: true}.Marshal(b.Mapping)
		if err != nil {
			return nil, edge.E(edge.Internal, "a mapping cannot be encoded: %w", err)
		}
		h.Write([]byte(strconv.Itoa(len(how)) + "\x00"))
		h.Write(how)
	}
	h.Write(in.GetDocument())
	return key(underFile, account[:], h.Sum(nil)), nil
}

// read reads the statements of a file that are of an account, and says how many are of others.
func read(v edge.View, a ledger.AccountInfo, in *walletv1.ImportStatementRequest, b *bank) (mine []*bankfile.Statement, others int, err error) {
	want := bankfile.Compact(in.GetBankAccount())
	switch {
	case len(in.GetDocument()) > maxBytes:
		return nil, 0, tooLong("the file is larger than %d KiB", maxBytes>>10)
	case want == "" && len(b.Numbers) == 0:
		return nil, 0, edge.E(edge.Invalid, "it is not known yet which account at the bank this is").WithHint("enter its IBAN, or its number at the bank; from then on it is known").WithCode(CodeBankNeeded)
	case want == "":
		want = b.Numbers[0]
	}
	scale := func(ccy string) (int, bool) { n, err := ledger.Scale(v, ccy); return n, err == nil }
	var list []*bankfile.Statement
	switch in.GetFormat() {
	case walletv1.StatementFormat_CAMT053:
		list, err = bankfile.ReadCAMT(bytes.NewReader(in.GetDocument()), scale)
	case walletv1.StatementFormat_CSV:
		var one *bankfile.Statement
		if b.Mapping == nil {
			return nil, 0, invalid("it is not known yet how the bank writes CSV").WithHint("say which columns there are; from then on it is known")
		}
		if one, err = bankfile.ReadCSV(bytes.NewReader(in.GetDocument()), mapping(b.Mapping, want, a.Asset), scale); err == nil {
			list = append(list, one)
		}
	default:
		err = invalid("the format must be CAMT053 or CSV")
	}
	if err != nil {
		return nil, 0, err
	}
	mine, err = pick(list, a, b, want, in.GetBankAccount() != "")
	return mine, len(list) - len(mine), err
}

// pick are the statements of the account at the bank that was named, or of those that are known.
func pick(list []*bankfile.Statement, a ledger.AccountInfo, b *bank, want string, named bool) (mine []*bankfile.Statement, err error) {
	entries, currency := 0, ""
	for _, st := range list {
		if n := numberOf(st); n != want && (named || !slices.Contains(b.Numbers, n)) {
			continue
		}
		if st.Currency != a.Asset {
			currency = st.Currency
			continue
		}
		if len(mine) > 0 && numberOf(mine[0]) != numberOf(st) {
			continue
		}
		if st.From.IsZero() {
			return nil, invalid("a statement says neither what time it covers nor of any entry").WithHint("there is nothing in it to take")
		}
		mine, entries = append(mine, st), entries+len(st.Entries)
	}
	switch {
	case len(mine) == 0 && currency != "":
		return nil, edge.E(edge.Refused, "the statement is in another currency than the account").WithHint("import it into the account of that currency").
			WithCode(ledger.CodeCurrency, edge.Fact{Name: "account", Value: a.Asset}, edge.Fact{Name: "statement", Value: currency})
	case len(mine) == 0:
		return nil, edge.E(edge.Refused, "the file is of another account at the bank").WithHint("choose the account it is of; if the bank has given yours a new number, enter it").WithCode(CodeBankDiffers)
	case entries > MaxEntries:
		return nil, tooLong("the file has %d entries, and %d may be imported at once", entries, MaxEntries)
	}
	return mine, nil
}

func tooLong(format string, args ...any) *edge.Error {
	return edge.E(edge.Exhausted, format, args...).WithHint("fetch it from the bank again as several files of fewer days each; days that overlap do no harm").WithCode(CodeTooLong)
}

// numberOf is what the bank calls the account.
func numberOf(st *bankfile.Statement) string {
	if st.IBAN != "" {
		return st.IBAN
	}
	return bankfile.Compact(st.Other)
}

func mapping(m *walletv1.CsvMapping, number, asset string) bankfile.Mapping {
	return bankfile.Mapping{Account: number, Currency: asset, Delimiter: m.GetDelimiter(), Encoding: m.GetEncoding(), Skip: int(m.GetSkip()), DateLayout: m.GetDateLayout(),
		Decimal: m.GetDecimal(), Booked: m.GetBooked(), Value: m.GetValue(), Amount: m.GetAmount(), In: m.GetIn(), Out: m.GetOut(), Side: m.GetSide(), SideIn: m.GetSideIn(),
		SideOut: m.GetSideOut(), CurrencyCol: m.GetCurrency(), Reference: m.GetReference(), EndToEnd: m.GetEndToEnd(), Counterpart: m.GetCounterparty(),
		CounterIBAN: m.GetCounterIban(), Remittance: m.GetRemittance()}
}

// A taking is one import.
type taking struct {
	edge.Redacted
	s       *Service
	tx      *meter
	account ledger.AccountInfo
	format  walletv1.StatementFormat
	file    []byte
	seen    map[string]int // how many entries of a statement there were that nothing but their order tells apart
	fresh   map[edge.ID]*entry
	order   []*entry // of fresh
}

// all takes statements in: it reads their entries, has payments paid by them as far as there is room, and writes them.
func (t *taking) all(list []*bankfile.Statement) (ids []edge.ID, err error) {
	for i, st := range list {
		row := &statement{ID: ledger.Named("bank-statement", string(t.file), strconv.Itoa(i)), Account: t.account.ID, Asset: t.account.Asset, Number: clip(st.ID, 64), Format: t.format,
			From: st.From, Until: end(st), Entries: len(st.Entries), Imported: t.tx.Now(), By: t.tx.Actor().ID}
		if st.Opening.Known {
			row.Opening = st.Opening.String()
		}
		if st.Closing.Known {
			row.Closing = st.Closing.String()
		}
		var places []byte
		for n := range st.Entries {
			id, err := t.entry(row, st, &st.Entries[n])
			if err != nil {
				return nil, err
			}
			places = append(places, id[:]...)
		}
		t.tx.Set(key(underOf, row.ID[:]), places)
		if err := t.statement(row); err != nil {
			return nil, err
		}
		ids = append(ids, row.ID)
	}
	return ids, t.write()
}

// write has payments paid by entries that name them, and keeps the entries. Payments for which there is no room in one
// command are told by the next.
func (t *taking) write() error {
	rows := 0
	for _, e := range t.order {
		rows += e.cost()
	}
	for _, e := range t.order {
		if e.Wants.IsZero() || t.tx.spent+rows+tellCost > maxCost {
			continue
		}
		if err := t.s.told(t.tx, e); err != nil {
			return err
		}
	}
	for _, e := range t.order {
		if err := e.save(t.tx, nil); err != nil {
			return err
		}
	}
	if t.tx.spent > maxCost {
		return tooLong("there is more text in the file than can be imported at once")
	}
	return nil
}

// end is the moment before which everything in a statement was booked: banks name the last day, or its last second.
func end(st *bankfile.Statement) time.Time {
	until := st.To
	if until.Before(st.From) {
		until = st.From
	}
	if until.Equal(until.Truncate(24 * time.Hour)) {
		return until.Add(24 * time.Hour)
	}
	return until.Truncate(time.Second).Add(time.Second)
}

func (t *taking) statement(row *statement) error {
	until := ^uint64(row.Until.Unix()) // the newest first
	t.tx.Set(key(underTime, row.Account[:], place(until), row.ID[:]), []byte{})
	emit(t.tx, EventStatement, "bank-statement:"+row.ID.String(), edge.SiteOnly, map[string]any{"statement": row.ID.String(), "account": row.Account.String(), "entries": row.Entries, "known": row.Known})
	return set(t.tx, key(underStatement, row.ID[:]), row)
}

// entry reads one entry, or notes that it is known.
func (t *taking) entry(st *statement, of *bankfile.Statement, from *bankfile.Entry) (edge.ID, error) {
	is := paygate.EntryKey(from)
	same := of.ID + "\x00" + is // pages of a statement have one id
	id := entryID(t.account.ID, from.Booked, is, t.seen[same])
	t.seen[same]++
	if t.fresh[id] != nil {
		st.Known++
		return id, nil
	}
	if _, err := t.tx.Get(key(underEntry, id[:])); err == nil {
		st.Known++
		return id, nil
	} else if !edge.IsKind(err, edge.NotFound) {
		return id, err
	}
	e := &entry{ID: id, Account: t.account.ID, Statement: st.ID, Asset: t.account.Asset, Booked: from.Booked, Value: from.Value, Sum: from.Amount.String(), Reference: clip(from.Reference, 64),
		EndToEnd: clip(from.EndToEnd, 64), Structured: clip(from.Structured, 64), Other: clip(from.Counterparty, 140), OtherIBAN: clip(from.CounterIBAN, 40), Text: clip(from.Remittance, 280),
		Reversal: from.Reversal, amount: from.Amount}
	t.fresh[id], t.order = e, append(t.order, e)
	return id, t.s.first(t.tx, e, from)
}

// keep remembers the file, the account at the bank and how it writes.
func (t *taking) keep(b *bank, list []*bankfile.Statement, ids []edge.ID) error {
	number := numberOf(list[0])
	of, tx := key(underNumber, []byte(number+"/"+t.account.Asset)), t.tx
	switch who, err := tx.Get(of); {
	case edge.IsKind(err, edge.NotFound):
		tx.Set(of, t.account.ID[:])
	case err != nil:
		return err
	case string(who) != string(t.account.ID[:]):
		return edge.E(edge.Refused, "another account of the ledger stands for this account at the bank").WithHint("import the statement there").
			WithCode(CodeBankTaken, edge.Fact{Name: "account", Value: edge.ID(who).String()})
	}
	b.Numbers = slices.DeleteFunc(b.Numbers, func(n string) bool { return n == number })
	b.Numbers = append([]string{number}, b.Numbers...)
	b.Numbers = b.Numbers[:min(len(b.Numbers), maxNumbers)]
	for _, st := range list {
		if b.Since.IsZero() || st.From.Before(b.Since) {
			b.Since = st.From
		}
	}
	if err := set(tx, key(underBank, t.account.ID[:]), b); err != nil {
		return err
	}
	return set(tx, t.file, ids)
}

// clip is at most so many bytes of a text, ending with a whole character.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}
