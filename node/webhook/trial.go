package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aielon/edge/node/api/webhooksv1"
	"github.com/aielon/edge/node/edge"
)

// testTime is how long a receiver of a test may take: somebody waits for it, perhaps at another node.
const testTime = 8 * time.Second

// TypeTest is the type of the message Test sends. No journal has such an event.
const TypeTest = "webhooks.test"

// Test posts one message to an endpoint, and says what came of it. It is neither queued nor logged, and what it comes to
// counts for nothing: it is for the person who asked. It fails with NotFound where there is no such endpoint, and with
// Unavailable on a node that does not deliver.
func (d *Dispatcher) Test(ctx context.Context, id string) (*webhooksv1.Delivery, error) {
	if !d.Delivers() {
		return nil, edge.E(edge.Unavailable, "this node does not deliver to webhooks").WithHint("ask the node that leads")
	}
	v, done := d.o.View()
	ep, err := load(v, id)
	done()
	if err != nil {
		return nil, err
	}
	start := d.now()
	r := edge.Record{Event: edge.Event{Type: TypeTest, Subject: "webhook/" + id, Class: edge.Public, Time: start}}
	r.Body, err = json.Marshal(map[string]string{"webhook": id})
	if err != nil {
		return nil, edge.E(edge.Internal, "a test cannot be encoded: %w", err)
	}
	body, err := encodeEvent(d.o.Origin, "test", r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, testTime)
	defer cancel()
	a := d.post(ctx, ep, fmt.Sprintf("msg_test_%x", start.UnixNano()), body, start)
	out := &webhooksv1.Delivery{Type: TypeTest, Time: stamp(start), TookMs: float64(d.now().Sub(start)) / 1e6, Attempt: 1, Status: int32(a.status), Error: reason(a), Response: a.body, Outcome: string(Delivered)}
	if !a.ok() {
		out.Outcome = string(GaveUp)
	}
	return out, nil
}
