package node

import (
	"fmt"
	"testing"
	"time"

	"github.com/aielon/edge/hardware/device"
	"github.com/aielon/edge/hardware/mqtt"
)

// BenchmarkIntake is what one message costs between the broker and the journal.
func BenchmarkIntake(b *testing.B) {
	in := &intake{decoder: device.New(device.Options{})}
	payload := []byte(`[{"bn":"urn:dev:fridge-07:","bt":1790000000.125,"n":"temperature","u":"Cel","v":4.25},{"n":"battery","u":"V","v":3.07},{"n":"note","vs":"`)
	for len(payload) < 253 {
		payload = append(payload, 'a'+byte(len(payload)%26))
	}
	payload = append(payload, `"}]`...)
	m := mqtt.Publish{Device: "fridge-7", ClientID: "fridge-7", Topic: "fridge-7/t", Payload: payload, QoS: 1, Received: time.Unix(1_790_000_001, 0)}
	b.ReportAllocs()
	for b.Loop() {
		if ev := in.events(nil, m); len(ev) != 1 || ev[0].Type != "device.reading" {
			b.Fatal(fmt.Sprint(ev))
		}
	}
}
