package policy

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/api/policyv1"
	"github.com/aielon/edge/node/edge"
)

// Register puts the operations of the schema aielon.policy.v1 that the site answers into its table. The base engine
// is the one of the built-in policies.
func Register(m *edge.Mux, base *Engine) {
	o := Ops{base: base}
	edge.Handle(m, o.setPolicy)
	edge.Handle(m, o.removePolicy)
	edge.Handle(m, o.setProofSettings)
	edge.Answer(m, o.listPolicies)
	edge.Handle(m, o.openEmergency)
	edge.Handle(m, o.closeEmergency)
	edge.Handle(m, o.endEmergency)
	edge.Answer(m, o.listEmergencies)
	edge.Handle(m, o.setConsent)
	edge.Handle(m, o.removeConsent)
	edge.Answer(m, o.getConsent)
}

func (o Ops) setPolicy(tx edge.Tx, in *policyv1.SetPolicyRequest) (*policyv1.Policy, error) {
	p, err := o.Set(tx, NewPolicy{Ref: Ref{ID: in.GetId(), Version: in.GetIfVersion()}, Text: in.GetText(), Note: in.GetNote()})
	return p.message(), err
}

func (o Ops) removePolicy(tx edge.Tx, in *policyv1.RemovePolicyRequest) (*policyv1.Policy, error) {
	p, err := o.Remove(tx, Ref{ID: in.GetId(), Version: in.GetIfVersion()})
	return p.message(), err
}

func (o Ops) setProofSettings(tx edge.Tx, in *policyv1.SetProofSettingsRequest) (*policyv1.ProofSettings, error) {
	s, err := o.Configure(tx, Settings{AlwaysTwo: in.GetAlwaysTwo(), FreshSeconds: in.GetFreshSeconds()})
	return s.message(), err
}

func (o Ops) listPolicies(v edge.View, _ *policyv1.ListPoliciesRequest) (*policyv1.ListPoliciesResponse, error) {
	s, err := LoadState(v)
	if err != nil {
		return nil, err
	}
	out := &policyv1.ListPoliciesResponse{Settings: s.Settings.message(), Changes: s.Version}
	for _, p := range s.Policies {
		out.Policies = append(out.Policies, p.message())
	}
	return out, nil
}

func (p SitePolicy) message() *policyv1.Policy {
	return &policyv1.Policy{Id: p.ID, Text: p.Text, Note: p.Note, Forbid: p.Forbid, Version: p.Version, Set: stamp(p.Set), By: p.By}
}

func (s Settings) message() *policyv1.ProofSettings {
	return &policyv1.ProofSettings{AlwaysTwo: s.AlwaysTwo, FreshSeconds: s.FreshSeconds}
}

func (o Ops) openEmergency(tx edge.Tx, in *policyv1.OpenEmergencyAccessRequest) (*policyv1.EmergencyAccess, error) {
	b, err := o.Open(tx, Emergency{Subject: in.GetSubject(), Reason: in.GetReason(), Minutes: in.GetMinutes()})
	return b.message(tx.Now()), err
}

func (o Ops) closeEmergency(tx edge.Tx, in *policyv1.CloseEmergencyAccessRequest) (*policyv1.EmergencyAccess, error) {
	b, err := o.Close(tx, GrantRef{ID: in.GetId()})
	return b.message(tx.Now()), err
}

func (o Ops) endEmergency(tx edge.Tx, in *policyv1.EndEmergencyAccessRequest) (*policyv1.EmergencyAccess, error) {
	b, err := o.End(tx, GrantRef{ID: in.GetId()})
	return b.message(tx.Now()), err
}

const grantsPage = 100 // of one page where the caller does not say

func (o Ops) listEmergencies(v edge.View, in *policyv1.ListEmergencyAccessRequest) (*policyv1.ListEmergencyAccessResponse, error) {
	size, err := edge.PageSize(in.GetPageSize(), grantsPage, 1000)
	if err != nil {
		return nil, err
	}
	of, after, now := "emergencies", "", time.Now()
	if in.GetAll() {
		of = "all emergencies"
	}
	if t := in.GetPageToken(); t != "" {
		at, err := edge.ParsePageToken(of, t)
		if err != nil {
			return nil, err
		}
		after = string(at)
	}
	list, err := ListGrants(v, GrantQuery{All: in.GetAll()}, now)
	if err != nil {
		return nil, err
	}
	out := &policyv1.ListEmergencyAccessResponse{}
	for _, b := range list.Grants {
		switch {
		case b.ID <= after:
		case len(out.Access) == size:
			out.NextPageToken = edge.PageToken(of, []byte(out.Access[size-1].GetId()))
			return out, nil
		default:
			out.Access = append(out.Access, b.message(now))
		}
	}
	return out, nil
}

func (b BreakGlass) message(now time.Time) *policyv1.EmergencyAccess {
	return &policyv1.EmergencyAccess{Id: b.ID, Who: b.Who, Subject: b.Subject, Reason: b.Reason, From: stamp(b.From), Until: stamp(b.Until),
		Ended: stamp(b.Ended), EndedBy: b.EndedBy, Open: b.Open(now)}
}

func (o Ops) setConsent(tx edge.Tx, in *policyv1.SetConsentRequest) (*policyv1.Consent, error) {
	n := NewConsent{Subject: in.GetSubject(), Deny: in.GetDeny(), Source: in.GetSource(), Version: in.GetIfVersion()}
	for _, p := range in.GetProvisions() {
		n.Provisions = append(n.Provisions, Provision{Deny: p.GetDeny(), Purposes: p.GetPurposes(), Roles: p.GetRoles(), Actors: p.GetActors(), Types: p.GetTypes(),
			Labels: p.GetLabels(), From: at(p.GetFrom()), Until: at(p.GetUntil())})
	}
	c, err := o.Consent(tx, n)
	return c.message(), err
}

func (o Ops) removeConsent(tx edge.Tx, in *policyv1.RemoveConsentRequest) (*policyv1.RemoveConsentResponse, error) {
	_, err := o.Forget(tx, ConsentRef{Subject: in.GetSubject(), Version: in.GetIfVersion()})
	return &policyv1.RemoveConsentResponse{}, err
}

// getConsent answers version 0 for whom nothing is written down: asking is no mistake.
func (o Ops) getConsent(v edge.View, in *policyv1.GetConsentRequest) (*policyv1.Consent, error) {
	c, err := o.Consented(v, ConsentRef{Subject: in.GetSubject()})
	if edge.IsKind(err, edge.NotFound) {
		return &policyv1.Consent{Subject: in.GetSubject()}, nil
	}
	return c.message(), err
}

func (c Consent) message() *policyv1.Consent {
	out := &policyv1.Consent{Subject: c.Subject, Deny: c.Deny, Source: c.Source, Version: c.Version, Set: stamp(c.Set), By: c.By}
	for _, p := range c.Provisions {
		out.Provisions = append(out.Provisions, &policyv1.Provision{Deny: p.Deny, Purposes: p.Purposes, Roles: p.Roles, Actors: p.Actors, Types: p.Types, Labels: p.Labels,
			From: stamp(p.From), Until: stamp(p.Until)})
	}
	return out
}

func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func at(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}
