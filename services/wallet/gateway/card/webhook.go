package card

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/gateway"
)

// Bounds of a message.
const (
	MaxMessage = 256 << 10       // bytes
	Tolerance  = 5 * time.Minute // between the signature's time and ours, either way
	maxSigns   = 16              // signatures in one header that are looked at
)

// A Secret is what a processor signs its messages with. While it is changed there are two.
type Secret struct {
	edge.Redacted
	Value string
}

// Verify checks that the holder of one of the secrets signed body within Tolerance of now: header is "t=seconds,v1=hex",
// with as many v1 as the processor has secrets, each HMAC-SHA256 of "t.body". It fails with Denied, and says no more.
func Verify(header string, body []byte, secrets []Secret, now time.Time) error {
	denied := edge.E(edge.Denied, "the message is not signed by the card processor").WithHint("compare the signing secret in the settings with the processor's")
	var at string
	var signs [][]byte
	for i, part := range strings.SplitN(header, ",", maxSigns+2) {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case i > maxSigns || name == "t" && at != "":
			return denied
		case name == "t":
			at = value
		case name == "v1":
			if sign, err := hex.DecodeString(value); err == nil {
				signs = append(signs, sign)
			}
		}
	}
	seconds, err := strconv.ParseInt(at, 10, 48)
	if err != nil || len(body) > MaxMessage {
		return denied
	}
	if now.Sub(time.Unix(seconds, 0)).Abs() > Tolerance {
		return edge.E(edge.Denied, "the message of the card processor is too old, or the clock here is wrong").WithHint("check the time of this node")
	}
	for _, s := range secrets {
		if s.Value == "" {
			continue
		}
		mac := hmac.New(sha256.New, []byte(s.Value))
		mac.Write([]byte(at + "."))
		mac.Write(body)
		want := mac.Sum(nil)
		for _, sign := range signs {
			if hmac.Equal(sign, want) {
				return nil
			}
		}
	}
	return denied
}

// A Message is what a processor tells of one attempt.
type Message struct {
	Attempt string // our id; empty for refunds, which are found by Payment
	Payment string // the processor's id of the payment
	Event   paygate.Event
	Ignored bool // a message about something else; it is acknowledged and nothing is done
}

// Parse reads a message whose signature was verified. It fails with Invalid.
func Parse(body []byte) (Message, error) {
	var m struct {
		edge.Redacted
		ID      string
		Type    string
		Created int64
		Data    struct{ Object json.RawMessage }
	}
	if err := json.Unmarshal(body, &m); err != nil || m.ID == "" || m.Type == "" {
		return Message{}, edge.E(edge.Invalid, "the message of the card processor cannot be read")
	}
	at := time.Unix(m.Created, 0).UTC()
	kind, _, _ := strings.Cut(m.Type, ".")
	switch {
	case kind == "payment_intent":
		return ofPayment(m.ID, at, m.Data.Object)
	case kind == "refund", m.Type == "charge.refund.updated":
		return ofRefund(m.ID, at, m.Data.Object)
	}
	return Message{Ignored: true}, nil
}

// ofPayment believes the payment as it stands in the message and not the message's name: messages overtake each other.
func ofPayment(id string, at time.Time, object []byte) (Message, error) {
	var got intent
	if err := json.Unmarshal(object, &got); err != nil || got.ID == "" {
		return Message{}, edge.E(edge.Invalid, "the message of the card processor holds no payment")
	}
	p := got.payment()
	if p.Attempt == "" {
		return Message{Payment: p.ID, Ignored: true}, nil
	}
	e := p.Event(at)
	e.ID, e.Source = id, paygate.Webhook
	return Message{Attempt: p.Attempt, Payment: p.ID, Event: e}, nil
}

func ofRefund(id string, at time.Time, object []byte) (Message, error) {
	var got refund
	if err := json.Unmarshal(object, &got); err != nil || got.ID == "" || got.Payment == "" {
		return Message{}, edge.E(edge.Invalid, "the message of the card processor holds no refund")
	}
	r := got.refund()
	e, ok := r.Event(at)
	e.ID, e.Source = id, paygate.Webhook
	return Message{Payment: r.Payment, Event: e, Ignored: !ok}, nil
}
