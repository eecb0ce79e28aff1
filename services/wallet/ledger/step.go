package ledger

import (
	"encoding/hex"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// A pair is the two accounts of a leg.
type pair struct{ debit, credit *account }

// A step is one thing to do, read and found to be well formed.
type step struct {
	entry
	parties []pair        // the accounts of each leg, once they were found
	part    amount.Amount // of a hold, to post
	whole   bool          // of a hold, all of it is posted
	timeout uint32        // of a hold, in seconds
	asset   string        // the currency the caller means
	judged  bool          // the rules were asked before
	own     bool          // the ledger itself asks: it may use the accounts that are its own
	firm    bool          // it cannot wait for a review
	settled bool          // it has happened elsewhere: frozen accounts do not stop it
}

const (
	maxLegs    = 256
	maxMemo    = 140 * 4 // bytes
	maxText    = 64
	maxTimeout = 365 * 24 * 3600 // seconds
)

// parseID reads an identifier: 26 letters and digits, or a UUID. Where there is none one is made.
func parseID[S ~string | ~[]byte](text S) (edge.ID, error) {
	switch len(text) {
	case 0:
		return edge.NewID(), nil
	case 36:
		return parseUUID(string(text))
	}
	id, ok := edge.ReadID(text)
	if !ok || id.IsZero() {
		return id, invalid("an identifier has 26 letters and digits, or is a UUID").WithHint("make a new one for each transfer, and keep it for retries")
	}
	return id, nil
}

// parseUUID reads the form of RFC 9562.
func parseUUID(text string) (id edge.ID, err error) {
	b := make([]byte, 0, 36)
	for i := range len(text) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (text[i] == '-') {
			return id, invalid("a UUID has its dashes elsewhere")
		}
		if !dash {
			b = append(b, text[i])
		}
	}
	if _, err := hex.Decode(id[:], b); err != nil || id.IsZero() {
		return id, invalid("a UUID is written with the digits 0 to 9 and a to f")
	}
	return id, nil
}

// parse makes a step of what was asked for. The step's legs are used again.
func (s *Ledger) parse(r *request, st *step) error {
	switch r.what {
	case 't':
		return s.parseTransfer(r, st)
	case 'p':
		return parsePost(r, st)
	case 'v':
		return parseVoid(r, st)
	}
	return invalid("there is nothing to do").WithHint("give a transfer, a post or a void")
}

func (s *Ledger) parseTransfer(r *request, st *step) (err error) {
	*st = step{parties: st.parties[:0], entry: entry{legs: st.legs[:0], kind: transferEntry, memo: string(r.memo), ref: string(r.reference)}, timeout: uint32(r.timeout)}
	if st.id, err = parseID(r.id); err != nil {
		return err
	}
	if err := s.parseTexts(r, st); err != nil {
		return err
	}
	if r.hold {
		st.kind = holdEntry
	} else if r.timeout > 0 {
		return invalid("only a hold can end by itself").WithHint("set hold, or leave out timeout_seconds")
	}
	if len(r.legs) == 0 {
		err = st.addLeg(r.debit, r.credit, r.amount)
	} else if len(r.debit)+len(r.credit)+len(r.amount) > 0 {
		err = invalid("a transfer has one debit, credit and amount, or legs, not both")
	}
	for _, b := range r.legs {
		if err != nil {
			return err
		}
		debit, credit, sum, rerr := readLeg(b)
		if err = rerr; err == nil {
			err = st.addLeg(debit, credit, sum)
		}
	}
	if err == nil && r.balancing {
		st.flags |= isBalancing
		if len(st.legs) > 1 {
			err = invalid("only a transfer of one leg can move as much as is there")
		}
	}
	return err
}

// parseTexts reads what describes a transfer.
func (s *Ledger) parseTexts(r *request, st *step) error {
	if len(r.memo) > maxMemo || len(r.reference) > maxText*4 || len(r.purpose) > maxText || len(r.asset) > maxText || r.timeout > maxTimeout {
		return invalid("the note, the reference, the purpose or the time of a hold is too long")
	}
	for _, c := range r.purpose {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return invalid("a purpose is written with small letters, digits and _")
		}
	}
	st.purpose, st.asset = s.name(r.purpose), s.name(r.asset)
	if len(r.mcc) > 0 {
		for _, c := range r.mcc {
			if c < '0' || c > '9' || len(r.mcc) != 4 {
				return invalid("a merchant category code has four digits")
			}
			st.mcc = st.mcc*10 + uint16(c-'0')
		}
	}
	if d := r.doc; len(d) > 0 {
		if len(d) != 2*len(st.doc) {
			return invalid("a document is named by its SHA-256, 64 hexadecimal digits")
		}
		if _, err := hex.Decode(st.doc[:], d); err != nil {
			return invalid("a document is named by its SHA-256, 64 hexadecimal digits")
		}
	}
	return nil
}

func (st *step) addLeg(debit, credit, sum []byte) (err error) {
	var l leg
	if l.debit, err = parseAccount(debit); err != nil {
		return err
	}
	if l.credit, err = parseAccount(credit); err != nil {
		return err
	}
	if l.amount, err = amount.Parse(sum); err != nil {
		return err
	}
	switch {
	case l.amount.IsZero():
		return edge.E(edge.Invalid, "an amount of nothing cannot be moved").WithCode(amount.CodeInvalid)
	case l.debit == l.credit:
		return invalid("the two accounts of a transfer are the same").WithHint("choose another account to credit")
	}
	st.legs = append(st.legs, l)
	return nil
}

func parseAccount[S ~string | ~[]byte](text S) (edge.ID, error) {
	if len(text) == 0 {
		return edge.ID{}, invalid("an account is missing").WithHint("name the account to debit and the one to credit")
	}
	return parseID(text)
}

func parsePost(r *request, st *step) (err error) {
	*st = step{parties: st.parties[:0], entry: entry{kind: postEntry, legs: st.legs[:0]}, whole: len(r.amount) == 0}
	if st.id, err = parseID(r.id); err != nil {
		return err
	}
	if st.about, err = parseHold(r.about); err != nil || st.whole {
		return err
	}
	if st.part, err = amount.Parse(r.amount); err == nil && st.part.IsZero() {
		return edge.E(edge.Invalid, "a hold cannot be posted for nothing").WithHint("void it").WithCode(amount.CodeInvalid)
	}
	return err
}

func parseVoid(r *request, st *step) (err error) {
	*st = step{parties: st.parties[:0], entry: entry{kind: voidEntry, legs: st.legs[:0]}}
	if st.id, err = parseID(r.id); err != nil {
		return err
	}
	st.about, err = parseHold(r.about)
	return err
}

func parseHold[S ~string | ~[]byte](text S) (edge.ID, error) {
	if len(text) == 0 {
		return edge.ID{}, invalid("the transfer is missing").WithHint("name the hold, or the transfer to reverse")
	}
	return parseID(text)
}
