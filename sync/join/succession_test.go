package join

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
)

// A realm is a hub and a site of two nodes in virtual time, connected by pipes.
type realm struct {
	t                  *testing.T
	c                  *clock
	hub, first, second *box

	mu      sync.Mutex // guards what follows: the succession runs beside the test
	up      bool       // the hub can be reached
	faults  map[string]int
	export  [2][]byte                            // the site's state
	got     Stand                                // the same as the succession was given it last, for as long as it is like that
	words   [2]*x509.Certificate                 // the region's words in got
	trusted map[edge.NodeID]map[edge.NodeID]bool // node -> CA
	asked   int                                  // calls to the hub
	keeps   int
}

// done returns how often the hub was called, and how often the site's state was written.
func (r *realm) done() (asked, keeps int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked, r.keeps
}

func newRealm(t *testing.T) *realm {
	r := &realm{t: t, c: &clock{now: testStart, began: time.Now()}, up: true, trusted: map[edge.NodeID]map[edge.NodeID]bool{}}
	r.hub = newBox(t, r.c, "hub").found().rule("punjab")
	r.first = newBox(t, r.c, "clinic-a").found()
	r.second = newBox(t, r.c, "new-box")
	r.hub.dial, r.first.dial = pipeTo(r.hub), pipeTo(r.first)
	r.hub.list.after = func() error { return r.fails("register, through") }
	r.first.join(r.hub, pki.JoinSite)
	r.second.join(r.first, pki.JoinNode)
	check(t, r.meet(r.second, r.hub, pki.ProtoSync))
	r.save(Stand{CA: r.first.site})
	r.adopt(r.first)
	r.adopt(r.second)
	return r
}

// pipeTo calls a box without a network.
func pipeTo(b *box) Dial {
	return func(ctx context.Context, _ string) (net.Conn, error) {
		client, server := net.Pipe()
		go b.Serve(ctx, tls.Server(server, b.End.ServerConfig(pki.ProtoJoin, pki.ProtoRenew)))
		return client, nil
	}
}

// meet is meets over a pipe.
func (r *realm) meet(client, server *box, p pki.Proto) error {
	c, s := net.Pipe()
	defer c.Close()
	done := make(chan error, 1)
	go func() {
		defer s.Close()
		tc := tls.Server(s, server.End.ServerConfig(p))
		err := tc.Handshake()
		if err == nil && p == pki.ProtoSync {
			_, err = Admit(context.Background(), server.End, server.list, tc.ConnectionState())
		}
		if err == nil {
			_, err = tc.Write([]byte{1})
		}
		done <- err
	}()
	cfg := client.End.ClientConfig(p, edge.NodeID{})
	cfg.ClientSessionCache = nil // a resumed handshake has both sides write at once, which a pipe does not take
	tc := tls.Client(c, cfg)
	err := tc.Handshake()
	if err == nil {
		_, err = tc.Read(make([]byte, 1))
	}
	c.Close()
	if serr := <-done; err == nil {
		err = serr
	}
	return err
}

func (r *realm) save(st Stand) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.export = [2][]byte{must(st.CA.Export(nil)), nil}
	if st.Next != nil {
		r.export[1] = must(st.Next.Export(nil))
	}
	r.got = Stand{}
	r.keeps++
}

// read is the succession's: a copy that it may change, new where it has changed the one it was given before.
func (r *realm) read() (Stand, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.got.CA != nil && r.words == words(r.got) {
		return r.got, nil
	}
	st, err := r.load()
	r.got, r.words = st, words(st)
	return st, err
}

func words(st Stand) (w [2]*x509.Certificate) {
	for i, ca := range []*pki.Authority{st.CA, st.Next} {
		if ca != nil {
			w[i] = ca.Cross()
		}
	}
	return w
}

// stand returns a copy of what the site's state says.
func (r *realm) stand() Stand {
	r.mu.Lock()
	defer r.mu.Unlock()
	return must(r.load())
}

