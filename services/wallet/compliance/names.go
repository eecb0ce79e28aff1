package compliance

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/shariah/names"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// CodeList is the code where there is no such list of names.
const CodeList = "name_list_not_found"

const (
	maxLists   = 8
	maxChecked = 16 // accounts one tidying compares with the lists
)

// A listRow is a list of names: the edition in use, and the one that is being imported.
type listRow struct {
	Name    string    `json:"name"`
	Using   uint64    `json:"using,omitempty"` // edition; 0: none
	Entries uint64    `json:"entries,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Next    uint64    `json:"next,omitempty"`
	Coming  uint64    `json:"coming,omitempty"` // entries imported of it so far
	Spelt   uint64    `json:"spelt,omitempty"`  // names and aliases of these
	Bytes   uint64    `json:"bytes,omitempty"`
}

func listKey(name string) []byte { return key(rowList, []byte(name)) }

func editionKey(name string, edition uint64) []byte {
	return binary.BigEndian.AppendUint64(key(rowNames, []byte(name), []byte{'/'}), edition)
}

// putSanctionNames imports names into an edition that is not in use yet. The same names again change nothing.
func putSanctionNames(tx edge.Tx, in *walletv1.PutSanctionNamesRequest) (*walletv1.PutSanctionNamesResponse, error) {
	row, found, err := getJSON[listRow](tx, listKey(in.GetList()))
	if err != nil {
		return nil, err
	}
	if !found {
		n := 0
		for range tx.Scan(key(rowList)) {
			n++
		}
		if err := tx.Err(); err != nil {
			return nil, err
		}
		if n >= maxLists {
			return nil, edge.E(edge.Refused, "no more lists of names can be kept").WithHint("put the names into one that is there").WithCode(CodeFull)
		}
	}
	if in.GetEdition() <= row.Using || in.GetEdition() < row.Next {
		return nil, clash(ledger.CodeExists, "this edition of the list is in use, or a later one is", "import the names under a higher number")
	}
	if row.Name = in.GetList(); in.GetEdition() > row.Next {
		if row.Next > 0 {
			tx.Set(editionKeyOld(row.Name, row.Next), []byte{})
		}
		row.Next, row.Coming, row.Spelt, row.Bytes = in.GetEdition(), 0, 0, 0
	}
	for _, e := range in.GetEntries() {
		if err := row.add(tx, e); err != nil {
			return nil, err
		}
	}
	return &walletv1.PutSanctionNamesResponse{Entries: in.GetEntries()[:0], Imported: row.Coming}, setJSON(tx, listKey(row.Name), row)
}

// add writes one entry of the edition that is coming.
func (r *listRow) add(tx edge.Tx, e *walletv1.SanctionEntry) error {
	line, err := record(e)
	if err != nil {
		return err
	}
	if _, err := names.Read(line); err != nil {
		return err
	}
	k := append(editionKey(r.Name, r.Next), e.GetId()...)
	was, found, err := get(tx, k)
	if err != nil {
		return err
	}
	if found {
		if string(was) != string(line) {
			return clash(ledger.CodeConflict, "another name was imported under the same id", "import the edition again under a higher number", fact("id", e.GetId()))
		}
		return nil
	}
	r.Coming, r.Spelt, r.Bytes = r.Coming+1, r.Spelt+1+uint64(len(e.GetAliases())), r.Bytes+uint64(len(line))
	if r.Coming > names.MaxNames || r.Spelt > names.MaxSpelt || r.Bytes > names.MaxFile {
		return edge.E(edge.Refused, "a list holds %d names at the most, with %d spellings", names.MaxNames, names.MaxSpelt).WithHint("split it").WithCode(CodeFull)
	}
	tx.Set(k, line)
	return nil
}

// record is an entry as a line of CSV.
func record(e *walletv1.SanctionEntry) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write(append([]string{e.GetId(), e.GetName()}, e.GetAliases()...)); err != nil {
		return nil, book.Invalid("a name cannot be written")
	}
	w.Flush()
	if line := b.Bytes(); !bytes.HasPrefix(line, []byte("#")) {
		return line, nil
	}
	return nil, book.Invalid("the id of a name cannot begin with #")
}

// useSanctionList has an edition looked at from now on. All accounts of members are compared with it, a few at a time.
func useSanctionList(tx edge.Tx, in *walletv1.UseSanctionListRequest) (*walletv1.SanctionList, error) {
	row, found, err := getJSON[listRow](tx, listKey(in.GetList()))
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, noList(in.GetList())
	case row.Using == in.GetEdition():
		return row.message(), nil
	case row.Next != in.GetEdition() || row.Coming == 0:
		return nil, edge.E(edge.NotFound, "no names of this edition were imported").WithHint("import them first").WithCode(CodeList)
	case in.GetEntries() != row.Coming:
		return nil, clash(ledger.CodeConflict, "other names were imported than were meant", "import the rest, or the edition again under a higher number", fact("imported", strconv.FormatUint(row.Coming, 10)))
	}
	if row.Using > 0 {
		tx.Set(editionKeyOld(row.Name, row.Using), []byte{})
	}
	row.Using, row.Entries, row.Since, row.Next, row.Coming = row.Next, row.Coming, tx.Now(), 0, 0
	row.Spelt, row.Bytes = 0, 0
	tx.Set(key(rowCursor), []byte{})
	return row.message(), setJSON(tx, listKey(row.Name), row)
}

func noList(name string) error {
	return edge.E(edge.NotFound, "there is no such list of names").WithHint("look at the lists there are").WithCode(CodeList, fact("list", name))
}

func (r *listRow) message() *walletv1.SanctionList {
	m := &walletv1.SanctionList{Name: r.Name, Edition: r.Using, Entries: r.Entries, NextEdition: r.Next, NextEntries: r.Coming}
	if !r.Since.IsZero() {
		m.Since = timestamppb.New(r.Since)
	}
	return m
}

func lists(v edge.View) (all []listRow, err error) {
	for _, row := range v.Scan(key(rowList)) {
		var r listRow
		if err := json.Unmarshal(row, &r); err != nil {
			return nil, corrupt(err)
		}
		all = append(all, r)
	}
	return all, v.Err()
}

func listSanctionLists(v edge.View, _ *walletv1.ListSanctionListsRequest) (*walletv1.ListSanctionListsResponse, error) {
	all, err := lists(v)
	out := &walletv1.ListSanctionListsResponse{}
	for _, r := range all {
		out.Lists = append(out.Lists, r.message())
	}
	return out, err
}

// An edition is a list in memory.
type edition struct {
	edge.Redacted
	number uint64
	since  time.Time
	list   *names.List
}

// loaded is a list's edition in use, read once.
func (s *Service) loaded(v edge.View, r listRow) (*names.List, error) {
	s.mu.Lock()
	e := s.lists[r.Name]
	s.mu.Unlock()
	if e.list != nil && e.number == r.Using && e.since.Equal(r.Since) {
		return e.list, nil
	}
	var all bytes.Buffer
	for _, line := range v.Scan(editionKey(r.Name, r.Using)) {
		all.Write(line)
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	list, err := names.Read(all.Bytes())
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lists[r.Name] = edition{number: r.Using, since: r.Since, list: list}
	return list, nil
}

// A match is a name on a list that is like one that was looked for. It names nobody.
type match struct {
	list string
	names.Hit
}

// matches compares a name with all lists in use.
func (s *Service) matches(v edge.View, name string) (found []match, err error) {
	if strings.TrimSpace(name) == "" {
		return nil, nil
	}
	all, err := lists(v)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	set, err := s.inForce(v)
	if err != nil {
		return nil, err
	}
	p, ok := set.Likeness()
	if !ok {
		return nil, nil
	}
	for _, r := range all {
		if r.Using == 0 {
			continue
		}
		list, err := s.loaded(v, r)
		if err != nil {
			return nil, err
		}
		for _, h := range list.Match(name, p) {
			found = append(found, match{r.Name, h})
		}
	}
	return found, nil
}

func (s *Service) screenName(v edge.View, in *walletv1.ScreenNameRequest) (*walletv1.ScreenNameResponse, error) {
	found, err := s.matches(v, in.GetName())
	out := &walletv1.ScreenNameResponse{}
	for _, m := range found {
		out.Hits = append(out.Hits, &walletv1.NameHit{List: m.list, Entry: m.Entry, Permille: uint32(m.Likeness * 1000)})
	}
	return out, err
}

// Named implements ledger.Rules: a name that is like one on a list has the account frozen until somebody has looked.
func (s *Service) Named(tx edge.Tx, a ledger.AccountInfo) (why string, err error) {
	found, err := s.matches(tx, a.Name)
	if err != nil {
		return "", err
	}
	for _, m := range found {
		id := ledger.Named("name", a.ID.String(), names.Normalise(a.Name), m.list, m.Entry)
		if _, known, err := get(tx, idKey(rowReview, id)); err != nil {
			return "", err
		} else if known { // somebody has looked at the same name, or will
			continue
		}
		if n, err := waiting(tx); err != nil {
			return "", err
		} else if n >= maxWaiting {
			return reasonOfName, nil // frozen without a review: an officer can unfreeze it
		}
		set, err := s.inForce(tx)
		if err != nil {
			return "", err
		}
		d := decided{id: id, what: set.NameMatch(m.list, m.Entry, m.Likeness)}
		if err := s.keep(tx, set, []decided{d}); err != nil {
			return "", err
		}
		return reasonOfName, openReview(tx, reviewRow{ID: id, Subject: walletv1.ReviewSubject_ACCOUNT_NAME, Account: a.ID})
	}
	return "", nil
}

const reasonOfName = "its name has to be looked at first"

// unname ends the review of a name: an account that is approved is unfrozen, unless another name of the lists is like its
// own; one that is not stays as it is.
func (s *Service) unname(tx edge.Tx, r *reviewRow) error {
	a, err := s.ledger.Find(tx, r.Account)
	if err != nil {
		return err
	}
	why, err := s.Named(tx, a)
	if err != nil || why != "" {
		return err
	}
	return s.ledger.Unfreeze(tx, r.Account, "its name was looked at")
}

// check compares a few accounts more with the lists, since one has changed. It reports how many.
func (s *Service) check(tx edge.Tx) (n int, err error) {
	after, found, err := get(tx, key(rowCursor))
	if err != nil || !found {
		return 0, err
	}
	batch, err := s.ledger.After(tx, after, maxChecked)
	if err != nil {
		return 0, err
	}
	for _, a := range batch {
		if a.Kind == member && a.Open {
			why, err := s.Named(tx, a)
			if err != nil {
				return n, err
			}
			if why != "" {
				if err := s.ledger.Freeze(tx, a.ID, why); err != nil {
					return n, err
				}
			}
		}
		n++
	}
	if len(batch) < maxChecked {
		tx.Delete(key(rowCursor))
		return n, nil
	}
	last := batch[len(batch)-1].ID
	tx.Set(key(rowCursor), last[:])
	return n, nil
}

// editionKeyOld lists editions that were in use and are to be dropped.
func editionKeyOld(name string, number uint64) []byte {
	return binary.BigEndian.AppendUint64(key(rowOld, []byte(name), []byte{'/'}), number)
}

// forgetNames drops names of editions that are not in use any more.
func forgetNames(tx edge.Tx) (n int, err error) {
	under := key(rowOld)
	for k := range tx.Scan(under) {
		edition := append(key(rowNames), k[len(under):]...)
		var gone [][]byte
		for name := range tx.Scan(edition) {
			if gone = append(gone, append([]byte{}, name...)); len(gone) == maxTidy {
				break
			}
		}
		for _, x := range gone {
			tx.Delete(x)
		}
		if n = len(gone); n < maxTidy {
			tx.Delete(append([]byte{}, k...))
		}
		break
	}
	return n, tx.Err()
}
