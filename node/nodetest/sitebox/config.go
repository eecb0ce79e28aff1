package sitebox

import (
	"github.com/aielon/edge/node"
)

// Config is a small node of a site on loopback.
func Config(data, cluster string) node.Config {
	c := node.Default()
	c.DataDir, c.Site = data, "clinic"
	c.Log.Level = "warn"
	c.Door.Addr, c.MQTT.Addr, c.Cluster.Addr = "127.0.0.1:0", "127.0.0.1:0", cluster
	c.Storage.Reserve, c.Storage.MinFree, c.Storage.Readings = 1<<20, 32<<20, 16<<20
	c.Host.Every = 0
	return c
}
