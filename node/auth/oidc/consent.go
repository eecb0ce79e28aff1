package oidc

import (
	"net/http"
	"slices"
	"strings"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/identity"
	"github.com/aielon/edge/node/auth/token"
	"github.com/aielon/edge/node/edge"
)

// present shows the page that asks.
func (s *Service) present(w http.ResponseWriter, r *http.Request, q authRequest, who auth.Caller) error {
	k := ask{authRequest: q, id: token.New("")[:32], seal: token.New(""), person: who.ID, session: who.Session, proven: who.Since, until: s.o.Now().Add(askFor)}
	var err error
	if s.o.Launch != nil {
		k.context, err = s.o.Launch(r.Context(), Start{Person: who.ID, Client: q.client.ID.String(), Scopes: strings.Join(q.scopes, " "), Launch: q.launch})
		if err != nil {
			return err
		}
	}
	if k.scopes = possible(q.scopes, k.context); len(k.scopes) == 0 {
		return refuse(invalidScope, "nothing of this can be granted here")
	}
	err = s.o.View(func(v edge.View) error {
		p, err := identity.Who(v, who.ID)
		k.login, k.generation = p.Login, p.Generation
		return err
	})
	if err != nil {
		return err
	}
	if err := s.asks.put(k); err != nil {
		return err
	}
	s.showConsent(w, r, k)
	return nil
}

// possible leaves out what means nothing: scopes about a patient where none is known, and those of whole systems, which
// no person grants.
func possible(scopes []string, launch Context) (list []string) {
	return slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool {
		sm, isSmart := parseSmart(scope)
		return launch.Patient == "" && (scope == scopePatient || scope == scopeLaunch || isSmart && sm.level == "patient") || isSmart && sm.level == "system"
	})
}

// serveAnswer takes the answer to a page.
func (s *Service) serveAnswer(w http.ResponseWriter, r *http.Request) {
	f, err := readForm(w, r)
	if err != nil {
		s.showRefusal(w, r, s.failed(r.Context(), authorizePath, "", err))
		return
	}
	who := s.person(r)
	k, ok := s.asks.take(r.PathValue("ask"), f["seal"], who.ID, who.Session)
	if !ok || !who.Proven() {
		s.showRefusal(w, r, s.failed(r.Context(), authorizePath, "", refuse(accessDenied, "this page is out of date")))
		return
	}
	if f["answer"] != "allow" {
		s.sendBack(w, r, k.authRequest, "", refuse(accessDenied, "the person said no"))
		return
	}
	code, err := s.grantTo(r, k)
	s.sendBack(w, r, k.authRequest, code, err)
}

// grantTo has the site keep what a person agreed to, and returns the code for it.
func (s *Service) grantTo(r *http.Request, k ask) (code string, err error) {
	now := s.o.Now()
	g := grant{ID: newID(), Client: k.client.ID, Person: k.person, Generation: k.generation, Scopes: strings.Join(k.scopes, " "), Issuer: s.o.Issuer,
		Until: now.Add(grantLife), CodeUntil: now.Add(codeLife), Offline: slices.Contains(k.scopes, scopeOffline), Key: k.key,
		Redirect: k.redirect, Challenge: k.challenge, Nonce: k.nonce, Launch: k.context, Proven: k.proven}
	if !g.Offline {
		g.Session, g.Until = k.session, now.Add(codeLife+accessMost+clockSkew)
	}
	if code, err = s.newSecret(codeKind, g.ID); err != nil {
		return "", err
	}
	g.Code = token.IDOf(code)
	return code, s.propose(r.Context(), opGrant, g, nil)
}

func newID() string { return strings.ToLower(edge.NewID().String()) }
