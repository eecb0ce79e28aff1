package ledger

import (
	"encoding/hex"
	"strconv"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A step is one thing to do, read and found to be well formed.
type step struct {
	entry
	part    amount.Amount // of a hold, to post
	whole   bool          // of a hold, all of it is posted
	timeout uint32        // of a hold, in seconds
	asset   string        // the currency the caller means
	judged  bool          // the rules were asked before
	own     bool          // the ledger itself asks: it may use the accounts that are its own
}

const (
	maxLegs = 256
	maxMemo = 140 * 4 // bytes
	maxText = 64
)

// parseID reads an identifier: 26 letters and digits, or a UUID. Where there is none one is made.
func parseID(text string) (edge.ID, error) {
	switch len(text) {
	case 0:
		return edge.NewID(), nil
	case 36:
		return parseUUID(text)
	}
	id, err := edge.ParseID(text)
	if err != nil || id.IsZero() {
		return id, invalid("an identifier has 26 letters and digits, or is a UUID").WithHint("make a new one for each transfer, and keep it for retries")
	}
	return id, nil
}

// parseUUID reads the form of RFC 9562.
func parseUUID(text string) (id edge.ID, err error) {
	b := make([]byte, 0, 32)
	for i := range len(text) {
		switch dash := i == 8 || i == 13 || i == 18 || i == 23; {
		case dash && text[i] == '-':
		case dash:
			return id, invalid("a UUID has its dashes elsewhere")
		default:
			b = append(b, text[i])
		}
	}
	if _, err := hex.Decode(id[:], b); err != nil || id.IsZero() {
		return id, invalid("a UUID is written with the digits 0 to 9 and a to f")
	}
	return id, nil
}

// parseTransfer reads what is asked for into s, whose legs are used again.
func parseTransfer(in *walletv1.NewTransfer, s *step) (err error) {
	*s = step{entry: entry{legs: s.legs[:0], kind: transferEntry, purpose: in.GetPurpose(), memo: in.GetMemo(), ref: in.GetReference()}, timeout: in.GetTimeoutSeconds(), asset: in.GetAsset()}
	if s.id, err = parseID(in.GetId()); err != nil {
		return err
	}
	if err := s.texts(in); err != nil {
		return err
	}
	if in.GetHold() {
		s.kind = holdEntry
	} else if s.timeout > 0 {
		return invalid("only a hold can end by itself").WithHint("set hold, or leave out timeout_seconds")
	}
	if len(in.GetLegs()) == 0 {
		err = s.addLeg(in.GetDebit(), in.GetCredit(), in.GetAmount())
	} else if in.GetDebit() != "" || in.GetCredit() != "" || in.GetAmount() != "" || len(in.GetLegs()) > maxLegs {
		err = invalid("a transfer has one debit, credit and amount, or 1 to %d legs", maxLegs)
	}
	for _, l := range in.GetLegs() {
		if err == nil {
			err = s.addLeg(l.GetDebit(), l.GetCredit(), l.GetAmount())
		}
	}
	if err == nil && in.GetBalancing() {
		s.flags |= isBalancing
		if len(s.legs) > 1 {
			err = invalid("only a transfer of one leg can move as much as is there")
		}
	}
	return err
}

// texts reads what describes the transfer.
func (s *step) texts(in *walletv1.NewTransfer) error {
	switch {
	case len(s.memo) > maxMemo, len(s.ref) > maxText*4, len(s.purpose) > maxText, len(s.asset) > maxText:
		return invalid("the note, the reference or the purpose is too long")
	case in.GetMcc() != "":
		n, err := strconv.ParseUint(in.GetMcc(), 10, 16)
		if err != nil || len(in.GetMcc()) != 4 || n == 0 {
			return invalid("a merchant category code has four digits")
		}
		s.mcc = uint16(n)
	}
	if d := in.GetDocument(); d != "" {
		if n, err := hex.Decode(s.doc[:], []byte(d)[:min(len(d), 64)]); err != nil || n != 32 || len(d) != 64 {
			return invalid("a document is named by its SHA-256, 64 hexadecimal digits")
		}
	}
	return nil
}

func (s *step) addLeg(debit, credit, sum string) (err error) {
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
	s.legs = append(s.legs, l)
	return nil
}

func parseAccount(text string) (edge.ID, error) {
	if text == "" {
		return edge.ID{}, invalid("an account is missing").WithHint("name the account to debit and the one to credit")
	}
	return parseID(text)
}

func parsePost(in *walletv1.NewPost, s *step) (err error) {
	*s = step{entry: entry{kind: postEntry, legs: s.legs[:0]}, whole: in.GetAmount() == ""}
	if s.id, err = parseID(in.GetId()); err != nil {
		return err
	}
	if s.about, err = parseHold(in.GetHold()); err != nil || s.whole {
		return err
	}
	if s.part, err = amount.Parse(in.GetAmount()); err == nil && s.part.IsZero() {
		return invalid("a hold cannot be posted for nothing").WithHint("void it").WithCode(amount.CodeInvalid)
	}
	return err
}

func parseVoid(in *walletv1.NewVoid, s *step) (err error) {
	*s = step{entry: entry{kind: voidEntry, legs: s.legs[:0]}}
	if s.id, err = parseID(in.GetId()); err != nil {
		return err
	}
	s.about, err = parseHold(in.GetHold())
	return err
}

func parseHold(text string) (edge.ID, error) {
	if text == "" {
		return edge.ID{}, invalid("the hold is missing")
	}
	return parseID(text)
}
