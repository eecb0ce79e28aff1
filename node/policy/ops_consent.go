package policy

import (
	"slices"
	"strings"

	"github.com/aielon/edge/node/edge"
)

// MaxProvisions is how many exceptions one person's consent may have, and how many words each part of one.
const (
	MaxProvisions = 64
	maxPerPart    = 32
)

// NewConsent asks for a person's consent to be written down. Version is that of what it replaces, 0 for the first.
type NewConsent struct {
	Subject    string      `json:"subject"`
	Deny       bool        `json:"deny"`
	Provisions []Provision `json:"provisions"`
	Source     string      `json:"source"`
	Version    uint64      `json:"version"`
}

// ConsentRef names a person, and the version of the consent that is meant.
type ConsentRef struct {
	Subject string `json:"subject"`
	Version uint64 `json:"version"`
}

// ConsentEvent is the body of Consented. What somebody does not want to be seen is nobody's business either.
type ConsentEvent struct {
	Subject string `json:"subject"`
	Version uint64 `json:"version"` // 0: removed
	Actor   string `json:"actor"`
}

// Consent writes down what a person agrees to. It fails with Conflict where somebody else did so meanwhile.
func (o Ops) Consent(tx edge.Tx, in NewConsent) (Consent, error) {
	if err := o.checkConsent(in); err != nil {
		return Consent{}, err
	}
	if err := consentUnchanged(tx, in.Subject, in.Version); err != nil {
		return Consent{}, err
	}
	c := Consent{Subject: in.Subject, Deny: in.Deny, Provisions: in.Provisions, Source: in.Source, Version: in.Version + 1, Set: tx.Now(), By: tx.Actor().ID}
	if err := set(tx, []byte(consentPrefix+c.Subject), c); err != nil {
		return Consent{}, err
	}
	return c, tellConsent(tx, c.Subject, c.Version)
}

// Forget takes back what was written down: it is as if the person had never been asked.
func (o Ops) Forget(tx edge.Tx, in ConsentRef) (struct{}, error) {
	if in.Version == 0 {
		return struct{}{}, edge.E(edge.Invalid, "say which version of the consent is meant")
	}
	if err := consentUnchanged(tx, in.Subject, in.Version); err != nil {
		return struct{}{}, err
	}
	tx.Delete([]byte(consentPrefix + in.Subject))
	return struct{}{}, tellConsent(tx, in.Subject, 0)
}

func consentUnchanged(tx edge.Tx, subject string, version uint64) error {
	if err := checkID("the number of a person", subject); err != nil {
		return err
	}
	old, _, err := get[Consent](tx, []byte(consentPrefix+subject))
	if err == nil && old.Version != version {
		err = edge.E(edge.Conflict, "what this person agreed to was changed meanwhile: it has version %d now, not %d", old.Version, version).WithHint("look at it again, then repeat the change")
	}
	return err
}

func tellConsent(tx edge.Tx, subject string, version uint64) error {
	return emit(tx, Consented, "person:"+subject, edge.Personal, edge.Ledger, ConsentEvent{Subject: subject, Version: version, Actor: tx.Actor().ID})
}

// Consented shows what a person agreed to; NotFound where nobody wrote anything down.
func (o Ops) Consented(v edge.View, in ConsentRef) (Consent, error) {
	c, err := FindConsent(v, in.Subject)
	if err == nil && c == nil {
		err = edge.E(edge.NotFound, "nothing is written down of what this person agrees to")
	}
	if err != nil {
		return Consent{}, err
	}
	return *c, nil
}

// FindConsent is what a person decided, for Context; nil where nothing is written down.
func FindConsent(v edge.View, subject string) (*Consent, error) {
	if checkID("", subject) != nil {
		return nil, nil
	}
	c, found, err := get[Consent](v, []byte(consentPrefix+subject))
	if err != nil || !found {
		return nil, err
	}
	return &c, nil
}

func (o Ops) checkConsent(in NewConsent) error {
	if err := checkID("the number of a person", in.Subject); err != nil {
		return err
	}
	if len(in.Provisions) > MaxProvisions || len(in.Source) > maxWords || !printable(in.Source) {
		return edge.E(edge.Invalid, "a consent may have %d provisions and a source of %d bytes", MaxProvisions, maxWords)
	}
	for i, p := range in.Provisions {
		if err := o.checkProvision(p); err != nil {
			return edge.E(edge.Invalid, "provision %d: %w", i+1, err)
		}
	}
	return nil
}

func (o Ops) checkProvision(p Provision) error {
	for _, s := range p.Purposes {
		if !slices.Contains(Purposes(), s) {
			return edge.E(edge.Invalid, "there is no purpose called %q; purposes are %s", clip(s, 40), strings.Join(Purposes(), ", "))
		}
	}
	for _, s := range p.Roles {
		if _, ok := o.base.roles[s]; !ok {
			return edge.E(edge.Invalid, "there is no role called %q", clip(s, 40))
		}
	}
	for _, s := range p.Labels {
		if k, v, ok := strings.Cut(s, "="); !ok || k == "" || v == "" {
			return edge.E(edge.Invalid, "%q is not a label: key=value is expected", clip(s, 40))
		}
	}
	for _, part := range [][]string{p.Purposes, p.Roles, p.Actors, p.Types, p.Labels} {
		if len(part) > maxPerPart || slices.ContainsFunc(part, func(s string) bool { return s == "" || len(s) > 128 || !printable(s) }) {
			return edge.E(edge.Invalid, "each part of a provision may have %d words of 1 to 128 bytes", maxPerPart)
		}
	}
	if !p.From.IsZero() && !p.Until.IsZero() && !p.From.Before(p.Until) {
		return edge.E(edge.Invalid, "it ends before it begins")
	}
	return nil
}
