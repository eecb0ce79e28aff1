package policy

import (
	"slices"
	"strings"
	"time"
)

// Purposes of use, after HL7's v3-PurposeOfUse: TREAT, ETREAT, HPAYMT, HOPERAT, HRESCH, PUBHLTH, PATRQT.
func Purposes() []string {
	return []string{"treatment", "emergency", "payment", "operations", "research", "public-health", "subject"}
}

func purpose(p string) string {
	if p == "" {
		return Purposes()[0]
	}
	return p
}

// Consent is what a person decided about data about them. It has the shape of a FHIR R4 Consent: what holds in
// general, and exceptions. Who has several consents of one person puts their provisions together: one that denies
// outweighs one that permits.
type Consent struct {
	Subject    string      `json:"subject"`
	Deny       bool        `json:"deny,omitempty"` // what holds where no provision matches (Consent.provision.type)
	Provisions []Provision `json:"provisions,omitempty"`
	Source     string      `json:"source,omitempty"` // "Consent/123" or the number of the signed form

	Version uint64    `json:"version,omitempty"` // of this record, from 1
	Set     time.Time `json:"set,omitzero"`
	By      string    `json:"by,omitempty"`
}

// A Provision is one exception. All of its parts that are not empty must match.
type Provision struct {
	Deny     bool      `json:"deny,omitempty"`
	Purposes []string  `json:"purposes,omitempty"` // see Purposes
	Roles    []string  `json:"roles,omitempty"`    // of the caller
	Actors   []string  `json:"actors,omitempty"`   // ids of callers
	Types    []string  `json:"types,omitempty"`    // of the object
	Labels   []string  `json:"labels,omitempty"`   // "security=psychiatry": any of these on the object
	From     time.Time `json:"from,omitzero"`
	Until    time.Time `json:"until,omitzero"` // exclusive
}

// verdict is "none" without a consent, "deny" where one of somebody else was handed in, and else what it says.
func verdict(q Request, roles []string) string {
	c := q.Context.Consent
	if c == nil {
		return "none"
	}
	deny, permit := c.Deny, false
	if q.Object.Subject != "" && q.Object.Subject != c.Subject {
		return "deny"
	}
	for _, p := range c.Provisions {
		if p.matches(q, roles) {
			if p.Deny {
				return "deny"
			}
			permit = true
		}
	}
	if deny && !permit {
		return "deny"
	}
	return "permit"
}

func (p Provision) matches(q Request, roles []string) bool {
	any := func(want []string, is func(string) bool) bool { return len(want) == 0 || slices.ContainsFunc(want, is) }
	now := q.Context.Now
	return any(p.Purposes, func(s string) bool { return s == purpose(q.Context.Purpose) }) &&
		any(p.Roles, func(s string) bool { return slices.Contains(roles, s) }) &&
		any(p.Actors, func(s string) bool { return s == q.Caller.ID }) &&
		any(p.Types, func(s string) bool { return s == q.Object.Type }) &&
		any(p.Labels, func(s string) bool { k, v, ok := strings.Cut(s, "="); return ok && q.Object.Labels[k] == v }) &&
		!now.Before(p.From) && (p.Until.IsZero() || now.Before(p.Until))
}
