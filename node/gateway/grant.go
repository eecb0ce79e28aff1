package gateway

import (
	"context"
	"net/http"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/gateway/call"
)

// Names of the cookies. Those that begin with __Host- can only be set and sent over TLS, for this host alone
// (RFC 6265bis section 4.1.3.2); the others are for plain HTTP on this machine.
const (
	CookieSecure = "__Host-session"
	CookieLocal  = "session"
	deviceSecure = "__Host-device"
	deviceLocal  = "device"
)

// withRequest tells the methods that sign people in what came with the request, and lets those of a door that
// has cookies hand some out.
func withRequest(ctx context.Context) context.Context {
	r := call.From(ctx)
	out := auth.Request{Peer: r.Peer, Device: r.Device, Agent: r.Agent}
	if info, ok := connect.CallInfoForServerContext(ctx); ok && r.Cookies && (r.Door == "rest" || r.Door == "connect") {
		out.Grant = func(g auth.Grant) {
			for _, c := range cookies(g, r.TLS) {
				info.ResponseHeader().Add("Set-Cookie", c.String())
			}
		}
	}
	return auth.WithRequest(ctx, out)
}

// cookies are what the browser is to keep.
func cookies(g auth.Grant, tls bool) []*http.Cookie {
	session, device := CookieLocal, deviceLocal
	if tls {
		session, device = CookieSecure, deviceSecure
	}
	list := []*http.Cookie{cookie(session, g.Session, g.Until, tls)}
	if g.Device != "" {
		list = append(list, cookie(device, g.Device, g.Known, tls))
	}
	return list
}

func cookie(name, value string, until time.Time, tls bool) *http.Cookie {
	c := &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, Secure: tls, SameSite: http.SameSiteLaxMode, Expires: until.UTC()}
	if value == "" {
		c.MaxAge, c.Expires = -1, time.Time{}
	}
	return c
}
