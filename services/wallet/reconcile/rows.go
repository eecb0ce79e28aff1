package reconcile

import (
	"encoding/binary"
	"encoding/json"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/bankfile"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// Rows, under prefixes of their own. Identifiers are 16 bytes, moments 8. Identifiers of entries begin with what stands for
// the account, and the day: so they sort.
const (
	underBank      = "wr/a/" // account -> bank
	underNumber    = "wr/n/" // number at the bank / currency -> account
	underFile      = "wr/f/" // account, digest of a file -> ids of its statements
	underStatement = "wr/s/" // statement
	underTime      = "wr/t/" // account, ^until, statement
	underEntry     = "wr/e/" // entry
	underOf        = "wr/i/" // statement -> entries, in its order
	underOpen      = "wr/o/" // entry that a person may say something of
	underTransfer  = "wr/l/" // account, transfer -> the entry that stands for it
	underQueue     = "wr/q/" // entry that waits until its payment is told of it
)

func key(under string, parts ...[]byte) []byte {
	b := append(make([]byte, 0, 64), under...)
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// A bank is what is known of how a bank keeps an account.
type bank struct {
	edge.Redacted
	Numbers []string             `json:"numbers"` // the newest first
	Since   time.Time            `json:"since"`   // where the first statement begins
	Mapping *walletv1.CsvMapping `json:"mapping,omitempty"`
}

// A statement is one that was taken in.
type statement struct {
	edge.Redacted
	ID       edge.ID                  `json:"id"`
	Account  edge.ID                  `json:"account"`
	Asset    string                   `json:"asset"`
	Number   string                   `json:"number,omitempty"`
	Format   walletv1.StatementFormat `json:"format"`
	From     time.Time                `json:"from"`
	Until    time.Time                `json:"until"`
	Opening  string                   `json:"opening,omitempty"`
	Closing  string                   `json:"closing,omitempty"`
	Entries  int                      `json:"entries"`
	Known    int                      `json:"known"`
	Imported time.Time                `json:"imported"`
	By       string                   `json:"by"`
}

// A standing is what is known of an entry. Numbers are stored.
type standing uint8

const (
	open standing = iota
	matched
	ignored
)

// An entry is one movement that a bank has booked. There are many, so names of its fields are short.
type entry struct {
	edge.Redacted
	ID         edge.ID   `json:"-"`
	Account    edge.ID   `json:"a"`
	Statement  edge.ID   `json:"s"`
	Asset      string    `json:"c"`
	Booked     time.Time `json:"d"`
	Value      time.Time `json:"v,omitzero"` // zero: as booked
	Sum        string    `json:"m"`
	Reference  string    `json:"r,omitempty"`
	EndToEnd   string    `json:"e,omitempty"`
	Structured string    `json:"f,omitempty"`
	Other      string    `json:"n,omitempty"`
	OtherIBAN  string    `json:"i,omitempty"`
	Text       string    `json:"t,omitempty"`
	Reversal   bool      `json:"x,omitempty"`

	State     standing  `json:"state,omitempty"`
	Wants     edge.ID   `json:"w,omitzero"` // the payment it names and that was not told yet
	Payment   edge.ID   `json:"p,omitzero"`
	Transfers []edge.ID `json:"transfers,omitempty"`
	Booking   string    `json:"booking,omitempty"` // account and purpose: its transfer was made of it
	Auto      bool      `json:"auto,omitempty"`
	By        string    `json:"by,omitempty"`
	At        time.Time `json:"at,omitzero"`
	Reason    string    `json:"reason,omitempty"`

	amount amount.Signed
}

// entryID is the identifier of an entry: 3 bytes for the account, 3 for the day it was booked, and 10 for what it is.
func entryID(account edge.ID, booked time.Time, is string, nth int) (id edge.ID) {
	days := booked.Unix() / 86400
	if booked.Unix()%86400 < 0 {
		days--
	}
	copy(id[:], ofAccount(account))
	days += 1 << 23 // some 23,000 years either way
	id[3], id[4], id[5] = byte(days>>16), byte(days>>8), byte(days)
	hash := ledger.Named("bank-entry", account.String(), is, strconv.Itoa(nth))
	copy(id[6:], hash[:])
	return id
}

// ofAccount is what identifiers of an account's entries begin with. Those of others may begin with the same.
func ofAccount(account edge.ID) []byte {
	hash := ledger.Named("bank-entries", account.String())
	return hash[:3]
}

func get(v edge.View, k []byte, into any) (found bool, err error) {
	row, err := v.Get(k)
	if edge.IsKind(err, edge.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := json.Unmarshal(row, into); err != nil {
		return true, edge.E(edge.Corrupt, "a row of the reconciliation cannot be read: %w", err)
	}
	return true, nil
}

func set(tx edge.Tx, k []byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return edge.E(edge.Internal, "a row of the reconciliation cannot be written: %w", err)
	}
	tx.Set(k, b)
	return nil
}

// loadBank looks up how a bank keeps an account; nothing is known before the first statement.
func loadBank(v edge.View, account edge.ID) (b bank, err error) {
	_, err = get(v, key(underBank, account[:]), &b)
	return b, err
}

func findStatement(v edge.View, text string) (st statement, err error) {
	if text == "" {
		return st, invalid("a statement is missing")
	}
	id, err := ledger.ParseID(text)
	if err != nil {
		return st, err
	}
	found, err := get(v, key(underStatement, id[:]), &st)
	if err == nil && !found {
		err = edge.E(edge.NotFound, "there is no such statement").WithHint("list the statements of the account").WithCode(CodeStatement)
	}
	return st, err
}

func loadEntry(v edge.View, id edge.ID) (*entry, error) {
	e := &entry{ID: id}
	found, err := get(v, key(underEntry, id[:]), e)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, edge.E(edge.NotFound, "there is no such entry of a bank").WithHint("list the entries of the account").WithCode(CodeEntry)
	}
	if e.Value.IsZero() {
		e.Value = e.Booked
	}
	if e.amount, err = amount.ParseSigned(e.Sum); err != nil {
		return nil, edge.E(edge.Corrupt, "an entry of a bank cannot be read: %w", err)
	}
	return e, nil
}

func findEntry(v edge.View, text string) (*entry, error) {
	if text == "" {
		return nil, invalid("an entry is missing")
	}
	id, err := ledger.ParseID(text)
	if err != nil {
		return nil, err
	}
	return loadEntry(v, id)
}

// save keeps an entry and the lists it is on. was is how it stood, as far as it was there.
func (e *entry) save(tx edge.Tx, was *entry) error {
	list := func(under string, on, before bool) {
		if on && !before {
			tx.Set(key(under, e.ID[:]), []byte{})
		} else if before && !on {
			tx.Delete(key(under, e.ID[:]))
		}
	}
	list(underOpen, e.opened(), was != nil && was.opened())
	list(underQueue, !e.Wants.IsZero(), was != nil && !was.Wants.IsZero())
	row := *e
	if row.Value.Equal(row.Booked) {
		row.Value = time.Time{}
	}
	return set(tx, key(underEntry, e.ID[:]), &row)
}

// opened reports whether a person may say what an entry stands for: nobody has, and it does not wait to be matched.
func (e *entry) opened() bool { return e.State == open && e.Wants.IsZero() }

// file is the entry as it came, as far as it was kept.
func (e *entry) file() bankfile.Entry {
	return bankfile.Entry{Booked: e.Booked, Value: e.Value, Amount: e.amount, Reference: e.Reference, EndToEnd: e.EndToEnd, Structured: e.Structured,
		Counterparty: e.Other, CounterIBAN: e.OtherIBAN, Remittance: e.Text, Reversal: e.Reversal}
}

func (e *entry) message() *walletv1.BankEntry {
	m := &walletv1.BankEntry{Id: e.ID.String(), Account: e.Account.String(), Statement: e.Statement.String(), Booked: timestamppb.New(e.Booked), Value: timestamppb.New(e.Value),
		Asset: e.Asset, Amount: e.Sum, Reference: e.Reference, EndToEnd: e.EndToEnd, Counterparty: e.Other, CounterIban: e.OtherIBAN, Remittance: e.Text, Reversal: e.Reversal,
		BookedHere: e.Booking != "", Automatic: e.Auto, Actor: e.By, Reason: e.Reason, Waiting: !e.Wants.IsZero()}
	m.State = [...]walletv1.EntryState{walletv1.EntryState_ENTRY_OPEN, walletv1.EntryState_ENTRY_MATCHED, walletv1.EntryState_ENTRY_IGNORED}[e.State]
	if m.Remittance == "" {
		m.Remittance = e.Structured
	}
	if !e.At.IsZero() {
		m.Decided = timestamppb.New(e.At)
	}
	if !e.Payment.IsZero() {
		m.Payment = e.Payment.String()
	}
	for _, t := range e.Transfers {
		m.Transfers = append(m.Transfers, t.String())
	}
	return m
}

// place is a number that sorts.
func place(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
