package audit

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"

	"github.com/aielon/edge/node/edge"
)

// A Mask writes down what may not stand in the clear so that equal things look equal and nothing can be read
// back. All nodes of a site must use one key, or one address looks like several.
type Mask struct {
	edge.Redacted
	key []byte
}

// NewMask returns a Mask of a key of 32 bytes, from which its own key is derived. It fails with Invalid.
func NewMask(key []byte) (*Mask, error) {
	if len(key) != 32 {
		return nil, edge.E(edge.Invalid, "the key that hides addresses must have 32 bytes, this one has %d", len(key))
	}
	k, err := hkdf.Key(sha256.New, key, nil, "aielon-edge/audit/mask/1", 32)
	if err != nil {
		return nil, edge.E(edge.Internal, "no key can be derived: %w", err)
	}
	return &Mask{key: k}, nil
}

// Address hides where a request came from; empty for no address. The zone of an address does not count.
func (m *Mask) Address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return m.hide("address", a.Unmap().WithZone("").String())
}

// ID returns an id as it is where it has the form of one, and hidden where it has not: a device may have been
// given a name with blanks in it.
func (m *Mask) ID(id string) string {
	if id == "" || isID(id) {
		return id
	}
	return m.Hidden(id)
}

// Hidden is the form an id has where it was hidden.
func (m *Mask) Hidden(id string) string {
	if id == "" {
		return ""
	}
	return "hidden:" + m.hide("id", id)
}

// Asked is ID for what a request says it is about. A stranger may write anything there, and a person may be asked for
// by a number of a phone: what is not known to be an id is hidden.
func (m *Mask) Asked(typ, id string, proven bool) string {
	_, err := edge.ParseID(id)
	if !proven || typ == "person" && err != nil {
		return m.Hidden(id)
	}
	return m.ID(id)
}

func (m *Mask) hide(kind, s string) string {
	h := hmac.New(sha256.New, m.key)
	h.Write([]byte(kind + "\x00" + s))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// clean makes all ids of r such that they may be written down.
func (m *Mask) clean(r Record) Record {
	for _, id := range []*string{&r.Actor.ID, &r.Actor.Site, &r.Session, &r.Request, &r.Command, &r.Object.ID, &r.Glass} {
		*id = m.ID(*id)
	}
	return r
}
