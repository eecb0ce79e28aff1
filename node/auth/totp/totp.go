// Package totp checks the six digits that an authenticator app shows (RFC 6238), and takes each of them once.
package totp

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"net/url"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"github.com/aielon/edge/node/edge"
)

const (
	// SecretBytes is the length of a secret: that of the hash behind it (RFC 4226 section 4).
	SecretBytes = 20
	digits      = 6
	period      = 30 // seconds
	window      = 1  // steps that a clock may be off, either way
	maxTyped    = 64 // bytes a person may type for a code
	maxLabel    = 64 // bytes of a name shown in the app
)

// NewSecret makes what the app and the site share.
func NewSecret() []byte {
	b := make([]byte, SecretBytes)
	rand.Read(b)
	return b
}

// Text is a secret in the letters and digits a person types into an app that cannot scan.
func Text(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// URI is what the QR code for an app holds, secret included:
// "otpauth://totp/<issuer>:<account>?secret=...&issuer=...".
func URI(secret []byte, issuer, account string) string {
	issuer, account = label(issuer), label(account)
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + account}
	// apps on older phones know of no plus sign for a space
	u.RawQuery = "secret=" + Text(secret) + "&issuer=" + url.PathEscape(issuer) + "&algorithm=SHA1&digits=6&period=30"
	return u.String()
}

// label keeps a name from being read as another one: a colon separates issuer and account.
func label(s string) string {
	out := make([]rune, 0, len(s))
	for _, r := range s {
		if r == ':' || r < ' ' || r == 0x7f {
			r = ' '
		}
		if len(string(out))+len(string(r)) > maxLabel {
			break
		}
		out = append(out, r)
	}
	return string(out)
}

// Step is the number of the half minute a time lies in.
func Step(now time.Time) int64 { return now.Unix() / period }

// Check finds the step for which a code as a person typed it is right: the present one or the one before or
// after. Steps up to last are spent and never right again. The caller keeps the step it gets as the new last.
// All steps are computed and compared whatever comes of the first.
func Check(secret []byte, typed string, last int64, now time.Time) (step int64, ok bool) {
	code, err := parse(typed)
	if err != nil || len(secret) != SecretBytes {
		code = "------" // takes as long, and is never right
	}
	for s := Step(now) - window; s <= Step(now)+window; s++ {
		want, err := hotp.GenerateCodeCustom(Text(secret), uint64(s), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		right := err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1
		if right && s > last && !ok {
			step, ok = s, true
		}
	}
	return step, ok
}

// Code is what an app shows at a time.
func Code(secret []byte, at time.Time) (string, error) {
	code, err := hotp.GenerateCodeCustom(Text(secret), uint64(Step(at)), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
	if err != nil {
		return "", edge.E(edge.Internal, "a code cannot be made: %w", err)
	}
	return code, nil
}

// parse reads six digits, with spaces and hyphens anywhere, in Latin, Arabic or Persian figures.
func parse(typed string) (string, error) {
	bad := edge.E(edge.Invalid, "the code has six digits")
	if len(typed) > maxTyped {
		return "", bad
	}
	code := make([]byte, 0, digits)
	for _, r := range typed {
		switch {
		case r == ' ' || r == '\u00a0' || r == '-' || r == '\t' || r == '\r' || r == '\n':
			continue
		case r >= '0' && r <= '9':
			code = append(code, byte(r))
		case r >= '٠' && r <= '٩':
			code = append(code, byte('0'+r-'٠'))
		case r >= '۰' && r <= '۹':
			code = append(code, byte('0'+r-'۰'))
		default:
			return "", bad
		}
	}
	if len(code) != digits {
		return "", bad
	}
	return string(code), nil
}
