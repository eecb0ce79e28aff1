package node

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/testport"
)

// A node that joined a site and has no list of its nodes yet hears those of the site it joined. Others may have
// certificates of the same authority: nodes of a site that was begun anew without them, to whom this node may have
// belonged and who may still fill its empty log with theirs.
func TestNewcomerHearsOnlyTheSiteItJoined(t *testing.T) {
	cfg := smallConfig(t)
	cfg.Cluster.Addr = testport.Addr(t)
	host := start(t, cfg)
	inv, err := host.Invite(t.Context(), InviteRequest{})
	if err != nil {
		t.Fatal(err)
	}
	cfg = smallConfig(t)
	cfg.Cluster.Addr = testport.Addr(t)
	if _, err := Join(t.Context(), cfg, JoinRequest{Addr: inv.Addr, Code: inv.Code}); err != nil {
		t.Fatal(err)
	}
	host.stop()
	n, err := New(t.Context(), cfg, Options{Logger: slog.New(slog.DiscardHandler), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if !(roll{n}).Member(host.ID()) {
		t.Error("the site it joined is not heard")
	}
	if (roll{n}).Member(edge.NodeID{9}) {
		t.Error("a node is heard that was none of the site it joined")
	}
}

// What is not to be open is not: no port of the door, none between nodes.
func TestClosedPortsAreNotOpen(t *testing.T) {
	cfg := smallConfig(t)
	cfg.Door.Addr, cfg.MQTT.Addr = "", ""
	before := listening(t)
	b := start(t, cfg)
	if b.DoorURL() != "" || b.DoorAddr() != nowhereAddr || b.advertise() != nowhereAddr {
		t.Errorf("the door is at %q (%s), the cluster port at %q; both are to be closed", b.DoorURL(), b.DoorAddr(), b.advertise())
	}
	if after := listening(t); !slices.Equal(before, after) {
		t.Errorf("open are %v; before the node started %v", after, before)
	}
}

// listening are the sockets of this process that wait for others, as Linux lists them.
func listening(t *testing.T) (open []string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the sockets are read from /proc")
	}
	own := map[string]bool{}
	fds, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil {
			own[to] = true
		}
	}
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		rows, err := os.ReadFile("/proc/self/net/" + table)
		if err != nil {
			t.Skip(err)
		}
		for row := range strings.Lines(string(rows)) {
			f := strings.Fields(row) // number, local, remote, state, …, inode: proc(5)
			if len(f) > 9 && own["socket:["+f[9]+"]"] && (f[3] == "0A" || table[:3] == "udp") {
				open = append(open, table+" "+f[1])
			}
		}
	}
	slices.Sort(open)
	return open
}

// What a code says to dial must be an address that another machine can dial.
func TestReachable(t *testing.T) {
	own := []net.IP{net.ParseIP("127.0.0.1"), net.ParseIP("192.0.2.7"), net.ParseIP("2001:db8::7")}
	for _, c := range []struct {
		addr       string
		advertised []string
		own        []net.IP
		want       string
	}{
		{"192.0.2.1:8485", []string{"hub.example.org:8484"}, own, "192.0.2.1:8485"},
		{"[::]:8485", []string{"hub.example.org:8484"}, own, "hub.example.org:8485"},
		{"0.0.0.0:8485", []string{"[2001:db8::1]:443"}, own, "[2001:db8::1]:8485"},
		{"[::]:8485", []string{"0.0.0.0:8484"}, own, "192.0.2.7:8485"},
		{"[::]:8485", nil, own, "192.0.2.7:8485"},
		{":8485", nil, own[2:], "[2001:db8::7]:8485"},
		{"[::]:8485", nil, own[:1], "localhost:8485"},
		{"[::]:8485", nil, nil, "localhost:8485"},
	} {
		if got := reachable(c.addr, c.advertised, c.own); got != c.want {
			t.Errorf("%s advertised as %v on %v is reachable at %s; want %s", c.addr, c.advertised, c.own, got, c.want)
		}
	}
}