// load is called with mu held.
func (r *realm) load() (st Stand, err error) {
	st.CA, err = pki.ImportAuthority(r.export[0], nil, r.c.time)
	if err == nil && r.export[1] != nil {
		st.Next, err = pki.ImportAuthority(r.export[1], nil, r.c.time)
	}
	return st, err
}

// adopt is what a node does every few seconds with what the site's state says.
func (r *realm) adopt(b *box) {
	st := r.stand()
	check(r.t, b.End.Trust.AddRoot(pki.RootSite, st.CA.Root()))
	if b.site == nil || b.site.ID() != st.CA.ID() || (b.site.Cross() == nil) != (st.CA.Cross() == nil) {
		b.site = st.CA
	}
	if st.Next == nil {
		return
	}
	check(r.t, b.End.Trust.AddRoot(pki.RootSite, st.Next.Root()))
	r.mu.Lock()
	defer r.mu.Unlock()
	id := b.End.ID.ID()
	if r.trusted[id] == nil {
		r.trusted[id] = map[edge.NodeID]bool{}
	}
	r.trusted[id][st.Next.ID()] = true
}

func (r *realm) ownLeaves() {
	for _, b := range []*box{r.first, r.second} {
		_, err := (&Renewer{End: b.End, SiteCA: b.SiteCA}).round(r.t.Context())
		check(r.t, err)
	}
	r.hub.hubLeaf()
}

// succession is run on the first node.
func (r *realm) succession() *Succession {
	return &Succession{End: r.first.End, Leads: func() bool { return true }, Read: r.read,
		Keep: func(_ context.Context, st Stand) error {
			if err := r.fails("keep, lost"); err != nil {
				return err
			}
			r.save(st)
			return r.fails("keep, through")
		},
		Trusted: func(ca edge.NodeID) bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.trusted[r.first.End.ID.ID()][ca] && r.trusted[r.second.End.ID.ID()][ca]
		},
		Sources: func() []Source { return []Source{{Addr: "hub", As: pki.Above}} },
		Dial: func(ctx context.Context, addr string) (net.Conn, error) {
			r.mu.Lock()
			r.asked++
			up := r.up
			r.mu.Unlock()
			if !up {
				return nil, edge.E(edge.Unavailable, "the hub is away")
			}
			return r.hub.dial(ctx, addr)
		}}
}

func (r *realm) fails(when string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.faults[when] == 0 {
		return nil
	}
	r.faults[when]--
	return edge.E(edge.Unavailable, "fault: %s", when)
}

// left is how often a fault has still to happen.
func (r *realm) left(when string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.faults[when]
}

// live lets days pass, in which the nodes do what they always do, and reports the first day on which
// they could not meet.
func (r *realm) live(days int, hub bool) {
	r.t.Helper()
	seen := 0
	for d := 0; d < days; d += stride {
		time.Sleep(min(stride, time.Duration(days-d)) * day)
		synctest.Wait()
		if _, keeps := r.done(); keeps != seen { // else there is nothing to adopt
			seen = keeps
			r.adopt(r.first)
			r.adopt(r.second)
		}
		r.ownLeaves()
		if d%10 > 0 {
			continue
		}
		for _, m := range []struct {
			from, to *box
			p        pki.Proto
		}{{r.first, r.second, pki.ProtoRaft}, {r.second, r.first, pki.ProtoRaft}, {r.first, r.hub, pki.ProtoSync}, {r.second, r.hub, pki.ProtoSync}} {
			if err := r.meet(m.from, m.to, m.p); err != nil && (hub || m.p != pki.ProtoSync) {
				r.t.Fatalf("day %d of %d, under %s: %v", d, days, m.p, err)
			}
		}
	}
}

// stride is how many days go by at a time: a leaf is due after three and a half and ends after seven.
const stride = 2

func inVirtualTime(t *testing.T, f func(r *realm, s *Succession)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRealm(t)
		s := r.succession()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		f(r, s)
		cancel()
		check(t, <-done)
	})
}

