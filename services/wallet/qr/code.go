// Package qr reads and writes the text of a QR code that a merchant shows to a payer, as the EMV QR Code
// Specification for Payment Systems, Merchant-Presented Mode 1.1 (EMVCo, November 2020; "MPM" in comments) and its
// Indonesian profile QRIS lay it out, and draws such a code. It only knows the form: whether a merchant may be paid is
// for others to decide.
package qr

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aielon/edge/node/edge"
)

// MaxText is the longest text of a code in bytes of UTF-8, read or written (MPM 3.2: "should not exceed 512 characters").
const MaxText = 512

// Codes of refusals.
const (
	BadCRC  = "qr_bad_crc"      // the text is not what the merchant's machine wrote
	Invalid = "invalid_request" // the text is no such code, or a code that breaks the specification
)

// A Code is what a text says, object by object in its order, without the two that every text has: 00 (the format,
// always "01") at its beginning and 63 (the checksum) at its end. Objects nobody knows are kept.
type Code []Object

// An Object is a value with an id, or a template that holds such objects. Of Value and Parts it has one.
type Object struct {
	ID    string   // two digits
	Value string   // 1 to 99 characters
	Parts []Object // of a template
}

const (
	begin   = "000201"
	sumHead = "6304"
	sumSize = len(sumHead) + 4
)

// Decode reads a text. It takes nothing that Encode does not give back byte for byte. It fails with edge.Invalid: code
// qr_bad_crc where the text has the form of a code and its checksum is another, invalid_request otherwise.
func Decode(text string) (Code, error) {
	switch {
	case text == "":
		return nil, invalid("there is no text of a QR code")
	case len(text) > MaxText:
		return nil, invalid("the text of the QR code is longer than the %d bytes a payment code may have", MaxText)
	case !clean(text):
		return nil, invalid("the text of the QR code has characters that no payment code has")
	case !strings.HasPrefix(text, begin) || len(text) < len(begin)+sumSize:
		return nil, invalid("this QR code is not a payment code of a merchant").WithHint("scan the code with the sign of the payment scheme on it")
	}
	body, sum := text[:len(text)-4], text[len(text)-4:]
	if !strings.HasSuffix(body, sumHead) || strings.Trim(sum, "0123456789ABCDEF") != "" {
		return nil, invalid("the payment code does not end with its checksum").WithHint("scan it again, whole")
	}
	if checksum(body) != sum {
		return nil, edge.E(edge.Invalid, "the payment code was not read as it was written, or somebody changed it").
			WithHint("scan it again; if this comes back, do not pay, and ask the merchant for a new code").WithCode(BadCRC)
	}
	return parse(body[len(begin):len(body)-len(sumHead)], top)
}

// Encode writes the text of c, in the order of c. It fails with edge.Invalid, code invalid_request, where c holds what
// Decode would refuse.
func (c Code) Encode() (string, error) {
	text := begin
	for _, o := range c {
		part, err := o.text(top)
		if err != nil {
			return "", err
		}
		text += part
	}
	text += sumHead
	text += checksum(text)
	if _, err := Decode(text); err != nil { // what twins and lengths may be is written once
		return "", err
	}
	return text, nil
}

// Find returns the object with an id.
func (c Code) Find(id string) (Object, bool) { return find(c, id) }

func find(objects []Object, id string) (Object, bool) {
	for _, o := range objects {
		if o.ID == id {
			return o, true
		}
	}
	return Object{}, false
}

// clean reports whether text is UTF-8 that shows all it holds: no control characters, nothing that turns the order of
// letters around or hides between them, so that a name on a screen is the name in the code.
func clean(text string) bool {
	if !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if unicode.Is(unicode.C, r) && !joiner(r) || r == '\u2028' || r == '\u2029' {
			return false
		}
	}
	return true
}

// joiner reports the two characters without width that words of Urdu and Persian are written with.
func joiner(r rune) bool { return r == '\u200c' || r == '\u200d' }

func invalid(format string, args ...any) *edge.Error {
	return edge.E(edge.Invalid, format, args...).WithCode(Invalid)
}
