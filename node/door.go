package node

import (
	"context"
	"net"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
)

// Between two looks at whether the node is ready; longer by a quarter each time. Most nodes are ready within
// milliseconds; one that waits for others may do so for days.
const (
	firstReadyLook = 5 * time.Millisecond
	lastReadyLook  = 250 * time.Millisecond
)

func (n *Node) openDoor(context.Context) error {
	l, err := doorListener(n.cfg.Door.Addr)
	if err != nil {
		return err
	}
	n.onClose(func() error { l.Close(); return nil })
	n.doorListen, n.doorAddr = l, l.Addr()
	return nil
}

// doorListener opens the door; an empty address leaves it closed.
func doorListener(addr string) (net.Listener, error) {
	if addr == "" {
		return newNowhere(), nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, edge.E(edge.Unavailable, "the door %s cannot be opened: %w", addr, err).WithHint("is another node running? Set door.addr to a free port")
	}
	return l, nil
}

// DoorAddr is where the door is.
func (n *Node) DoorAddr() string { return n.doorAddr.String() }

// DoorURL is the address to open in a browser, under the name that passkeys belong to where there is one. It is
// empty where the door is closed.
func (n *Node) DoorURL() string {
	if n.cfg.Door.Addr == "" {
		return ""
	}
	_, ips := boxNames()
	host, port, _ := net.SplitHostPort(reachable(n.doorAddr.String(), nil, ips))
	if name := n.passkeyName(); name != "" {
		host = name
	}
	scheme := "https://"
	if !n.front.secure {
		scheme = "http://"
	}
	return scheme + net.JoinHostPort(host, port)
}

// MQTTAddr is where devices publish without TLS, empty where they cannot.
func (n *Node) MQTTAddr() string {
	if addrs := n.broker.Addrs(); len(addrs) > 0 && n.cfg.MQTT.Addr != "" {
		return addrs[0].String()
	}
	return ""
}

// ID is the node's.
func (n *Node) ID() edge.NodeID { return n.keys.id.ID() }

// Status is what the page shows.
func (n *Node) Status(ctx context.Context) gateway.Status { return show{n}.Status(ctx) }

// announce marks the node ready once its state holds what it held before it was started, or once no leader
// was found for so long that what there is has to do: a node that was ready once serves readings and reads
// with or without a leader, and its health says that they may be old.
func (n *Node) announce(ctx context.Context) {
	n.sup.wg.Go(func() {
		for pause := firstReadyLook; ctx.Err() == nil; pause = min(pause*5/4, lastReadyLook) {
			err := n.unready()
			n.setReady(err)
			if err == nil {
				n.log.Info("ready", "node", n.ID().Short(), "site", n.keys.trust.Site(), "role", n.cfg.Role, "page", n.DoorURL(), "mqtt", n.MQTTAddr(), "after", time.Since(n.started).Round(time.Millisecond))
				if doubt := n.raft.Doubt(); doubt != nil {
					n.log.Warn("ready, but reads may be old", "why", doubt)
				}
				return
			}
			wait(ctx, pause)
		}
	})
}

// unready says why the node is not ready yet.
func (n *Node) unready() error {
	if n.raft.Away() {
		return n.awayError()
	}
	select {
	case <-n.raft.Settled():
	default:
		return n.raft.Doubt()
	}
	if n.raft.Leadership().Leader.IsZero() && n.site.Applied() == 0 {
		return edge.E(edge.Unavailable, "this node waits for the other nodes of its site")
	}
	return nil
}

// WaitReady returns once the node is ready or ctx ends.
func (n *Node) WaitReady(ctx context.Context) error {
	for {
		err := show{n}.Ready(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		wait(ctx, 5*time.Millisecond)
	}
}
