package node

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/identity"
	"github.com/aielon/edge/node/auth/lockout"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/problem"
	"github.com/aielon/edge/node/state"
)

// peopleMethods are those of identity that this node itself answers: whoever signs in proves it here.
func peopleMethods(l *gateway.Locals, p *identity.Service) {
	byCaller(l, p.SetUp)
	byCaller(l, p.SignIn)
	byCaller(l, p.FinishSignIn)
	byCaller(l, p.BeginPasskeySignIn)
	byCaller(l, p.FinishPasskeySignIn)
	byCaller(l, p.SignOut)
	byCaller(l, p.ShowInvitation)
	byCaller(l, p.AcceptInvitation)
	byCaller(l, p.ChangeMe)
	byCaller(l, p.Prove)
	byCaller(l, p.ChangePassword)
	byCaller(l, p.BeginTotp)
	byCaller(l, p.ConfirmTotp)
	byCaller(l, p.RemoveTotp)
	byCaller(l, p.RenewRecoveryCodes)
	byCaller(l, p.ListPasskeys)
	byCaller(l, p.BeginPasskey)
	byCaller(l, p.FinishPasskey)
	byCaller(l, p.RemovePasskey)
	byCaller(l, p.ListMySessions)
	byCaller(l, p.RevokeMySession)
	byCaller(l, p.RevokeMyOtherSessions)
	byCaller(l, p.RevokeSession)
	byCaller(l, p.ResetPerson)
	byCaller(l, p.CreateInvitation)
	byCaller(l, p.CreateToken)
}

// byCaller makes a method that wants to know its caller answer a call.
func byCaller[In, Out proto.Message](l *gateway.Locals, f func(context.Context, auth.Caller, In) (Out, error)) {
	gateway.Local(l, func(ctx context.Context, in In) (Out, error) {
		out, err := f(ctx, call.From(ctx).Caller, in)
		if identity.IsRefused(err) { // the proof was wrong, so another one would help
			err = problem.Rejected(err)
		}
		return out, throttled(err)
	})
}

// throttled says to whoever guesses too fast when to come again, and to whose proof is too old that another
// would do, in the words of the doors.
func throttled(err error) error {
	if errors.Is(err, identity.ErrStale) {
		return problem.Needing(err, problem.NeedsFresh)
	}
	soon, ok := errors.AsType[*lockout.TooSoon](err)
	if !ok {
		return err
	}
	why, _ := errors.AsType[*edge.Error](err)
	return &problem.Throttled{Why: why, After: soon.After}
}

// identityRows are the few rows identity keeps in this node's own store, for when the site cannot decide.
type identityRows struct{ s *state.Store }

const identityPrefix = "identity/"

// rowTime is how long a row may take to be on the disk.
const rowTime = 10 * time.Second

// Put implements identity.Local.
func (r identityRows) Put(key string, value []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), rowTime)
	defer cancel()
	return r.s.Commit(ctx, func(b *state.Batch) { b.Set([]byte(identityPrefix+key), value) })
}

// Delete implements identity.Local.
func (r identityRows) Delete(key string) error {
	ctx, cancel := context.WithTimeout(context.Background(), rowTime)
	defer cancel()
	return r.s.Commit(ctx, func(b *state.Batch) { b.Delete([]byte(identityPrefix + key)) })
}

// Each implements identity.Local.
func (r identityRows) Each(f func(key string, value []byte) error) error {
	v := r.s.View()
	defer v.Close()
	for k, value := range v.Scan([]byte(identityPrefix)) {
		if err := f(string(k[len(identityPrefix):]), value); err != nil {
			return err
		}
	}
	return v.Err()
}

// setupNeeded reports whether the site has nobody yet who could run it.
func (n *Node) setupNeeded() (bool, error) { return n.front.people.SetupNeeded() }

// SetupCode returns the code with which the first administrator of a site proves to stand before the box; empty
// where the site has one. It is made anew, so that one that was lost or seen is of no use.
func (n *Node) SetupCode(ctx context.Context) (string, error) {
	return n.front.people.RenewSetup(ctx, auth.Caller{Actor: edge.Actor{Kind: edge.Person, ID: identity.OperatorID, Site: n.keys.trust.Site()}, Roles: []string{"owner"}, Strength: auth.Passkey, Since: n.keys.trust.Now()})
}

// FirstCode returns the code of a site that nobody has set up, where none was made yet or the last one ran out.
func (n *Node) FirstCode(ctx context.Context) (string, error) { return n.front.people.EnsureSetup(ctx) }
