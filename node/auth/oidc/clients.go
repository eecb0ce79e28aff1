package oidc

import (
	"context"
	"encoding/json"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/api/oauthv1"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/identity"
	"github.com/aielon/edge/node/edge"
)

const (
	maxRedirects   = 16
	maxURI         = 500
	maxKeySet      = 8          // keys of a client
	maxKeyBytes    = 32 << 10   // of its key set
	minRSA, maxRSA = 2048, 4096 // bits
)

// A registration asks for a client on behalf of somebody.
type registration struct {
	client
	Actor edge.Actor `json:"actor"`
}

// RegisterClient makes a client. It fails with Invalid, Denied and Exhausted.
func (s *Service) RegisterClient(ctx context.Context, who auth.Caller, in *oauthv1.RegisterClientRequest) (*oauthv1.Client, error) {
	c := client{ID: edge.NewID(), Name: in.GetName(), Redirects: in.GetRedirectUris(), Proof: int32(in.GetProof()), Roles: in.GetRoles(), Bound: in.GetBound()}
	var err error
	if c.Scopes, err = checkScopes(in.GetScopes(), s.o.Known); err != nil {
		return nil, err
	}
	if c.Native, err = checkRedirects(c.Redirects); err != nil {
		return nil, err
	}
	if c.Keys, err = checkKeys(in.GetProof(), in.GetJwks()); err != nil {
		return nil, err
	}
	if c.Name, err = identity.CheckName(c.Name); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	var kept client
	if err := s.propose(ctx, opClient, registration{c, who.Actor}, &kept); err != nil {
		return nil, err
	}
	return showClient(kept), nil
}

// check refuses what does not go together.
func (c client) check() error {
	switch {
	case c.Name == "":
		return edge.E(edge.Invalid, "a client needs a name").WithHint("people are shown it when they are asked")
	case len(c.Redirects) == 0 && len(c.Roles) == 0:
		return edge.E(edge.Invalid, "a client needs an address to send browsers back to, or roles of its own")
	case len(c.Roles) > 0 && c.Proof == int32(oauthv1.Proof_PROOF_NONE):
		return edge.E(edge.Invalid, "a client that acts for itself must be able to prove itself").WithHint("register a key for it")
	case len(c.Roles) > 0 && len(c.Redirects) > 0:
		return edge.E(edge.Invalid, "a client acts for people or for itself, not both").WithHint("register two")
	}
	return nil
}

// checkRedirects takes https addresses, and http ones of the machine the browser runs on (RFC 8252 section 7.3).
// native says that their loopback addresses stand for any port.
func checkRedirects(list []string) (native bool, err error) {
	if len(list) > maxRedirects {
		return false, edge.E(edge.Invalid, "a client has at most %d addresses to send browsers back to", maxRedirects)
	}
	ported := false
	for _, text := range list {
		u, err := url.Parse(text)
		bad := err != nil || len(text) > maxURI || u.Host == "" || u.User != nil || u.Fragment != "" || strings.Contains(text, "#") || strings.ContainsAny(text, "*\\ ") || u.String() != text
		bad = bad || strings.ContainsFunc(u.Host, func(r rune) bool { return !(unreserved(string(r), 1, 1) || strings.ContainsRune(":[]", r)) }) // it comes to stand in a Content-Security-Policy
		if bad || u.Scheme != "https" && (u.Scheme != "http" || !here(u.Hostname())) {
			return false, edge.E(edge.Invalid, "browsers cannot be sent back to %q", clip(text)).
				WithHint("a full https address, or http on 127.0.0.1, [::1] or localhost; no # and no wildcard")
		}
		if loopback(u.Hostname()) {
			native, ported = native || u.Port() == "", ported || u.Port() != ""
		}
	}
	if native && ported {
		return false, edge.E(edge.Invalid, "give loopback addresses all with a port or all without").WithHint("without one, any port of the machine will do")
	}
	return native, nil
}

func here(host string) bool { return host == "localhost" || loopback(host) }

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// checkKeys takes the public keys of a client that signs assertions, and writes them out again, so that nothing else
// that stood there is kept.
func checkKeys(proof oauthv1.Proof, text string) (json.RawMessage, error) {
	if (proof == oauthv1.Proof_PROOF_KEY) != (text != "") {
		return nil, edge.E(edge.Invalid, "a client that proves itself by a key has keys, and no other").WithHint("give its public keys as a JSON Web Key Set")
	}
	if text == "" {
		return nil, nil
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(text), &set); err != nil || len(text) > maxKeyBytes || len(set.Keys) == 0 || len(set.Keys) > maxKeySet {
		return nil, edge.E(edge.Invalid, "the keys cannot be read").WithHint(`a JSON Web Key Set of 1 to %d keys: {"keys": [...]}`, maxKeySet)
	}
	for i, k := range set.Keys {
		algs := algsFor(k.Key)
		good := k.Valid() && k.IsPublic() && len(k.KeyID) <= 128 && (k.Use == "" || k.Use == "sig") && len(algs) > 0
		if !good || k.Algorithm != "" && !slices.Contains(algs, jose.SignatureAlgorithm(k.Algorithm)) {
			return nil, edge.E(edge.Invalid, "the key %q is not one that can be used here", clip(k.KeyID)).
				WithHint("a public key: EC P-256 or P-384, Ed25519, or RSA of %d to %d bits; alg one of %s", minRSA, maxRSA, strings.Join(names(assertionAlgs()), ", "))
		}
		set.Keys[i] = jose.JSONWebKey{Key: k.Key, KeyID: k.KeyID, Algorithm: k.Algorithm, Use: "sig"}
	}
	out, err := json.Marshal(set)
	if err != nil {
		return nil, edge.E(edge.Invalid, "the keys cannot be written: %w", err)
	}
	return out, nil
}

