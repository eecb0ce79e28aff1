package oidc

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

// How long things are good for.
const (
	accessLife  = 5 * time.Minute
	accessMost  = 10 * time.Minute // of any access token that is accepted
	codeLife    = time.Minute
	refreshLife = 30 * 24 * time.Hour  // of one refresh token
	grantLife   = 180 * 24 * time.Hour // of all of them together
	askFor      = 10 * time.Minute     // for a person to sign in and say yes
	proofLife   = 5 * time.Minute      // of assertions and DPoP proofs
	clockSkew   = time.Minute
	sweepEvery  = 5 * time.Minute
)

// A Note is what the audit trail is to know.
type Note struct {
	What    string // "oauth.token_issued", "oauth.token_refused", "oauth.token_revoked"
	Client  string // id, may be empty
	Person  string // id, may be empty
	Grant   string // id, may be empty
	Refused string // why not, as an OAuth error code
}

// A Start is a SMART app that is about to be started.
type Start struct {
	Person, Client string // ids
	Scopes         string
	Launch         string // what the record system that starts the app gave it, may be empty
}

// Options are what a Service stands on.
type Options struct {
	Site     string                                        // the site's name
	SiteName func() string                                 // what people call it
	Node     edge.NodeID                                   // this node, which proposes
	Issuer   string                                        // the address of this node's door, https://name; empty: it has none that can be told
	FHIR     string                                        // where FHIR is served below Issuer, "/fhir"; empty: not
	View     func(func(edge.View) error) error             // calls with a view that is good for the length of the call
	Propose  edge.Proposer                                 // of the site
	Applied  func(ctx context.Context, index uint64) error // returns once View shows an index; nil: it does at once
	Secret   func() []byte                                 // that all nodes of the site share
	Now      func() time.Time
	Person   func(*http.Request) (auth.Caller, error)      // who is signed in in the browser; the zero Caller: nobody
	Refused  func(http.ResponseWriter, *http.Request) bool // whether it turned a request away that came too soon; may be nil
	Note     func(ctx context.Context, n Note) error       // makes a record durable; without one of its issue no token is given out
	Known    func(permission string) bool                  // whether there is such a permission
	Words    func(permission string) string                // what it lets do, completing "may ..."
	Names    []string                                      // of all permissions, for the description of the provider
	Launch   func(context.Context, Start) (Context, error) // finds the patient a SMART app is started for; nil: there are no patients here
	Logger   *slog.Logger
}

// A Service is the provider at one node.
type Service struct {
	o    Options
	ring *ring
	asks *asks
	seen *seen
	good *verified
	page *pageFile
}

// New makes a Service. It fails with Internal where its page cannot be read.
func New(o Options) (*Service, error) {
	if o.SiteName == nil {
		o.SiteName = func() string { return o.Site }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Note == nil {
		o.Note = func(context.Context, Note) error { return nil }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Service{o: o, ring: newRing(o.Secret), seen: newSeen(), good: newVerified()}
	s.asks = newAsks(o.Now)
	var err error
	s.page, err = readPage()
	return s, err
}

// propose has the site carry out one of this node's own commands, and waits until this node's view shows it.
func (s *Service) propose(ctx context.Context, op string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return edge.E(edge.Internal, "a command of OAuth cannot be encoded: %w", err)
	}
	done, err := s.o.Propose.Propose(ctx, edge.Command{ID: edge.NewID(), Type: op, Body: body, Actor: edge.Actor{Kind: edge.Node, ID: s.o.Node.String(), Site: s.o.Site}})
	switch {
	case err != nil:
		return err
	case done.Err != nil:
		return done.Err
	}
	if s.o.Applied != nil {
		if err := s.o.Applied(ctx, done.Index); err != nil {
			return err
		}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(done.Reply, out); err != nil {
		return edge.E(edge.Internal, "the answer to %s cannot be read: %w", op, err)
	}
	return nil
}

// keys returns the signing keys that are shown now. The first who asks at a new site has one made.
func (s *Service) keys(ctx context.Context) (list []signer, err error) {
	look := func(v edge.View) error {
		list, err = s.ring.open(v, s.o.Now())
		return err
	}
	if err = s.o.View(look); !edge.IsKind(err, edge.Unavailable) {
		return list, err
	}
	if err := s.EnsureKeys(ctx); err != nil {
		return nil, err
	}
	err = s.o.View(look)
	return list, err
}

// EnsureKeys makes a signing key where the site has none, or where the newest has signed for its time.
func (s *Service) EnsureKeys(ctx context.Context) error {
	due := false
	err := s.o.View(func(v edge.View) error {
		rows, _, err := load[[]keyRow](v, keysRow)
		due = len(rows) == 0 || s.o.Now().Sub(rows[len(rows)-1].Made) >= keyLife
		return err
	})
	if err != nil || !due {
		return err
	}
	k, err := s.ring.make()
	if err != nil {
		return err
	}
	return s.propose(ctx, opKeys, keyProposal{k}, nil)
}

// Run rotates the signing keys and removes what has ended, until ctx ends. Any node may do either.
func (s *Service) Run(ctx context.Context) error {
	next := time.Second // soon, so that the first token of a new site does not wait
	for {
		t := time.NewTimer(next)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
		}
		if next = sweepEvery; s.care(ctx) != nil {
			next = 2 * time.Second
		}
	}
}

func (s *Service) care(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	s.asks.sweep()
	err := s.EnsureKeys(ctx)
	if err == nil && s.anythingEnded() {
		err = s.propose(ctx, opSweep, none{}, nil)
	}
	if err != nil && ctx.Err() == nil && !edge.IsKind(err, edge.Unavailable) {
		s.o.Logger.WarnContext(ctx, "the keys and grants of OAuth are not looked after", "error", err)
	}
	return err
}

// anythingEnded looks before a command is made: most sites have nothing to sweep.
func (s *Service) anythingEnded() (ended bool) {
	s.o.View(func(v edge.View) error {
		for k := range v.Scan([]byte(endRows)) {
			ended = string(k[len(endRows):]) < stamp(s.o.Now().Add(-clockSkew))
			break
		}
		return v.Err()
	})
	return ended
}
