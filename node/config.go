package node

import (
	"time"

	"github.com/aielon/edge/node/gateway/limits"
)

// Config is everything a person can set. The zero value is not usable: start from Default.
type Config struct {
	DataDir string `toml:"data_dir"` // everything the node keeps lies below this directory
	Site    string `toml:"site"`     // label of the clinic or mosque: a-z, 0-9 and "-", at most 63
	Region  string `toml:"region"`   // label of the region the site belongs to
	Role    string `toml:"role"`     // "node" or "hub"

	Log     LogConfig     `toml:"log"`
	Door    DoorConfig    `toml:"door"`
	MQTT    MQTTConfig    `toml:"mqtt"`
	Bridges []Bridge      `toml:"bridge"`
	Cluster ClusterConfig `toml:"cluster"`
	Uplink  UplinkConfig  `toml:"uplink"`
	Hub     HubConfig     `toml:"hub"`
	Storage StorageConfig `toml:"storage"`
	Host    HostConfig    `toml:"host"`

	Telemetry TelemetryConfig `toml:"telemetry"`
}

// LogConfig says what is written to standard error.
type LogConfig struct {
	Level  string `toml:"level"`  // "debug", "info", "warn", "error"
	Format string `toml:"format"` // "text" or "json"
}

// DoorConfig is where people and programs get in.
type DoorConfig struct {
	Addr  string   `toml:"addr"`  // host:port; empty closes the door
	Hosts []string `toml:"hosts"` // names the door answers to, besides IP addresses and localhost; the first is the one passkeys belong to

	CallerRate int `toml:"caller_rate"` // requests a second of one person or program
}

// MQTTConfig is the embedded broker.
type MQTTConfig struct {
	Addr           string `toml:"addr"`            // plain MQTT; loopback unless allow_plaintext
	TLSAddr        string `toml:"tls_addr"`        // MQTT over TLS
	AllowPlaintext bool   `toml:"allow_plaintext"` // permits addr to be reachable from the network
	AllowTLS12     bool   `toml:"allow_tls12"`     // for old devices
	MaxClients     int    `toml:"max_clients"`
	MaxPacket      Bytes  `toml:"max_packet"`
}

// A Bridge subscribes to a broker that is already there.
type Bridge struct {
	Name         string   `toml:"name"`
	URL          string   `toml:"url"` // tcp://host:1883 or tls://host:8883
	Username     string   `toml:"username"`
	PasswordFile string   `toml:"password_file"`
	CAFile       string   `toml:"ca_file"`
	Topics       []string `toml:"topics"`
	DeviceLevel  int      `toml:"device_level"` // which level of a topic names the device, from 0
}

// ClusterConfig is how the nodes of one site meet.
type ClusterConfig struct {
	Addr        string `toml:"addr"`        // host:port of the one TCP port between nodes; empty: this node stays alone
	Advertise   string `toml:"advertise"`   // what the others dial, when it is not Addr
	GossipAddr  string `toml:"gossip_addr"` // host:port (TCP and UDP); empty: no gossip
	LANDiscover bool   `toml:"lan_discovery"`
}

// UplinkConfig is the way to the hub. The hub's addresses are learnt when the node joins.
type UplinkConfig struct {
	Hubs        []string `toml:"hubs"`    // host:port; added to those learnt at join
	Profile     string   `toml:"profile"` // "normal", "metered" (no keepalive), "full" (bulk is not paced)
	DayBudget   Bytes    `toml:"day_budget"`
	MonthBudget Bytes    `toml:"month_budget"`
	BulkWindow  string   `toml:"bulk_window"` // "01:00-05:00", local time; empty: always
}

// HubConfig is read when role = "hub".
type HubConfig struct {
	Addr         string   `toml:"addr"`      // host:port, UDP (QUIC) and TCP
	JoinAddr     string   `toml:"join_addr"` // host:port, TCP: where sites join and renew
	Advertise    []string `toml:"advertise"`
	Store        string   `toml:"store"`             // "badger" or "postgres"
	PostgresFile string   `toml:"postgres_url_file"` // a file of mode 0600 with the connection URL
	NodeObjects  Bytes    `toml:"node_objects"`      // large objects that one node may bring

	Keep KeepConfig `toml:"keep"`
}

// KeepConfig is what a hub keeps of the classes that may be forgotten. Critical, ledger and clinical records
// are kept for ever, so there is no setting for them.
type KeepConfig struct {
	Community KeepClass `toml:"community"`
	Telemetry KeepClass `toml:"telemetry"`
	Bulk      KeepClass `toml:"bulk"`
}

// KeepClass is what a hub keeps of one class. 0 is no limit.
type KeepClass struct {
	Age  Duration `toml:"age"`  // since the hub took a record in, at least a day
	Size Bytes    `toml:"size"` // of all records of the class, before they are packed
}

// StorageConfig bounds what the node may use of the disk.
type StorageConfig struct {
	Reserve  Bytes    `toml:"reserve"`  // ballast given back when the disk fills up
	MinFree  Bytes    `toml:"min_free"` // below this much free space writes are refused
	Readings Bytes    `toml:"readings"` // budget of the readings journals
	Blobs    Bytes    `toml:"blobs"`    // budget of large objects; on a hub, of all it takes from its nodes too
	Keep     Duration `toml:"keep"`     // delivered readings are kept this long, budget permitting
	KeyFile  string   `toml:"key_file"` // storage key; empty: $CREDENTIALS_DIRECTORY/storage.key, else keys/storage.key
}

// HostConfig is what the node measures of its own box.
type HostConfig struct {
	Every Duration `toml:"every"` // 0 switches it off
}

// TelemetryConfig is what the node tells programs that watch it, besides /metrics.
type TelemetryConfig struct {
	OTLP string `toml:"otlp"` // URL of a collector's OTLP/HTTP receiver, for traces; empty: none
}

// Default is a node that stands alone and listens on loopback only.
func Default() Config {
	return Config{
		DataDir: "/var/lib/aielon-edge",
		Site:    "site",
		Region:  "region",
		Role:    "node",
		Log:     LogConfig{Level: "info", Format: "text"},
		Door:    DoorConfig{Addr: "127.0.0.1:8480", CallerRate: limits.DefaultRate},
		MQTT:    MQTTConfig{Addr: "127.0.0.1:1883", MaxClients: 2048, MaxPacket: 256 << 10},
		Cluster: ClusterConfig{},
		Uplink:  UplinkConfig{Profile: "normal"},
		Hub: HubConfig{Addr: "0.0.0.0:8484", JoinAddr: "0.0.0.0:8485", Store: "badger", NodeObjects: 1 << 30, Keep: KeepConfig{
			Community: KeepClass{Age: Duration(1095 * 24 * time.Hour), Size: 2 << 30},
			Telemetry: KeepClass{Age: Duration(365 * 24 * time.Hour), Size: 8 << 30},
			Bulk:      KeepClass{Age: Duration(90 * 24 * time.Hour), Size: 4 << 30},
		}},
		Storage: StorageConfig{Reserve: 64 << 20, MinFree: 64 << 20, Readings: 1 << 30, Blobs: 1 << 30, Keep: Duration(14 * 24 * time.Hour)},
		Host:    HostConfig{Every: Duration(time.Minute)},
	}
}
