package across

import (
	"crypto/ed25519"
	"encoding/json"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// What is signed begins with one of these, so that no signature means two things.
const (
	noteDomain    = "aielon-edge/wallet/across/note/1\x00"
	voucherDomain = "aielon-edge/wallet/across/voucher/1\x00"
)

// Types of the events between sites. Bodies are JSON and name nobody: sites, identifiers, amounts.
const (
	EventSent     = "wallet.sent"
	EventReceived = "wallet.received"
	EventDeclined = "wallet.declined"
	EventGranted  = "wallet.granted"
	EventSpent    = "wallet.spent"
	EventClosing  = "wallet.closing"
	EventClosed   = "wallet.closed"
	EventKey      = "wallet.peer_key" // body: a Proof
	EventSettled  = "wallet.settled"  // what became of money that was sent
	EventStands   = "wallet.clearing" // body: Stands
	EventTrouble  = "wallet.trouble"  // a note contradicts another
)

// eventType is the type of the event that carries a kind of note, or empty.
func eventType(k walletv1.NoteKind) string {
	switch k {
	case walletv1.NoteKind_NOTE_SENT:
		return EventSent
	case walletv1.NoteKind_NOTE_RECEIVED:
		return EventReceived
	case walletv1.NoteKind_NOTE_DECLINED:
		return EventDeclined
	case walletv1.NoteKind_NOTE_GRANTED:
		return EventGranted
	case walletv1.NoteKind_NOTE_SPENT:
		return EventSpent
	case walletv1.NoteKind_NOTE_CLOSING:
		return EventClosing
	case walletv1.NoteKind_NOTE_CLOSED:
		return EventClosed
	}
	return ""
}

// Carries reports whether events of a type hold a note for another site.
func Carries(typ string) bool {
	switch typ {
	case EventSent, EventReceived, EventDeclined, EventGranted, EventSpent, EventClosing, EventClosed:
		return true
	}
	return false
}

// A Carried note is the body of an event that a hub hands to another site.
type Carried struct {
	To   string  `json:"to"`
	ID   edge.ID `json:"id"`
	Kind string  `json:"kind"`
	Note []byte  `json:"note"` // a SignedNote
}

// A Stand is what an account of clearing stands at: what this site owes the peer; below 0 what the peer owes.
type Stand struct {
	Peer    string `json:"peer"`
	Asset   string `json:"asset"`
	Fund    string `json:"fund"`
	Account string `json:"account"`
	Posted  string `json:"posted"`
}

// Stands is what accounts of clearing stand at, after what a command did to them.
type Stands struct {
	Stands []Stand `json:"stands"`
}

// A received note is one that was proved to be of whom it says.
type received struct {
	*walletv1.Note
	raw    []byte // as it was signed
	signed []byte // as it came
	id     edge.ID
	amount amount.Amount
	tries  int
}

// read takes a note apart and looks whether it is well formed. It fails with Invalid.
func read(b []byte) (r received, sig []byte, err error) {
	s, n := &walletv1.SignedNote{}, &walletv1.Note{}
	if len(b) > maxNote || proto.Unmarshal(b, s) != nil || proto.Unmarshal(s.GetNote(), n) != nil {
		return r, nil, invalid("a note of another site cannot be read")
	}
	r = received{Note: n, raw: s.GetNote(), signed: b}
	if eventType(n.GetKind()) == "" || !isSite(n.GetFrom()) || !isSite(n.GetTo()) || n.GetFrom() == n.GetTo() || len(n.GetId()) != len(r.id) {
		return r, nil, invalid("a note of another site is not well formed")
	}
	copy(r.id[:], n.GetId())
	if t := n.GetAmount(); t != "" {
		if r.amount, err = amount.Parse(t); err != nil {
			return r, nil, err
		}
	}
	return r, s.GetSignature(), nil
}

// verify reports whether a key signed a message of a domain.
func verify(public []byte, domain string, message, sig []byte) bool {
	return len(public) == ed25519.PublicKeySize && ed25519.Verify(public, append([]byte(domain), message...), sig)
}

// sign makes a note of this site.
func (a *act) sign(n *walletv1.Note) (signed []byte, note [32]byte, err error) {
	n.From = a.me.Site
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(n)
	if err == nil {
		note = hash(raw)
		signed, err = proto.MarshalOptions{Deterministic: true}.Marshal(&walletv1.SignedNote{Note: raw, Signature: a.me.signature(noteDomain, raw)})
	}
	if err != nil {
		return nil, note, edge.E(edge.Internal, "a note cannot be written: %w", err)
	}
	if len(signed) > maxNote {
		return nil, note, edge.E(edge.Internal, "a note of %d bytes is too long", len(signed))
	}
	return signed, note, nil
}

func (s *selfRow) signature(domain string, message []byte) []byte {
	return ed25519.Sign(ed25519.NewKeyFromSeed(s.Seed), append([]byte(domain), message...))
}

// tell has the hub hand a note to the site it is for.
func (a *act) tell(signed []byte) error {
	n, _, err := read(signed)
	if err != nil {
		return err
	}
	return a.emit(eventType(n.GetKind()), "crossing:"+n.id.String(), Carried{To: n.GetTo(), ID: n.id, Kind: kindName(n.GetKind()), Note: signed})
}

// say signs a note and has it handed over.
func (a *act) say(n *walletv1.Note) (signed []byte, note [32]byte, err error) {
	signed, note, err = a.sign(n)
	if err == nil {
		err = a.tell(signed)
	}
	return signed, note, err
}

func kindName(k walletv1.NoteKind) string {
	return strings.ToLower(strings.TrimPrefix(k.String(), "NOTE_"))
}

func (a *act) emit(typ, subject string, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return edge.E(edge.Internal, "an event cannot be written: %w", err)
	}
	a.tx.Emit(edge.Event{Type: typ, Subject: subject, Class: edge.Personal, Urgency: edge.Ledger, Body: b})
	return nil
}

// isSite reports whether a text can be the name of a site.
func isSite(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
