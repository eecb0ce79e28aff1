package node

import (
	"context"
	"net/http"
	"slices"

	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/identity"
	"github.com/aielon/edge/node/auth/oidc"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/guard"
	"github.com/aielon/edge/node/gateway/problem"
	"github.com/aielon/edge/node/policy"
)

// openOAuth opens the provider by which people let programs act for them.
func (n *Node) openOAuth(f *front) (err error) {
	words := map[string]string{}
	var names []string
	for _, p := range policy.Permissions() {
		if p.Strength <= auth.Token && !p.Open { // what needs a person at the door is no program's to ask for
			words[string(p.Name)] = p.Doc
			names = append(names, string(p.Name))
		}
	}
	f.oauth, err = oidc.New(oidc.Options{Site: n.keys.trust.Site(), SiteName: n.siteName, Node: n.ID(), Issuer: n.issuer(), View: n.withView, Propose: backend{n}, Applied: n.site.WaitApplied,
		Secret: func() []byte { return n.link.get().Secret }, Now: n.keys.trust.Now, Person: f.browser, Refused: f.tooSoon, Note: n.noteOAuth,
		Known: func(p string) bool { return slices.Contains(names, p) }, Words: func(p string) string { return words[p] }, Names: names, Logger: n.part("oauth")})
	return err
}

// issuer is the address programs know this node by, empty where it has no name.
func (n *Node) issuer() string {
	name := n.passkeyName()
	if name == "" {
		return ""
	}
	list := n.origins(name)
	return list[len(list)-1]
}

// proof asks the service that knows a kind of credentials.
type proof struct{ f *front }

// Authenticate implements gateway.Authenticator.
func (p proof) Authenticate(ctx context.Context, c auth.Credentials) (auth.Caller, error) {
	switch {
	case oidc.IsToken(c.Bearer):
		return p.f.oauth.Authenticate(ctx, c)
	case c.Proof != nil: // no other token is bound to a key
		return auth.Caller{}, identity.Ended()
	}
	return p.f.people.Authenticate(ctx, c)
}

// browser is who is signed in in the browser a request came from. Nothing but its session counts: programs do not say
// yes for people.
func (f *front) browser(r *http.Request) (auth.Caller, error) {
	c := call.From(r.Context()).Credentials
	if c.Cookie == "" {
		return auth.Caller{}, nil
	}
	return f.people.Authenticate(r.Context(), auth.Credentials{Cookie: c.Cookie, Peer: c.Peer})
}

// tooSoon turns away whoever asks too much.
func (f *front) tooSoon(w http.ResponseWriter, r *http.Request) bool {
	req := call.From(r.Context())
	err := f.budgets.Address(req)
	if err != nil {
		problem.Write(w, err, req.ID)
	}
	return err != nil
}

// noteOAuth makes a record of a token that was issued, refused or revoked.
func (n *Node) noteOAuth(ctx context.Context, o oidc.Note) error {
	req := call.From(ctx)
	r := audit.Record{Kind: audit.Access, Actor: edge.Actor{Kind: edge.Service, ID: o.Client, Site: n.keys.trust.Site()}, Session: o.Grant, Door: "oauth",
		Address: n.trail.mask.Address(req.Peer), Request: req.ID, Op: o.What, Object: audit.Object{Type: "client", ID: n.trail.mask.ID(o.Client)}, Class: edge.Personal, Outcome: "ok"}
	switch {
	case o.Person != "":
		r.Actor = edge.Actor{Kind: edge.Person, ID: o.Person, Site: n.keys.trust.Site()}
	case o.Client == "":
		r.Actor = edge.Actor{}
	}
	if o.Refused != "" {
		if !n.front.refusals.Admit(guard.AddressKey(req.Peer), n.keys.trust.Now()) {
			return nil
		}
		r.Kind, r.Denied, r.Reason, r.Outcome = audit.Decision, true, o.Refused, edge.Denied.String()
	}
	_, err := n.trail.local.Append(ctx, r)
	return err
}

// oauthMethods are those of OAuth that this node itself answers: it knows which permissions there are.
func oauthMethods(l *gateway.Locals, s *oidc.Service) { byCaller(l, s.RegisterClient) }
