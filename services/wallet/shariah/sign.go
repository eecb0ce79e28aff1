package shariah

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"

	"github.com/aielon/edge/node/edge"
)

// domain keeps a signature under a set from being one under anything else.
const domain = "aielon-edge/rule-set/1\x00"

// Canonical returns the one form of s that is signed: JSON without white space, keys in a fixed order, rules in order
// of their ids, lists of names sorted. Parse reads it, and gives s again. The form stays as it is for as long as sets
// are signed in it.
func (s *Set) Canonical() ([]byte, error) {
	d := document{Name: s.Name, Version: s.Version}
	for i := range s.Rules {
		r := &s.Rules[i]
		if r.check == nil {
			return nil, edge.E(edge.Invalid, "the rule %s was not read by Parse", r.ID)
		}
		params, err := compact(r.check)
		if err != nil {
			return nil, err
		}
		data, err := compact(row{r.ID, r.Kind, r.Act, params, r.Doc, r.Source, r.Texts})
		if err != nil {
			return nil, err
		}
		d.Rules = append(d.Rules, data)
	}
	return compact(d)
}

// compact is json.Marshal with <, > and & as they are.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, edge.E(edge.Internal, "a rule set cannot be written: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// Sign returns the Ed25519 signature (64 bytes) of key under s.
func Sign(s *Set, key ed25519.PrivateKey) ([]byte, error) {
	data, err := s.Canonical()
	if err != nil {
		return nil, err
	}
	return ed25519.Sign(key, append([]byte(domain), data...)), nil
}

// Verify reads a set and checks that one of keys signed it; by is its place among them. However the document is laid
// out, it is the canonical form that counts. It fails like Parse, and with Denied, code rule_set_unsigned, where none
// of the keys signed it.
func Verify(data, signature []byte, keys []ed25519.PublicKey) (s *Set, by int, err error) {
	if s, err = Parse(data); err != nil {
		return nil, 0, err
	}
	canonical, err := s.Canonical()
	if err != nil {
		return nil, 0, err
	}
	message := append([]byte(domain), canonical...)
	for i, key := range keys {
		if len(key) == ed25519.PublicKeySize && ed25519.Verify(key, message, signature) {
			return s, i, nil
		}
	}
	return nil, 0, edge.E(edge.Denied, "the rule set is not signed by anybody who may sign rule sets here").
		WithHint("have it signed by one of the keys of the site's board").WithCode("rule_set_unsigned")
}
