package policy

import (
	"time"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

// How long a caller that is proven by its connection counts as proven: it is asked about again with each thing it
// does, and what ends the connection ends it.
const atOnce = time.Minute

// DeviceCaller is a device that has proved itself to the broker.
func DeviceCaller(id, site string, now time.Time) auth.Caller {
	return auth.Caller{Actor: edge.Actor{Kind: edge.Device, ID: id, Site: site}, Roles: []string{auth.DeviceRole}, Strength: auth.Token, Since: now, Until: now.Add(atOnce)}
}

// HubCaller is the hub of a region, whose orders are signed.
func HubCaller(region string, now time.Time) auth.Caller {
	return auth.Caller{Actor: edge.Actor{Kind: edge.Node, ID: region}, Roles: []string{auth.HubRole}, Strength: auth.Token, Since: now, Until: now.Add(atOnce)}
}

// AboutTopic is the question whether a caller may publish to a topic of the broker (write), or read it. Its own are
// those the site gave it when it was registered.
func AboutTopic(who auth.Caller, topic string, write, own bool, c Context) Request {
	q := Request{Caller: who, Action: "readings.read", Object: Object{Type: "topic", ID: topic, Class: edge.SiteOnly}, Context: c}
	if write {
		q.Action = "readings.publish"
	}
	if own {
		q.Object.Owner = who.ID
	}
	q.Context.Door = "mqtt"
	return q
}

// AboutSync is the question whether a hub may do something at a node of the site that delivers to it: what it may
// ask for by an order is decided as if somebody had asked for the same at another door.
func AboutSync(who auth.Caller, action edge.Permission, c Context) Request {
	c.Door = "sync"
	return Request{Caller: who, Action: action, Object: Object{Type: "site", Class: edge.SiteOnly}, Context: c}
}
