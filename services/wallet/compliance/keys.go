package compliance

import (
	"encoding/binary"
	"encoding/json"
	"iter"

	"github.com/aielon/edge/node/edge"
)

// Every row of compliance lies under this prefix.
const prefix = "wc/"

// Kinds of rows, by the letter after the prefix.
const (
	rowForce    = 'f' // nothing; hash of the rule set that is in force
	rowSettings = 'c' // nothing
	rowCount    = 'n' // letter of a series; how many there ever were
	rowDecision = 'd' // id of what it is about
	rowDecided  = 't' // series of decisions
	rowReview   = 'r' // id of a review
	rowReviewed = 'q' // series of reviews
	rowWaiting  = 'o' // number, id of a review that waits
	rowFlow     = 'k' // id of an account: what moved in the last two days
	rowDay      = 'y' // day, id of an account: what moved on a day before
	rowCash     = 'b' // id of an account: cash that came in just below a threshold
	rowTier     = 'p' // id of an account: what proves its tier
	rowSet      = 's' // id of a rule set
	rowDocument = 'x' // hash of a document
	rowKeys     = 'e' // nothing; who may sign rule sets
	rowApproval = 'g' // when it is over, kind of what waits, its id
	rowRelease  = 'l' // id of a release
	rowReleased = 'u' // series of releases
	rowList     = 'i' // name of a list of names
	rowNames    = 'm' // name of a list / edition, id of an entry
	rowOld      = 'w' // name of a list / edition that is not in use any more
	rowCursor   = 'j' // nothing; the account up to which names were compared
	rowAmil     = 'a' // currency / fund / Hijri year
)

func key(kind byte, parts ...[]byte) []byte {
	b := append(make([]byte, 0, 32), prefix...)
	b = append(b, kind, '/')
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func idKey(kind byte, id edge.ID) []byte { return key(kind, id[:]) }

func dayKey(day int64, account edge.ID) []byte {
	return append(binary.BigEndian.AppendUint32(key(rowDay), uint32(day)), account[:]...)
}

// get reads a row that need not be there.
func get(v edge.View, k []byte) (row []byte, found bool, err error) {
	row, err = v.Get(k)
	if edge.IsKind(err, edge.NotFound) {
		return nil, false, nil
	}
	return row, err == nil, err
}

// getJSON reads a row of JSON that need not be there.
func getJSON[T any](v edge.View, k []byte) (row T, found bool, err error) {
	b, found, err := get(v, k)
	if err == nil && found {
		if err = json.Unmarshal(b, &row); err != nil {
			err = corrupt(err)
		}
	}
	return row, found, err
}

func setJSON(tx edge.Tx, k []byte, row any) error {
	b, err := json.Marshal(row)
	if err != nil {
		return edge.E(edge.Internal, "a row cannot be written: %w", err)
	}
	tx.Set(k, b)
	return nil
}

func corrupt(err error) error {
	return edge.E(edge.Corrupt, "what was kept of a decision cannot be read: %w", err).WithHint("restore the node from another one or a backup")
}

// emit tells of something. body is encoded as JSON and names nobody.
func emit(tx edge.Tx, typ, subject string, class edge.Class, body any) {
	b, _ := json.Marshal(body) // rows of ours, which always encode
	tx.Emit(edge.Event{Type: typ, Subject: subject, Class: class, Urgency: edge.Ledger, Body: b})
}

// A series lists ids in the order in which they came, newest first, and forgets the oldest.
type series struct {
	kind byte
	most uint64 // how many are kept
}

func (s series) key(n uint64) []byte { return binary.BigEndian.AppendUint64(key(s.kind), ^n) }

// add lists an id under the next number. old is what the list has to forget for it, under number gone.
func (s series) add(tx edge.Tx, id edge.ID) (n uint64, old edge.ID, gone uint64, err error) {
	if n, err = s.count(tx); err != nil {
		return 0, old, 0, err
	}
	n++
	tx.Set(key(rowCount, []byte{s.kind}), binary.AppendUvarint(nil, n))
	tx.Set(s.key(n), id[:])
	if n <= s.most {
		return n, old, 0, nil
	}
	gone = n - s.most
	row, found, err := get(tx, s.key(gone))
	if err != nil || !found {
		return n, old, 0, err
	}
	copy(old[:], row)
	tx.Delete(s.key(gone))
	return n, old, gone, nil
}

// count is how many there ever were.
func (s series) count(v edge.View) (uint64, error) {
	row, _, err := get(v, key(rowCount, []byte{s.kind}))
	n, _ := binary.Uvarint(row)
	return n, err
}

const (
	usualPage = 50
	mostPage  = 200
)

// A page is one part of a list.
type page struct {
	edge.Redacted

	of, token string
	size      int
}

func newPage(of string, size int32, token string) (p page, err error) {
	p = page{of: of, token: token}
	p.size, err = edge.PageSize(size, usualPage, mostPage)
	return p, err
}

// rows yields what lies under a kind after the page's token. Where the page is full next is set, and the loop ends.
func (p page) rows(v edge.View, kind byte, next *string) iter.Seq2[[]byte, error] {
	under := key(kind)
	return func(yield func([]byte, error) bool) {
		var after, last []byte
		if p.token != "" {
			var err error
			if after, err = edge.ParsePageToken(p.of, p.token); err != nil {
				yield(nil, err)
				return
			}
		}
		n := 0
		for k, row := range edge.ScanFrom(v, under, append(append([]byte{}, under...), after...)) {
			rest := append([]byte{}, k[len(under):]...)
			if string(rest) <= string(after) {
				continue
			}
			if n == p.size {
				*next = edge.PageToken(p.of, last)
				return
			}
			last, n = rest, n+1
			if !yield(append([]byte{}, row...), nil) {
				return
			}
		}
		if err := v.Err(); err != nil {
			yield(nil, err)
		}
	}
}
