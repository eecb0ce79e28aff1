package node

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/telemetry"
)

var label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Validate refuses, with Invalid, what cannot work or would leave the node open.
func (c Config) Validate() error {
	for _, check := range []func(Config) error{
		checkIdentity, checkLog, checkAddresses, checkDoor, checkMQTT, checkBridges, checkUplink, checkHub, checkStorage, checkTelemetry,
	} {
		if err := check(c); err != nil {
			return err
		}
	}
	return nil
}

func checkIdentity(c Config) error {
	switch {
	case c.DataDir == "":
		return bad("data_dir", "is empty: name the directory in which the node keeps its data")
	case filepath.Clean(c.DataDir) == "/":
		return bad("data_dir", "must be a directory of its own, not /")
	case !label.MatchString(c.Site):
		return bad("site", "%q is not a label: use a-z, 0-9 and -, at most 63", c.Site)
	case !label.MatchString(c.Region):
		return bad("region", "%q is not a label: use a-z, 0-9 and -, at most 63", c.Region)
	case c.Role != "node" && c.Role != "hub":
		return bad("role", `%q is not a role: "node" or "hub" is expected`, c.Role)
	}
	return nil
}

func checkLog(c Config) error {
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		return bad("log.level", `%q is not a level: debug, info, warn or error is expected`, c.Log.Level)
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		return bad("log.format", `%q is not a format: text or json is expected`, c.Log.Format)
	}
	return nil
}

// checkAddresses makes sure that every address can be listened on and that no two are the same.
func checkAddresses(c Config) error {
	taken := map[string]string{}
	for _, a := range []struct{ key, addr string }{
		{"door.addr", c.Door.Addr}, {"mqtt.addr", c.MQTT.Addr}, {"mqtt.tls_addr", c.MQTT.TLSAddr},
		{"cluster.addr", c.Cluster.Addr}, {"cluster.gossip_addr", c.Cluster.GossipAddr},
		{"hub.addr", hubOnly(c, c.Hub.Addr)}, {"hub.join_addr", hubOnly(c, c.Hub.JoinAddr)},
	} {
		if a.addr == "" {
			continue
		}
		_, port, err := net.SplitHostPort(a.addr)
		if err != nil {
			return bad(a.key, "%q is not an address: write it like 127.0.0.1:8480", a.addr)
		}
		if other, clash := taken[port]; clash && port != "0" {
			return bad(a.key, "port %s is already used by %s", port, other)
		}
		taken[port] = a.key
	}
	if h, _, _ := net.SplitHostPort(c.Cluster.Addr); c.Cluster.Addr != "" && c.Cluster.Advertise == "" && unspecified(h) {
		return bad("cluster.addr", "%q is every address of this box: the other nodes cannot know which; set cluster.advertise", c.Cluster.Addr)
	}
	return nil
}

// hostName is a name as browsers send it (RFC 1123 section 2.1, in lower case).
var hostName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)

func checkDoor(c Config) error {
	for _, h := range c.Door.Hosts {
		if _, err := netip.ParseAddr(h); err == nil || !hostName.MatchString(h) || len(h) > 253 {
			return bad("door.hosts", "%q is not a name: write it like clinic.example.org, in small letters, without a port; addresses need not be listed", h)
		}
	}
	if c.Door.CallerRate < 10 || c.Door.CallerRate > 1_000_000 {
		return bad("door.caller_rate", "must be 10 to 1000000 requests a second, it is %d", c.Door.CallerRate)
	}
	return nil
}

