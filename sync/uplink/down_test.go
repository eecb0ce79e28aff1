package uplink_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/uplink"
	"github.com/aielon/edge/sync/wire"
)

type twin struct {
	mu      sync.Mutex
	version uint64
	doc     []byte
	applied []uint64
	fail    error
}

func (k *twin) Current() (uint64, []byte) { k.mu.Lock(); defer k.mu.Unlock(); return k.version, k.doc }
func (k *twin) Apply(_ context.Context, v uint64, doc []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail != nil {
		return k.fail
	}
	k.version, k.doc, k.applied = v, doc, append(k.applied, v)
	return nil
}

// catch records what the node sends of some type.
type catch[F wire.Frame] struct {
	mu   sync.Mutex
	list []F
}

func (c *catch[F]) see(_ wire.Link, f wire.Frame) {
	if x, ok := f.(F); ok {
		c.mu.Lock()
		c.list = append(c.list, x)
		c.mu.Unlock()
	}
}

func (c *catch[F]) last(t *testing.T) F {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.list) == 0 {
		t.Fatal("the node has sent nothing")
	}
	return c.list[len(c.list)-1]
}

func (w *world) send(f ...wire.Frame) {
	w.Helper()
	for _, l := range w.hub.Links() {
		if err := l.Send(context.Background(), wire.Control, f...); err != nil {
			w.Fatal(err)
		}
	}
}

func whole(version uint64, doc string) *wire.Twin {
	return &wire.Twin{Version: version, Hash: sha256.Sum256([]byte(doc)), Doc: []byte(doc)}
}

func TestTwinAppliesTheNewestOnly(t *testing.T) {
	k := &twin{}
	live(t, uplink.Options{Twin: k}, func(w *world) {
		var got catch[*wire.Reported]
		w.hub.OnFrame(got.see)
		rest(time.Second)
		var many []wire.Frame
		for v := uint64(1); v <= 10; v++ {
			many = append(many, whole(v, fmt.Sprintf(`{"interval":%d}`, v)))
		}
		w.send(many...)
		rest(time.Second)
		if k.version != 10 || len(k.applied) > 5 {
			w.Errorf("version %d after applying %v", k.version, k.applied)
		}
		w.send(&wire.Twin{Version: 11, Base: 10, Hash: sha256.Sum256([]byte(`{"mode":"night"}`)), Doc: []byte(`{"interval":null,"mode":"night"}`)})
		rest(time.Second)
		if r := got.last(t); string(k.doc) != `{"mode":"night"}` || r.Version != 11 || r.Err != "" {
			w.Errorf("document %s, reported %+v", k.doc, r)
		}
		for _, bad := range []*wire.Twin{
			whole(5, `{"old":true}`),
			{Version: 12, Base: 3, Doc: []byte(`{}`)},
			{Version: 12, Base: 11, Doc: []byte(`{"mode":"day"}`)}, // a false hash
			{Version: 12, Doc: []byte(`{"mode":`)},
		} {
			w.send(bad)
			rest(time.Second)
			if r := got.last(t); k.version != 11 || r.Version != 11 || bad.Version == 12 && r.Err == "" {
				w.Errorf("after %+v: version %d, reported %+v", bad, k.version, r)
			}
		}
	})
}

func TestTwinThatCannotBeAppliedIsReported(t *testing.T) {
	k := &twin{fail: errors.New("no such sensor")}
	live(t, uplink.Options{Twin: k}, func(w *world) {
		var got catch[*wire.Reported]
		w.hub.OnFrame(got.see)
		rest(time.Second)
		w.send(whole(1, `{"a":1}`))
		rest(time.Second)
		if r := got.last(t); r.Version != 0 || r.Err != "no such sensor" {
			w.Errorf("reported %+v", r)
		}
	})
}

// commands is a durable table in memory.
type commands struct {
	mu    sync.Mutex
	begun map[edge.ID]*wire.CmdResult
	ran   []string
	crash bool // results are not kept, as if the node stopped while the command ran
}

func (c *commands) Begin(_ context.Context, id edge.ID, _ time.Time) (*wire.CmdResult, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, known := c.begun[id]
	if !known {
		c.begun[id] = nil
	}
	return old, !known, nil
}

func (c *commands) Run(_ context.Context, f *wire.Cmd) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ran = append(c.ran, f.Name)
	if f.Name == "fail" {
		return nil, errors.New("it does not work")
	}
	return []byte("done"), nil
}

func (c *commands) names() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.ran...)
}

func (c *commands) count() int { return len(c.names()) }

func (c *commands) Finish(_ context.Context, r wire.CmdResult) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.crash {
		c.begun[r.ID] = &r
	}
	return nil
}