func keepClient(tx edge.Tx, in registration) (client, error) {
	c := in.client
	c.Created, c.By = tx.Now(), in.Actor.ID
	var err error
	if c.Roles, err = identity.CheckRoles(c.Roles); err != nil {
		return c, err
	}
	if err := identity.MayRule(tx, in.Actor, c.Roles); err != nil {
		return c, err
	}
	n := 0
	for range tx.Scan([]byte(clientRows)) {
		n++
	}
	if err := tx.Err(); err != nil {
		return c, err
	}
	if n >= MaxClients {
		return c, edge.E(edge.Exhausted, "a site may have %d clients", MaxClients).WithHint("remove those that are not used")
	}
	tell(tx, ClientRegistered, "client:"+c.ID.String())
	return c, save(tx, clientRows+c.ID.String(), c)
}

// clientOf fails with NotFound where there is no such client.
func clientOf(v edge.View, id string) (c client, err error) {
	parsed, err := edge.ParseID(id)
	if err != nil {
		return c, edge.E(edge.NotFound, "there is no such client")
	}
	c, found, err := load[client](v, clientRows+parsed.String())
	if err == nil && !found {
		err = edge.E(edge.NotFound, "there is no such client")
	}
	return c, err
}

func removeClient(tx edge.Tx, in *oauthv1.RemoveClientRequest) (*oauthv1.RemoveClientResponse, error) {
	c, err := clientOf(tx, in.GetId())
	if err != nil {
		return nil, err
	}
	if err := identity.MayRule(tx, tx.Actor(), c.Roles); err != nil {
		return nil, err
	}
	tx.Delete([]byte(clientRows + c.ID.String())) // grants of a client that is gone count no more; the sweep removes them
	tell(tx, ClientRemoved, "client:"+c.ID.String())
	return &oauthv1.RemoveClientResponse{}, nil
}

func revokeGrant(tx edge.Tx, in *oauthv1.RevokeGrantRequest) (*oauthv1.RevokeGrantResponse, error) {
	g, found, err := grant{}, plainID(in.GetId()), error(nil)
	if found {
		g, found, err = load[grant](tx, grantRows+in.GetId())
	}
	if err != nil || !found {
		return nil, cmpErr(err, edge.E(edge.NotFound, "there is no such grant"))
	}
	var roles []string
	if p, err := identity.Who(tx, g.Person); err == nil {
		roles = p.Roles
	}
	if err := identity.MayRule(tx, tx.Actor(), roles); err != nil {
		return nil, err
	}
	dropGrant(tx, g)
	tell(tx, GrantRevoked, "grant:"+g.ID)
	return &oauthv1.RevokeGrantResponse{}, nil
}

func getClient(v edge.View, in *oauthv1.GetClientRequest) (*oauthv1.Client, error) {
	c, err := clientOf(v, in.GetId())
	if err != nil {
		return nil, err
	}
	return showClient(c), nil
}

func listClients(v edge.View, in *oauthv1.ListClientsRequest) (*oauthv1.ListClientsResponse, error) {
	rows, next, err := page(v, clientRows, in.GetPageToken(), in.GetPageSize(), func(client) bool { return true })
	out := &oauthv1.ListClientsResponse{NextPageToken: next}
	for _, c := range rows {
		out.Clients = append(out.Clients, showClient(c))
	}
	return out, err
}

func listGrants(v edge.View, in *oauthv1.ListGrantsRequest) (*oauthv1.ListGrantsResponse, error) {
	rows, next, err := page(v, grantRows, in.GetPageToken(), in.GetPageSize(), func(g grant) bool {
		return (in.GetClient() == "" || g.Client.String() == in.GetClient()) && (in.GetPerson() == "" || g.Person == in.GetPerson())
	})
	out := &oauthv1.ListGrantsResponse{NextPageToken: next}
	for _, g := range rows {
		out.Grants = append(out.Grants, &oauthv1.Grant{Id: g.ID, Client: g.Client.String(), Person: g.Person, Scopes: strings.Fields(g.Scopes),
			CreatedAt: timestamppb.New(g.Created), EndsAt: timestamppb.New(g.Until), Bound: g.Key != ""})
	}
	return out, err
}

const pageUsual, pageMost = 100, 1000

// page reads rows under a prefix, from a token on, and says where the next page begins.
func page[T any](v edge.View, prefix, after string, size int32, want func(T) bool) (rows []T, next string, err error) {
	n, err := edge.PageSize(size, pageUsual, pageMost)
	if err != nil {
		return nil, "", err
	}
	var last []byte
	if after != "" {
		if last, err = edge.ParsePageToken(prefix, after); err != nil {
			return nil, "", err
		}
	}
	for k, b := range v.Scan([]byte(prefix)) {
		id := k[len(prefix):]
		if string(id) <= string(last) {
			continue
		}
		var row T
		if err := json.Unmarshal(b, &row); err != nil {
			return nil, "", edge.E(edge.Corrupt, "a row of OAuth cannot be read: %w", err)
		}
		if !want(row) {
			continue
		}
		if len(rows) == n {
			return rows, edge.PageToken(prefix, last), v.Err()
		}
		rows, last = append(rows, row), slices.Clone(id)
	}
	return rows, "", v.Err()
}

func showClient(c client) *oauthv1.Client {
	return &oauthv1.Client{Id: c.ID.String(), Name: c.Name, RedirectUris: c.Redirects, Proof: oauthv1.Proof(c.Proof), Jwks: string(c.Keys),
		Scopes: c.Scopes, Roles: c.Roles, Bound: c.Bound, CreatedAt: timestamppb.New(c.Created), CreatedBy: c.By}
}
