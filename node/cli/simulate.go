package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/aielon/edge/node"
	"github.com/aielon/edge/node/edge"
)

// The series are described in series/README.md.
//
//go:embed series/*.csv
var series embed.FS

// replayEvery is the pause between two readings of one simulated device; in the series they are minutes
// or an hour apart.
const replayEvery = time.Second

var simulated = []struct{ id, file, topic string }{
	{"fridge-room", "series/ambient_temperature.csv", "fridge-room/sensor"},
	{"machine", "series/machine_temperature.csv", "machine/sensor"},
}

// simulate publishes the series as devices would, over MQTT and with their own credentials, until ctx ends.
func simulate(ctx context.Context, n *node.Node) error {
	errs := make(chan error, len(simulated))
	for _, d := range simulated {
		c, err := n.DeviceFor(ctx, d.id)
		if err != nil {
			return err
		}
		values, err := readSeries(d.file)
		if err != nil {
			return err
		}
		go func() { errs <- replay(ctx, n.MQTTAddr(), c, d.topic, values) }()
	}
	return <-errs
}

func readSeries(file string) ([]string, error) {
	b, err := series.ReadFile(file)
	if err != nil {
		return nil, edge.E(edge.Internal, "a series is missing: %w", err)
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil || len(rows) < 2 {
		return nil, edge.E(edge.Internal, "a series cannot be read: %w", err)
	}
	var values []string
	for _, r := range rows[1:] {
		values = append(values, r[1])
	}
	return values, nil
}

func replay(ctx context.Context, addr string, d node.DeviceCredentials, topic string, values []string) error {
	id := make([]byte, 4)
	rand.Read(id)
	o := paho.NewClientOptions().AddBroker("tcp://" + addr).SetClientID(d.ID + "-" + hex.EncodeToString(id)).
		SetUsername(d.ID).SetPassword(d.Password).SetConnectRetry(true).SetConnectRetryInterval(time.Second)
	c := paho.NewClient(o)
	defer c.Disconnect(250)
	if t := c.Connect(); t.Wait() && t.Error() != nil {
		return edge.E(edge.Unavailable, "a simulated device cannot connect: %w", t.Error())
	}
	t := time.NewTicker(replayEvery)
	defer t.Stop()
	for i := 0; ; i = (i + 1) % len(values) {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		payload := fmt.Sprintf(`{"temperature_F":%s,"time":%d}`, values[i], time.Now().Unix())
		if tok := c.Publish(topic, 1, false, payload); !tok.WaitTimeout(5*time.Second) || tok.Error() != nil {
			continue // paho connects again by itself; a simulated reading may be missed while it does
		}
	}
}