// Three years go by: the site's CA is succeeded in time, every time, and nobody is ever shut out.
func TestSuccessionInTime(t *testing.T) {
	inVirtualTime(t, func(r *realm, s *Succession) {
		was := r.first.site.ID()
		r.live(540, true)
		if asked, _ := r.done(); r.first.site.ID() != was || asked > 0 {
			t.Error("it was succeeded much too early")
		}
		r.live(3*365-540, true)
		now := r.stand().CA
		if now.ID() == was || now.Cross() == nil || now.Root().NotAfter.Sub(r.c.time()) < 180*day {
			t.Errorf("good for %v more", now.Root().NotAfter.Sub(r.c.time()))
		}
		if asked, keeps := r.done(); asked > 4 || keeps > 8 {
			t.Errorf("%d questions to the hub, %d commands", asked, keeps)
		}
		if h := s.Report(t.Context()); h.Level != edge.OK {
			t.Errorf("%+v", h)
		}
	})
}

// The hub is away for a hundred days, then answers are lost, and commands are lost or get through unheard.
func TestSuccessionUnderFaults(t *testing.T) {
	inVirtualTime(t, func(r *realm, s *Succession) {
		was := r.first.site.ID()
		r.mu.Lock()
		r.faults = map[string]int{"keep, lost": 2, "keep, through": 2, "register, through": 2}
		r.mu.Unlock()
		r.live(549, true)
		r.reach(false)
		r.live(101, true) // the hub's sync port is there, its join port is not
		if r.stand().CA.ID() != was {
			t.Fatal("it took over without the region's word")
		}
		if asked, _ := r.done(); asked == 0 || asked > 6*100 {
			t.Errorf("%d questions in 100 days", asked)
		}
		r.reach(true)
		s.Wake()
		r.live(20, true)
		if now := r.stand().CA; now.ID() == was || now.Cross() == nil {
			t.Error("no successor after all")
		}
		for _, what := range []string{"keep, lost", "keep, through", "register, through"} {
			if r.left(what) > 0 {
				t.Errorf("%q never happened", what)
			}
		}
		if n := r.hub.list.count(); n > 3 {
			t.Errorf("%d machines known", n)
		}
	})
}

// A node that is away does not hold up the others for ever, nor does a hub.
func TestSuccessionDoesNotWaitForever(t *testing.T) {
	inVirtualTime(t, func(r *realm, _ *Succession) {
		r.reach(false)
		was := r.first.site.ID()
		for range 665 {
			time.Sleep(day)
		}
		synctest.Wait()
		if st := r.stand(); st.CA.ID() != was || st.Next == nil {
			t.Fatalf("a year and ten months: %v", ids(st))
		}
		time.Sleep(7 * day) // less than 60 days left: the second node is not waited for, the hub is
		synctest.Wait()
		if asked, _ := r.done(); r.stand().CA.ID() != was || asked == 0 {
			t.Fatal("it did not wait for the region's word")
		}
		time.Sleep(46 * day)
		synctest.Wait()
		if st := r.stand(); st.CA.ID() == was || st.CA.Cross() != nil {
			t.Error("the site's CA ends and has no successor")
		}
	})
}

// reach says whether the hub can be reached from now on.
func (r *realm) reach(up bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.up = up
}

func ids(st Stand) (list []string) {
	for _, ca := range []*pki.Authority{st.CA, st.Next} {
		if ca != nil {
			list = append(list, ca.ID().Short())
		}
	}
	return list
}

// Who does not lead does nothing, and the region's word is renewed where it ends before the CA.
func TestSuccessionSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRealm(t)
		s := r.succession()
		r.c.move(600 * day)
		s.Leads = func() bool { return false }
		if again, err := s.step(t.Context()); again || err != nil || r.keeps != 1 { // nothing runs beside this test
			t.Errorf("a follower acts: %v %v", again, err)
		}
		s.Leads = func() bool { return true }
		s.Read = func() (Stand, error) { return Stand{}, nil }
		if again, err := s.step(t.Context()); again || err != nil {
			t.Errorf("nothing is kept yet: %v %v", again, err)
		}
		if h := s.Report(t.Context()); h.Level != edge.OK {
			t.Errorf("%+v", h)
		}
	})
}
