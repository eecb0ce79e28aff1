// Package book is what the parts of the wallet that keep contracts, cases and gifts have in common: rows that are
// messages of the schema, requests that are done once, and movements of money between funds.
package book

import (
	"crypto/sha256"
	"encoding/json"
	"iter"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
)

// A Table is rows of one kind, by identifier. A row is a message of the schema as it was stored.
type Table struct {
	Prefix string // of its keys, with a slash at the end; nothing else lies under it
	What   string // what a row is, in a sentence: "campaign"
	Lost   string // code of the refusal where there is no such row: "campaign_not_found"
}

func (t Table) row(id string) []byte { return []byte(t.Prefix + "r/" + id) }

// Load reads a row into m, and says whether it is there.
func (t Table) Load(v edge.View, id string, m proto.Message) (found bool, err error) {
	row, err := v.Get(t.row(id))
	if edge.IsKind(err, edge.NotFound) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	return true, t.decode(row, m)
}

func (t Table) decode(row []byte, m proto.Message) error {
	if err := proto.Unmarshal(row, m); err != nil {
		return edge.E(edge.Corrupt, "a %s cannot be read: %w", t.What, err)
	}
	return nil
}

// Find is Load that fails with NotFound where there is no such row.
func (t Table) Find(v edge.View, id string, m proto.Message) error {
	found, err := t.Load(v, id, m)
	if err == nil && !found {
		return edge.E(edge.NotFound, "there is no such %s", t.What).WithHint("check its identifier").WithCode(t.Lost)
	}
	return err
}

// Save writes a row.
func (t Table) Save(tx edge.Tx, id string, m proto.Message) error {
	row, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return edge.E(edge.Internal, "a %s cannot be written: %w", t.What, err)
	}
	tx.Set(t.row(id), row)
	return nil
}

// Under lists a row under something else too, such as the person it belongs to, for List. Neither holds a slash.
func (t Table) Under(tx edge.Tx, by, id string) {
	tx.Set([]byte(t.Prefix+"o/"+by+"/"+id), []byte{})
}

// Forget deletes a row, and takes it from under something where that is named.
func (t Table) Forget(tx edge.Tx, by, id string) {
	tx.Delete(t.row(id))
	if by != "" {
		tx.Delete([]byte(t.Prefix + "o/" + by + "/" + id))
	}
}

// CheckPerson fails with Invalid where a text cannot be the identifier of a person.
func CheckPerson(id string) error {
	if id == "" || len(id) > 64 || strings.ContainsAny(id, "/\x00") {
		return Invalid("this is no identifier of a person").WithHint("use the one that the list of people shows")
	}
	return nil
}

// A Page is which part of a list is asked for.
type Page struct {
	Under string // those listed under it; empty: all
	Of    string // what is listed, with all that narrows it down
	After string // the token of the page before; empty: from the beginning
	Size  int32  // 0: 50; at most 200
}

const (
	usualPage = 50
	mostPage  = 200
	mostSeen  = 5000 // rows looked at for one page
)

// List goes over rows in the order of their identifiers. take is given each and says whether it belongs to the list. It
// returns the token of the next page, empty where there is none.
func List[M proto.Message](v edge.View, t Table, p Page, fresh func() M, take func(M) (bool, error)) (next string, err error) {
	size, err := edge.PageSize(p.Size, usualPage, mostPage)
	if err != nil {
		return "", err
	}
	var after []byte
	of := t.Prefix + p.Under + "/" + p.Of
	if p.After != "" {
		if after, err = edge.ParsePageToken(of, p.After); err != nil {
			return "", err
		}
	}
	taken, seen, last := 0, 0, ""
	for id, err := range t.IDs(v, p.Under, string(after)) {
		if err != nil {
			return "", err
		}
		m := fresh()
		if err := t.Find(v, id, m); err != nil {
			return "", err
		}
		if seen++; taken == size || seen > mostSeen {
			return edge.PageToken(of, []byte(last)), nil
		}
		ok, err := take(m)
		if err != nil {
			return "", err
		}
		if last = id; ok {
			taken++
		}
	}
	return "", nil
}

// IDs yields identifiers of rows after one, in order: those under something, or all.
func (t Table) IDs(v edge.View, under, after string) iter.Seq2[string, error] {
	prefix := t.Prefix + "r/"
	if under != "" {
		prefix = t.Prefix + "o/" + under + "/"
	}
	return func(yield func(string, error) bool) {
		for k := range edge.ScanFrom(v, []byte(prefix), []byte(prefix+after)) {
			if id := string(k[len(prefix):]); (after == "" || id > after) && !yield(id, nil) {
				return
			}
		}
		if err := v.Err(); err != nil {
			yield("", err)
		}
	}
}

// An Ask is a request under an identifier its sender chose.
type Ask struct {
	ID   edge.ID
	Text string // ID as text
	sum  [32]byte
}

const askPrefix = "wask/"

// Begin looks whether a request was carried out before. Where it was, as it is now, again is true and the sender is to be
// shown what came of it; under the identifier of another request it fails with Conflict. id may be empty: one is made.
func Begin(tx edge.Tx, op, id string, in proto.Message) (a Ask, again bool, err error) {
	if a.ID, err = ledger.ParseID(id); err != nil {
		return a, false, err
	}
	a.Text = a.ID.String()
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(in)
	if err != nil {
		return a, false, edge.E(edge.Internal, "a request cannot be encoded: %w", err)
	}
	a.sum = sha256.Sum256(append([]byte(op+"\x00"+tx.Actor().ID+"\x00"), body...))
	was, err := tx.Get(a.row())
	switch {
	case edge.IsKind(err, edge.NotFound):
		return a, false, nil
	case err != nil:
		return a, false, err
	case string(was) != string(a.sum[:]):
		return a, false, edge.E(edge.Conflict, "this identifier was used for another request").WithHint("make a new identifier for each request").
			WithCode(ledger.CodeConflict, edge.Fact{Name: "id", Value: a.Text})
	}
	return a, true, nil
}

func (a Ask) row() []byte { return append([]byte(askPrefix), a.ID[:]...) }

// Done remembers for ever that the request was carried out.
func (a Ask) Done(tx edge.Tx) { tx.Set(a.row(), a.sum[:]) }

// Emit tells of a change. body is encoded as JSON and names nobody: identifiers, states, amounts.
func Emit(tx edge.Tx, typ, subject string, class edge.Class, body map[string]any) {
	b, _ := json.Marshal(body) // texts and numbers, which always encode
	tx.Emit(edge.Event{Type: typ, Subject: subject, Class: class, Urgency: edge.Ledger, Body: b})
}

// Invalid refuses a request that can never succeed as it is.
func Invalid(format string, args ...any) *edge.Error {
	return edge.E(edge.Invalid, format, args...).WithCode(ledger.CodeInvalid)
}
