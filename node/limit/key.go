package limit

import (
	"net/netip"

	"github.com/aielon/edge/node/edge"
)

// A Key is whom a limit is kept for.
type Key struct {
	kind edge.ActorKind
	id   string
	net  netip.Prefix
}

// KeyFor is the caller where it is known, and else the network it comes from: one IPv4 address, or the /64 of an
// IPv6 address, since a single household has all addresses of one. Callers without an address share one key.
func KeyFor(who edge.Actor, from netip.Addr) Key {
	if who.Kind != edge.Nobody && who.ID != "" {
		return Key{kind: who.Kind, id: who.ID}
	}
	return KeyOf(from)
}

// KeyOf is the network an address belongs to, whoever calls from it.
func KeyOf(from netip.Addr) Key {
	from = from.Unmap().WithZone("")
	bits := 64
	if from.Is4() {
		bits = 32
	}
	p, err := from.Prefix(bits)
	if err != nil {
		return Key{} // no address
	}
	return Key{net: p}
}

// String is for logs.
func (k Key) String() string {
	switch {
	case k.id != "":
		return k.id
	case k.net.IsValid():
		return k.net.String()
	}
	return "unknown"
}
