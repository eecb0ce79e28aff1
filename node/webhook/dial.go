package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/aielon/edge/node/edge"
)

// Times and sizes of one call.
const (
	callTime      = 30 * time.Second
	dialTime      = 10 * time.Second
	headerTime    = 20 * time.Second
	maxHeader     = 32 << 10 // bytes of a response's header
	keepResponse  = 1 << 10  // bytes of a response's body that are kept
	drainResponse = 16 << 10 // bytes read so that the connection can be used again
)

// Transport reaches public addresses only, or with private set those of local networks and this box too, for whoever
// else calls what somebody has entered an address of. It follows no proxy.
func Transport(private bool) *http.Transport { return newTransport(private, nil, nil) }

// newTransport returns a transport that reaches public addresses only, or with private set those of local networks and
// this box too. The address is checked when it is dialled, after the name was resolved: no answer of a DNS server
// gets past it, nor does a redirect, which is not followed anyway. There is no proxy.
func newTransport(private bool, roots *x509.CertPool, resolver *net.Resolver) *http.Transport {
	d := &net.Dialer{Timeout: dialTime, Resolver: resolver, ControlContext: func(_ context.Context, network, address string, _ syscall.RawConn) error {
		return checkAddress(network, address, private)
	}}
	return &http.Transport{DialContext: d.DialContext, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, TLSHandshakeTimeout: dialTime,
		ResponseHeaderTimeout: headerTime, MaxResponseHeaderBytes: maxHeader, MaxIdleConns: 32, MaxIdleConnsPerHost: 2, MaxConnsPerHost: 8,
		IdleConnTimeout: time.Minute, DisableCompression: true, ForceAttemptHTTP2: true}
}

// checkAddress refuses, with Denied, what a webhook may not reach.
func checkAddress(network, address string, private bool) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" {
		return edge.E(edge.Denied, "a webhook cannot be sent to %s", address)
	}
	switch a := embedded(ap.Addr()); {
	case never(a):
		return edge.E(edge.Denied, "webhooks are not sent to %s", a)
	case !private && local(a):
		return edge.E(edge.Denied, "webhooks are not sent to %s, an address of a local network", a).WithHint("set allow_private where it is yours")
	}
	return nil
}

// The IPv6 networks whose addresses hold an IPv4 address, and where in them it begins, in bytes.
var carriers = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12},   // NAT64
	{netip.MustParsePrefix("64:ff9b:1::/48"), 12}, // NAT64 of a local network, at its usual length
	{netip.MustParsePrefix("2002::/16"), 2},       // 6to4
	{netip.MustParsePrefix("::/96"), 12},          // compatible, long out of use
}

// embedded returns the address that a packet to a ends up at: an IPv4 address in IPv6 clothes is one.
func embedded(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if !a.Is6() || a == netip.IPv6Unspecified() || a.IsLoopback() {
		return a
	}
	for _, c := range carriers {
		if c.prefix.Contains(a) {
			b := a.As16()
			return netip.AddrFrom4([4]byte(b[c.at : c.at+4]))
		}
	}
	return a
}

// never tells addresses no setting opens: link-local ones, where clouds keep credentials, and those of nobody.
func never(a netip.Addr) bool {
	return a.IsUnspecified() || a.IsLinkLocalUnicast() || a.IsMulticast() || in(a, neverNets)
}

// local tells addresses inside networks of one's own.
func local(a netip.Addr) bool { return a.IsLoopback() || a.IsPrivate() || in(a, localNets) }

func in(a netip.Addr, nets []netip.Prefix) bool {
	for _, n := range nets {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

var (
	neverNets = []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("240.0.0.0/4"), // this network; reserved and broadcast
		netip.MustParsePrefix("fd00:ec2::/32"), netip.MustParsePrefix("fec0::/10"), // metadata of a cloud; site-local
		netip.MustParsePrefix("100.100.100.200/32"), netip.MustParsePrefix("168.63.129.16/32"), // metadata of two more
		netip.MustParsePrefix("2001::/32"), // Teredo
	}
	localNets = []netip.Prefix{
		netip.MustParsePrefix("100.64.0.0/10"),                                       // of providers
		netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"), // protocols; examples
		netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), // tests
		netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("100::/64"),
	}
)
