package nodetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aielon/edge/node"
	"github.com/aielon/edge/node/nodetest/proc"
)

// within is how soon every node of a site must act on what was decided about a device.
const within = 5 * time.Second

// TestDeviceRightsOnAllNodes manages a device on one node while it is connected to the other.
func TestDeviceRightsOnAllNodes(t *testing.T) {
	t.Parallel() // it mostly waits
	all := []*siteNode{newSiteNode(t), newSiteNode(t)}
	all[0].start(t)
	all[0].set(t, "before", "x")
	all[1].joinTo(t, all[0])
	all[1].has(t, "before", "x")
	for i, s := range all {
		t.Run(fmt.Sprint("managed on node ", i), func(t *testing.T) { deviceRights(t, s, all[1-i], fmt.Sprint("fridge-", i)) })
	}
}

func deviceRights(t *testing.T, here, there *siteNode, id string) {
	var c node.DeviceCredentials
	here.must(t, "POST", "/v1/devices", node.DeviceInfo{ID: id}, &c)
	enter := func(password string) *proc.Publisher {
		var p *proc.Publisher
		eventually(t, "the device is known on the other node", func(context.Context) (err error) {
			p, err = proc.NewPublisher(there.n.MQTTAddr(), id, password)
			return err
		})
		t.Cleanup(func() { p.Close() })
		return p
	}
	p := enter(c.Password)
	says := func(topic string) string {
		code, _, err := p.Publish(topic, "1")
		if err != nil {
			return "cut off"
		}
		return fmt.Sprintf("0x%02x", code)
	}
	if got := says(id + "/temperature"); got != "0x00" {
		t.Fatalf("the first message got %s", got)
	}

	here.must(t, "PATCH", "/v1/devices/"+id, node.DeviceInfo{Publish: []string{"attic/" + id + "/#"}}, nil)
	soon(t, "other topics", "0x87", func() string { return says(id + "/temperature") })
	if got := says("attic/" + id + "/temperature"); got != "0x00" {
		t.Errorf("its new topic got %s", got)
	}

	old := c.Password
	here.must(t, "POST", "/v1/devices/"+id+"/rotate", nil, &c)
	soon(t, "another password", "cut off", func() string { return says("attic/" + id + "/temperature") })
	if _, err := proc.NewPublisher(there.n.MQTTAddr(), id, old); err == nil {
		t.Error("the old password still opens")
	}
	p = enter(c.Password)
	here.must(t, "DELETE", "/v1/devices/"+id, nil, nil)
	soon(t, "removed", "cut off", func() string { return says("attic/" + id + "/temperature") })
}

// must makes one request that has to succeed, sooner or later.
func (s *siteNode) must(t *testing.T, method, path string, in, out any) {
	t.Helper()
	eventually(t, method+" "+path, func(ctx context.Context) error { return s.Call(ctx, method, path, in, out) })
}

func soon(t *testing.T, what, want string, f func() string) {
	t.Helper()
	got := ""
	for began := time.Now(); time.Since(began) < within; time.Sleep(20 * time.Millisecond) {
		if got = f(); got == want {
			t.Logf("%s: %s after %v", what, want, time.Since(began).Round(time.Millisecond))
			return
		}
	}
	t.Fatalf("%s: the answer is still %s, not %s", what, got, want)
}