func unspecified(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

func hubOnly(c Config, addr string) string {
	if c.Role == "hub" {
		return addr
	}
	return ""
}

func checkMQTT(c Config) error {
	switch {
	case c.MQTT.Addr != "" && !c.MQTT.AllowPlaintext && !loopback(c.MQTT.Addr):
		e := bad("mqtt.addr", "%s can be reached from the network and MQTT there is not encrypted", c.MQTT.Addr)
		e.err = e.err.WithHint("use mqtt.tls_addr for devices that can do TLS, or set mqtt.allow_plaintext = true")
		return e
	case c.MQTT.MaxClients < 1 || c.MQTT.MaxClients > 100_000:
		return bad("mqtt.max_clients", "must be 1 to 100000, it is %d", c.MQTT.MaxClients)
	case c.MQTT.MaxPacket < 1<<10 || c.MQTT.MaxPacket > 1<<20:
		return bad("mqtt.max_packet", "must be 1KiB to 1MiB, it is %s", c.MQTT.MaxPacket)
	}
	return nil
}

func loopback(addr string) bool {
	host, _, _ := net.SplitHostPort(addr)
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func checkBridges(c Config) error {
	for _, b := range c.Bridges {
		u, err := url.Parse(b.URL)
		switch {
		case b.Name == "":
			return bad("bridge.name", "is empty: give the other broker a name")
		case err != nil || u.Host == "" || !slices.Contains([]string{"tcp", "tls", "mqtt", "mqtts"}, u.Scheme):
			return bad("bridge.url", "%q is not a broker: write it like tls://broker.local:8883", b.URL)
		case u.User != nil:
			return bad("bridge.url", "must not carry a password: use username and password_file")
		case len(b.Topics) == 0:
			return bad("bridge.topics", "is empty: say which topics to take over")
		}
	}
	return nil
}

func checkUplink(c Config) error {
	if !slices.Contains([]string{"normal", "metered", "full"}, c.Uplink.Profile) {
		return bad("uplink.profile", `%q is not a profile: normal, metered or full is expected`, c.Uplink.Profile)
	}
	for _, h := range c.Uplink.Hubs {
		if _, _, err := net.SplitHostPort(h); err != nil {
			return bad("uplink.hubs", "%q is not an address: write it like hub.example.org:8484", h)
		}
	}
	if c.Uplink.BulkWindow != "" {
		var from, to string
		if n := len(c.Uplink.BulkWindow); n == 11 && c.Uplink.BulkWindow[5] == '-' {
			from, to = c.Uplink.BulkWindow[:5], c.Uplink.BulkWindow[6:]
		}
		_, err1 := time.Parse("15:04", from)
		_, err2 := time.Parse("15:04", to)
		if err1 != nil || err2 != nil || from == to {
			return bad("uplink.bulk_window", "%q is not a window: write it like 01:00-05:00", c.Uplink.BulkWindow)
		}
	}
	return nil
}

func checkHub(c Config) error {
	switch {
	case c.Role != "hub":
		return nil
	case c.Hub.Addr == "" || c.Hub.JoinAddr == "":
		return bad("hub.addr", "a hub needs hub.addr and hub.join_addr")
	case c.Hub.Store != "badger" && c.Hub.Store != "postgres":
		return bad("hub.store", `%q is not a store: "badger" or "postgres" is expected`, c.Hub.Store)
	case c.Hub.Store == "postgres" && c.Hub.PostgresFile == "":
		return bad("hub.postgres_url_file", "is empty: name a file of mode 0600 that holds the connection URL")
	case c.Hub.NodeObjects < 0:
		return bad("hub.node_objects", "must not be negative, it is %s", c.Hub.NodeObjects)
	}
	return checkKeep(c.Hub.Keep)
}

func checkKeep(k KeepConfig) error {
	for _, x := range []struct {
		name string
		KeepClass
	}{{"community", k.Community}, {"telemetry", k.Telemetry}, {"bulk", k.Bulk}} {
		switch {
		case x.Age != 0 && time.Duration(x.Age) < 24*time.Hour:
			return bad("hub.keep."+x.name+".age", "must be at least 1d, or 0d to keep records of any age; it is %s", time.Duration(x.Age))
		case x.Size != 0 && x.Size < 64<<20:
			return bad("hub.keep."+x.name+".size", "must be at least 64MiB, or 0 for no limit; it is %s", x.Size)
		}
	}
	return nil
}

func checkStorage(c Config) error {
	switch {
	case c.Storage.MinFree < 32<<20:
		return bad("storage.min_free", "must be at least 32MiB, it is %s", c.Storage.MinFree)
	case c.Storage.Blobs < 1<<20:
		return bad("storage.blobs", "must be at least 1MiB, it is %s", c.Storage.Blobs)
	case c.Storage.Readings < 16<<20:
		return bad("storage.readings", "must be at least 16MiB, it is %s", c.Storage.Readings)
	case c.Host.Every != 0 && time.Duration(c.Host.Every) < time.Second:
		return bad("host.every", "must be at least 1s, or 0 to switch it off")
	}
	return nil
}

func checkTelemetry(c Config) error {
	if c.Telemetry.OTLP == "" {
		return nil
	}
	if _, err := telemetry.CheckCollector(c.Telemetry.OTLP); err != nil {
		e := bad("telemetry.otlp", "")
		if x, ok := errors.AsType[*edge.Error](err); ok {
			e.err = x
		}
		return e
	}
	return nil
}
