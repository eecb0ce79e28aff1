package lockout

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
)

const (
	// KeyBytes is the length of the key that signs device cookies.
	KeyBytes = 32
	// DeviceLife is how long a browser stays known after a sign-in.
	DeviceLife   = 180 * 24 * time.Hour
	devicePrefix = "aek_"
	nonceLen     = 16
	deviceLen    = nonceLen + 8 + sha256.Size
)

// Devices signs and reads the cookies by which a browser shows that an account's owner signed in from it
// before (OWASP, "Slow down online guessing attacks with device cookies"). Such a cookie proves nobody; it
// only gives the browser a count of its own.
type Devices struct {
	edge.Redacted

	Key []byte // KeyBytes, the same on all nodes of a site; nil: no browser is known
}

// Issue makes a cookie for the account that has just signed in.
func (d Devices) Issue(account string, now time.Time) string {
	b := make([]byte, nonceLen, deviceLen)
	rand.Read(b)
	b = binary.BigEndian.AppendUint64(b, uint64(now.Add(DeviceLife).Unix()))
	return devicePrefix + base64.RawURLEncoding.EncodeToString(append(b, d.sign(account, b)...))
}

// Known returns the id of a browser that holds a good cookie for this account, or an empty one.
func (d Devices) Known(cookie, account string, now time.Time) (id string) {
	text, ok := strings.CutPrefix(cookie, devicePrefix)
	if !ok || len(d.Key) != KeyBytes || len(text) != base64.RawURLEncoding.EncodedLen(deviceLen) {
		return ""
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != deviceLen || !hmac.Equal(d.sign(account, b[:nonceLen+8]), b[nonceLen+8:]) {
		return ""
	}
	until := binary.BigEndian.Uint64(b[nonceLen:])
	if now.Unix() >= int64(until) {
		return ""
	}
	return string(b[:nonceLen])
}

func (d Devices) sign(account string, b []byte) []byte {
	m := hmac.New(sha256.New, d.Key)
	m.Write([]byte("aielon-edge/known-device/1\x00" + account + "\x00"))
	m.Write(b)
	return m.Sum(nil)
}