func TestCommandsRunOnceInTimeAndForUs(t *testing.T) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &commands{begun: map[edge.ID]*wire.CmdResult{}}
	live(t, uplink.Options{Command: c, Verify: uplink.VerifyWith(pub)}, func(w *world) {
		var got catch[*wire.CmdResult]
		w.hub.OnFrame(got.see)
		rest(time.Second)
		sign := func(f wire.Cmd) *wire.Cmd {
			if f.ID.IsZero() {
				f.ID = edge.NewID()
			}
			if f.Target.IsZero() {
				f.Target = me
			}
			if f.Expires.IsZero() {
				f.Expires = time.Now().Add(time.Hour)
			}
			f.Sig = ed25519.Sign(key, f.SigningBytes())
			return &f
		}
		once := sign(wire.Cmd{Name: "restart"})
		forged := sign(wire.Cmd{Name: "forged"})
		forged.Body = []byte("changed")
		for _, x := range []struct {
			name string
			f    *wire.Cmd
			want wire.Status
			ran  int
		}{
			{"good", once, wire.DoneOK, 1},
			{"again", once, wire.DoneOK, 1},
			{"failing", sign(wire.Cmd{Name: "fail"}), wire.DoneError, 2},
			{"forged", forged, wire.Refused, 2},
			{"for another", sign(wire.Cmd{Name: "other", Target: edge.NodeID{9}}), wire.Refused, 2},
			{"too late", sign(wire.Cmd{Name: "late", Expires: time.Now().Add(-time.Minute)}), wire.Expired, 2},
		} {
			w.send(x.f)
			rest(time.Second)
			if r := got.last(t); r.ID != x.f.ID || r.Status != x.want || c.count() != x.ran {
				w.Errorf("%s: %+v, ran %v", x.name, r, c.names())
			}
		}
		later := sign(wire.Cmd{Name: "later", NotBefore: time.Now().Add(time.Minute)})
		w.send(later, later)
		rest(30 * time.Second)
		if c.count() != 2 {
			w.Error("a command ran before its time")
		}
		rest(time.Minute)
		if r := got.last(t); c.count() != 3 || r.ID != later.ID || r.Status != wire.DoneOK {
			w.Errorf("%+v, ran %v", r, c.names())
		}
		c.crash = true
		lost := sign(wire.Cmd{Name: "lost"})
		w.send(lost)
		rest(time.Second)
		w.send(lost)
		rest(time.Second)
		if r := got.last(t); c.count() != 4 || r.Status != wire.DoneError {
			w.Errorf("a command whose outcome is not known ran again: %v %+v", c.names(), r)
		}
	})
}

func TestVerifyWithECDSA(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.Sum256([]byte("m"))
	sig, err := ecdsa.SignASN1(rand.Reader, key, h[:])
	if err != nil {
		t.Fatal(err)
	}
	check := uplink.VerifyWith(&key.PublicKey)
	if err := check([]byte("m"), sig); err != nil {
		t.Error(err)
	}
	if err := check([]byte("n"), sig); !edge.IsKind(err, edge.Denied) {
		t.Errorf("another message: %v", err)
	}
	if err := uplink.VerifyWith(nil)([]byte("m"), sig); !edge.IsKind(err, edge.Denied) {
		t.Errorf("no key: %v", err)
	}
}

func TestTimePolicyAndGoaway(t *testing.T) {
	var mu sync.Mutex
	var ahead, unsure time.Duration
	var seen wire.Policy
	o := uplink.Options{
		Clock: func() (time.Time, edge.Confidence) { return time.Now().Add(-time.Hour), edge.Plausible },
		Calls: uplink.Callbacks{
			Time:   func(a, u time.Duration) { mu.Lock(); defer mu.Unlock(); ahead, unsure = a, u },
			Policy: func(p wire.Policy) { mu.Lock(); defer mu.Unlock(); seen = p },
		},
	}
	live(t, o, func(w *world) {
		rest(5 * time.Second)
		if d := ahead - time.Hour; d < -time.Millisecond || d > time.Millisecond || unsure > 60*time.Millisecond {
			w.Errorf("the hub is ahead by %v ± %v, want an hour ± 51 ms", ahead, unsure)
		}
		w.send(&wire.Policy{Version: 1, Budget: 1000, Reserve: 400, Rate: 5000, Floor: 30 * time.Second})
		rest(time.Second)
		if b := w.up.Status().Budget; b.Month != 600 || b.Reserve != 400 || seen.Rate != 5000 {
			w.Errorf("budget %+v, policy %+v", b, seen)
		}
		n := w.dials.Load()
		w.send(&wire.Goaway{Reason: wire.Overloaded, Text: "too many", After: time.Minute})
		rest(50 * time.Second)
		if w.dials.Load() != n {
			w.Error("the node came back earlier than the hub asked")
		}
		rest(30 * time.Second)
		if w.dials.Load() != n+1 {
			w.Errorf("%d connections since", w.dials.Load()-n)
		}
	})
}
