package mqtt

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/policy"
)

// judge asks the policies as the node does, with whoever connects in the role it is called after, whatever kind of
// caller that is: a role gives nothing here that the matrix does not say.
func judge(t *testing.T) func(Question) bool {
	engine, err := policy.New()
	if err != nil {
		t.Fatal(err)
	}
	return func(q Question) bool {
		if q.Device.ID == "op" {
			return q.Own
		}
		now := time.Now()
		who := policy.DeviceCaller(q.Device.ID, "", now)
		for _, r := range policy.Roles() {
			if r.Name == q.Device.ID {
				who = auth.Caller{Actor: edge.Actor{Kind: r.Kinds[0], ID: r.Name}, Roles: []string{r.Name}, Strength: auth.Passkey, Since: now, Until: now.Add(time.Minute)}
			}
		}
		return engine.Decide(policy.AboutTopic(who, q.Topic, q.Write, q.Own, policy.Context{Now: now})).Allow
	}
}

// cells reads what a person has reviewed of things that are the site's only: by role and permission, of one's own
// and of others'.
func cells(t *testing.T) map[string][2]bool {
	text, err := os.ReadFile("../../node/policy/testdata/matrix.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][2]bool{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 6 {
			out[f[0]+" "+f[1]] = [2]bool{f[3][1] == 'S', f[5][1] == 'S'}
		}
	}
	return out
}

// A way is one way to use a topic. It reports whether the broker let the caller.
type way struct {
	name  string
	needs string
	try   func(t *testing.T, w *world, role, whose string) bool
}

func ways() []way {
	publish := func(flags ...byte) func(*testing.T, *world, string, string) bool {
		return func(t *testing.T, w *world, role, whose string) bool {
			r := w.enter(t, role)
			defer r.nc.Close()
			r.send(pub(5, 1, 1, "devices/"+whose+"/x", "1", flags...))
			b := r.want(tPuback)
			if len(b) > 2 && b[2] != rcNotAuthorised {
				t.Errorf("the code is 0x%02x", b[2])
			}
			return len(b) == 2
		}
	}
	subscribe := func(filter string) func(*testing.T, *world, string, string) bool {
		return func(t *testing.T, w *world, role, whose string) bool {
			r := w.enter(t, role)
			defer r.nc.Close()
			r.send(sub(5, 1, 0, fmt.Sprintf(filter, whose)))
			return r.want(tSuback)[3] == 0
		}
	}
	return []way{
		{"publish", "readings.publish", publish()},
		{"publish retained", "readings.publish", publish(1)},
		{"publish by alias", "readings.publish", func(t *testing.T, w *world, role, whose string) bool {
			r := w.enter(t, role)
			defer r.nc.Close()
			r.send(appendFrame(nil, 0x32, append(appendString(nil, "devices/"+whose+"/x"), 0, 1, 3, 0x23, 0, 1, '1')))
			r.want(tPuback)
			r.send(appendFrame(nil, 0x32, append(appendString(nil, ""), 0, 2, 3, 0x23, 0, 1, '1')))
			return len(r.want(tPuback)) == 2
		}},
		{"will", "readings.publish", func(t *testing.T, w *world, role, whose string) bool {
			r := w.dial(t)
			defer r.nc.Close()
			o := connectOpt{v: 5, id: role, user: role, pass: str(role + "-pw"), clean: true, will: &will{topic: "devices/" + whose + "/will", payload: []byte("gone")}}
			r.send(o.bytes())
			b := r.want(tConnack)
			if b[1] != 0 && b[1] != rcNotAuthorised {
				t.Errorf("the code is 0x%02x", b[1])
			}
			return b[1] == 0
		}},
		{"subscribe", "readings.read", subscribe("devices/%s/x")},
		{"subscribe below", "readings.read", subscribe("devices/%s/#")},
		{"subscribe to one level", "readings.read", subscribe("devices/%s/+")},
		{"subscribe shared", "readings.read", subscribe("$share/g/devices/%s/#")},
		{"read what is retained", "readings.read", func(t *testing.T, w *world, role, whose string) bool {
			r := w.enter(t, role)
			defer r.nc.Close()
			r.send(sub(5, 1, 0, "devices/"+whose+"/kept"))
			r.want(tSuback)
			f := r.readWithin(50 * time.Millisecond)
			return f != nil && f.kind() == tPublish
		}},
	}
}

