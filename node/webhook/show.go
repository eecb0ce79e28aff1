package webhook

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/api/webhooksv1"
	"github.com/aielon/edge/node/edge"
)

// message is the endpoint as callers see it, without its secrets.
func (e Endpoint) message() *webhooksv1.Webhook {
	out := &webhooksv1.Webhook{Id: e.ID, Url: e.URL, Description: e.Description, Types: e.Types, Class: api.Class(e.Class), Ordered: e.Ordered,
		AllowPrivate: e.AllowPrivate, AllowPlain: e.AllowPlain, Created: stamp(e.Created), Disabled: e.Disabled, Enabled: stamp(e.Enabled)}
	if len(e.Secrets) > 1 {
		out.OldSecretUntil = stamp(e.Secrets[1].Until)
	}
	return out
}

// issued is the endpoint with its newest secret, for the one time it is shown.
func (e Endpoint) issued() *webhooksv1.IssuedWebhook {
	return &webhooksv1.IssuedWebhook{Webhook: e.message(), Secret: e.Secrets[0].Value}
}

// stamp is a time, nil for the zero time.
func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// usualLog is how many deliveries are listed where nobody says how many.
const usualLog = 50

// ListDeliveries answers the method of that name, on the node that delivers. Elsewhere it fails like Status.
func (d *Dispatcher) ListDeliveries(in *webhooksv1.ListDeliveriesRequest) (*webhooksv1.ListDeliveriesResponse, error) {
	size, err := edge.PageSize(in.GetPageSize(), usualLog, maxLog)
	if err != nil {
		return nil, err
	}
	st, err := d.Status(in.GetId())
	if err != nil {
		return nil, err
	}
	list, err := d.Deliveries(in.GetId(), size)
	if err != nil {
		return nil, err
	}
	out := &webhooksv1.ListDeliveriesResponse{Waiting: int32(st.Waiting), Delivered: int64(st.Delivered), Lost: int64(st.GaveUp + st.Shed + st.Missed), Resting: st.Open}
	for _, x := range list {
		out.Deliveries = append(out.Deliveries, &webhooksv1.Delivery{Message: x.ID, Type: x.Type, Time: stamp(x.At), TookMs: float64(x.Took) / 1e6, Attempt: int32(x.Attempt),
			Status: int32(x.Status), Error: x.Error, Response: x.Response, Outcome: string(x.Outcome)})
	}
	return out, nil
}

// Delivers reports whether this node delivers just now.
func (d *Dispatcher) Delivers() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.running
}

// Resting is since when nobody answers at those endpoints this node delivers to and leaves alone for a while; the zero
// time where somebody does.
func (d *Dispatcher) Resting() map[string]time.Time {
	out := map[string]time.Time{}
	for _, t := range d.all() {
		t.mu.Lock()
		if t.ep.Disabled == "" {
			out[t.id] = t.breaker.Since()
		}
		t.mu.Unlock()
	}
	return out
}

// Sums are over all endpoints this node delivers to.
type Sums struct {
	Waiting, Resting, Disabled int
	Delivered, Failed, Lost    uint64
}

// Sums adds up.
func (d *Dispatcher) Sums() (s Sums) {
	for _, t := range d.all() {
		t.mu.Lock()
		s.Waiting += len(t.pending)
		if t.breaker.Open() {
			s.Resting++
		}
		if t.ep.Disabled != "" {
			s.Disabled++
		}
		s.Delivered, s.Failed, s.Lost = s.Delivered+t.counts.Delivered, s.Failed+t.counts.Failed, s.Lost+t.counts.GaveUp+t.counts.Shed+t.counts.Missed
		t.mu.Unlock()
	}
	return s
}

// Known fails with NotFound where a site has no such webhook.
func Known(v edge.View, id string) error {
	_, err := load(v, id)
	return err
}