// The column MQTT of the permission matrix: every role, every way to use a topic, one's own and another's. What the
// broker lets through is what was reviewed.
func TestPermissionMatrix(t *testing.T) {
	reviewed, n := cells(t), 0
	w := start(t, func(o *Options) { o.Allow = judge(t) })
	op := w.enter(t, "op")
	for _, r := range policy.Roles() {
		w.who.set(Device{ID: r.Name, Publish: []string{"devices/%d/#"}, Subscribe: []string{"devices/%d/#"}, AnyClientID: true})
		op.send(pub(5, 1, 9, "devices/"+r.Name+"/kept", "x", 1))
		op.want(tPuback)
	}
	op.send(pub(5, 1, 9, "devices/somebody/kept", "x", 1))
	op.want(tPuback)
	for _, r := range policy.Roles() {
		for _, way := range ways() {
			cell, ok := reviewed[r.Name+" "+way.needs]
			if !ok {
				t.Fatalf("the matrix has no line for %s and %s", r.Name, way.needs)
			}
			for i, whose := range []string{r.Name, "somebody"} {
				if got := way.try(t, w, r.Name, whose); got != cell[i] {
					t.Errorf("%s, %s of %s: let through is %v, want %v", r.Name, way.name, whose, got, cell[i])
				}
				n++
			}
		}
		for filter, own := range map[string]bool{"#": false, "devices/#": false, "+/" + r.Name + "/x": false, "devices/" + r.Name + "/a/#": true} {
			want := reviewed[r.Name+" readings.read"][1]
			if own {
				want = reviewed[r.Name+" readings.read"][0]
			}
			c := w.enter(t, r.Name)
			c.send(sub(5, 1, 0, filter))
			for f := c.read(); ; f = c.read() {
				if f == nil {
					t.Fatalf("%s, %s: cut off", r.Name, filter)
				}
				if f.kind() != tSuback {
					continue
				}
				if got := f.body[3] == 0; got != want {
					t.Errorf("%s, the filter %s: let through is %v, want %v", r.Name, filter, got, want)
				}
				break
			}
			c.nc.Close()
			n++
		}
	}
	t.Logf("%d cells", n)
}

// A policy that comes while devices are connected counts for them within a second or so: for what they publish, what
// they are sent, and what they leave as a will.
func TestPolicyWhileConnected(t *testing.T) {
	t.Parallel()
	var closed atomic.Bool
	w := start(t, func(o *Options) {
		o.Allow = func(q Question) bool { return q.Own && (q.Device.ID == "op" || !closed.Load()) }
	})
	op := w.enter(t, "op")
	op.send(sub(5, 1, 0, "devices/#"))
	op.want(tSuback)
	a := w.enter(t, "d1", func(o *connectOpt) { o.will = &will{topic: "devices/d1/will", payload: []byte("gone")} })
	b := w.enter(t, "d2")
	b.send(sub(5, 1, 0, "devices/d2/#"))
	b.want(tSuback)
	a.send(pub(5, 1, 1, "devices/d1/x", "1"))
	a.want(tPuback)
	op.message()
	closed.Store(true)
	began := time.Now()
	for {
		a.send(pub(5, 1, 1, "devices/d1/x", "1"))
		if len(a.want(tPuback)) == 3 {
			break
		}
		if op.message(); time.Since(began) > 2*time.Second {
			t.Fatal("it may still publish")
		}
		time.Sleep(20 * time.Millisecond)
	}
	op.send(pub(5, 0, 0, "devices/d2/order", "x"))
	op.message()
	b.silent()
	a.nc.Close()
	op.silent()
}
