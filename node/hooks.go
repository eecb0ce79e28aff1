package node

import (
	"context"
	"net/http"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/api/webhooksv1"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/node/telemetry"
	"github.com/aielon/edge/node/webhook"
	"github.com/aielon/edge/sync/hub/store"
)

// What one node asks the one that delivers.
const (
	callDeliveries = "webhooks.list_deliveries"
	callRedeliver  = "webhooks.redeliver"
	callTest       = "webhooks.test_webhook"
)

const (
	hooksLook = time.Second        // how often it is looked whether this node delivers, beside when the leader changes
	hooksKeep = 7 * 24 * time.Hour // how long a record of the site waits for a webhook before it may be pruned
	hooksAsk  = 10 * time.Second   // for the node that delivers to answer another
)

// A hooks is the webhooks of the site, as far as this node has to do with them: it delivers while it leads.
type hooks struct {
	n      *Node
	d      *webhook.Dispatcher
	client *site.Client
	keep   time.Duration // see hooksKeep
}

func (n *Node) openHooks(context.Context) (err error) {
	h := &hooks{n: n, client: site.NewClient(n.dialMember), keep: hooksKeep}
	n.onClose(h.client.Close)
	var journals []edge.Journal
	for _, u := range edge.Urgencies() {
		journals = append(journals, n.siteJournal(u))
	}
	view := func() (edge.View, func()) {
		v := n.site.View()
		return v, v.Close
	}
	propose := func(ctx context.Context, op string, in any) error { return n.propose(ctx, op, in, nil) }
	h.d, err = webhook.New(webhook.Options{Watch: h, Store: n.readings, View: view, Journals: journals, Propose: propose, Origin: site.Origin(n.keys.trust.Site()), Logger: n.part("webhooks")})
	n.hooks = h
	return err
}

// Name implements edge.Part.
func (h *hooks) Name() string { return "webhooks" }

// Report implements edge.Reporter.
func (h *hooks) Report(ctx context.Context) edge.Health { return h.d.Report(ctx) }

// leads reports whether this node delivers: under the same terms under which it delivers the site's journals to a hub.
func (h *hooks) leads() bool {
	l := h.n.raft.Leadership()
	return l.Self && l.Ready && !h.n.forkDue.Load()
}

// Run implements edge.Part: it delivers while this node leads.
func (h *hooks) Run(ctx context.Context) error {
	changes, cancel := h.n.raft.Subscribe()
	defer cancel()
	t := time.NewTicker(hooksLook)
	defer t.Stop()
	stop, running := func() {}, false
	defer func() { stop() }()
	for {
		switch leads := h.leads(); {
		case leads && !running:
			stop, running = h.deliver(ctx), true
		case !leads && running:
			stop()
			stop, running = func() {}, false
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changes:
		case <-t.C:
		}
	}
}

// deliver begins to deliver and returns what ends it.
func (h *hooks) deliver(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.d.Run(ctx) // it ends with ctx, and without an error
	}()
	return func() { cancel(); <-done }
}

func (h *hooks) methods(l *gateway.Locals) {
	gateway.Local(l, func(ctx context.Context, in *webhooksv1.ListDeliveriesRequest) (*webhooksv1.ListDeliveriesResponse, error) {
		out := &webhooksv1.ListDeliveriesResponse{}
		return out, h.ask(ctx, callDeliveries, in, in.GetId(), out)
	})
	gateway.Local(l, func(ctx context.Context, in *webhooksv1.RedeliverRequest) (*webhooksv1.RedeliverResponse, error) {
		out := &webhooksv1.RedeliverResponse{}
		return out, h.ask(ctx, callRedeliver, in, in.GetId(), out)
	})
	gateway.Local(l, func(ctx context.Context, in *webhooksv1.TestWebhookRequest) (*webhooksv1.Delivery, error) {
		out := &webhooksv1.Delivery{}
		return out, h.ask(ctx, callTest, in, in.GetId(), out)
	})
	gateway.Local(l, func(context.Context, *webhooksv1.ListEventTypesRequest) (*webhooksv1.ListEventTypesResponse, error) {
		return &webhooksv1.ListEventTypesResponse{Types: eventTypes()}, nil
	})
}

// ask has the node that leads answer, which may be this one.
func (h *hooks) ask(ctx context.Context, name string, in proto.Message, id string, out proto.Message) error {
	if err := h.n.withView(func(v edge.View) error { return webhook.Known(v, id) }); err != nil {
		return err
	}
	body, err := proto.Marshal(in)
	if err != nil {
		return edge.E(edge.Internal, "%s cannot be encoded: %w", name, err)
	}
	var reply []byte
	switch l := h.n.raft.Leadership(); {
	case h.d.Delivers():
		reply, err = h.answer(ctx, name, body)
	case l.Self || l.Leader.IsZero():
		return edge.E(edge.Unavailable, "no node of the site delivers to webhooks just now").WithHint("try again in a moment")
	default:
		ctx, cancel := context.WithTimeout(ctx, hooksAsk)
		defer cancel()
		reply, err = h.client.Call(ctx, l.Leader, name, body)
	}
	if err != nil {
		return err
	}
	if err := proto.Unmarshal(reply, out); err != nil {
		return edge.E(edge.Unavailable, "the node that leads answers what cannot be read: %w", err)
	}
	return nil
}

// answer is what the node that delivers answers itself or another.
func (h *hooks) answer(ctx context.Context, name string, body []byte) ([]byte, error) {
	switch name {
	case callRedeliver:
		return answered(name, body, func(in *webhooksv1.RedeliverRequest) (*webhooksv1.RedeliverResponse, error) {
			return &webhooksv1.RedeliverResponse{}, h.d.Redeliver(ctx, in.GetId(), in.GetMessage())
		})
	case callTest:
		return answered(name, body, func(in *webhooksv1.TestWebhookRequest) (*webhooksv1.Delivery, error) {
			return h.d.Test(ctx, in.GetId())
		})
	default:
		return answered(name, body, h.d.ListDeliveries)
	}
}

// answered decodes what is asked, and encodes what f answers.
func answered[In any, P interface {
	*In
	proto.Message
}, Out proto.Message](name string, body []byte, f func(P) (Out, error)) ([]byte, error) {
	in := P(new(In))
	if err := proto.Unmarshal(body, in); err != nil {
		return nil, edge.E(edge.Invalid, "the body of %s cannot be read: %w", name, err)
	}
	out, err := f(in)
	if err != nil {
		return nil, err
	}
	return proto.Marshal(out)
}

// wait is how far a journal of the site may be pruned, up to p, for the webhooks to get all of it that is not older
// than a week.
func (h *hooks) wait(ctx context.Context, u edge.Urgency, p edge.Pos) edge.Pos {
	var marks map[string]edge.Pos
	if err := h.n.withView(func(v edge.View) (err error) {
		marks, err = webhook.Oldest(v)
		return err
	}); err != nil {
		h.n.log.Warn("how far webhooks are cannot be read; the site's journal is pruned without them", "error", err)
		return p
	}
	at, ok := marks[site.Stream(u)]
	if !ok || !store.Before(at, p) {
		return p
	}
	for r, err := range h.n.siteJournal(u).Read(ctx, at) {
		if err == nil && h.n.keys.trust.Now().Sub(r.Time) < h.keep {
			return at
		}
		break
	}
	return p
}

// calledHook is what a webhook is to the figures of calls that go out.
const calledHook = "webhook"

// Begin and Retry implement webhook.Watcher.
func (h *hooks) Begin(ctx context.Context, head http.Header) (context.Context, func(string)) {
	return h.n.outgoing.Begin(ctx, calledHook, head)
}

// Retry is told of further tries.
func (h *hooks) Retry(made bool) { h.n.outgoing.Retry(calledHook, made) }

// figures implements what telemetry asks for.
func (h *hooks) figures(p telemetry.Page) {
	s := h.d.Sums()
	p.Gauge("aielon_webhooks_waiting", "Messages to webhooks that wait on this node.", float64(s.Waiting))
	p.Gauge("aielon_webhooks_resting", "Webhooks that are left alone for a while because nobody answers.", float64(s.Resting))
	for id, since := range h.d.Resting() {
		rests := 0.0
		if !since.IsZero() {
			rests = time.Since(since).Seconds()
		}
		p.Gauge("aielon_webhook_resting_seconds", "For how long nobody has answered at a webhook that is left alone for a while; 0: somebody does.", rests, "endpoint", id)
	}
	p.Gauge("aielon_webhooks_disabled", "Webhooks nothing is sent to.", float64(s.Disabled))
	p.Counter("aielon_webhooks_delivered_total", "Messages receivers took from this node.", s.Delivered)
	p.Counter("aielon_webhooks_failed_total", "Tries of this node that failed.", s.Failed)
	p.Counter("aielon_webhooks_lost_total", "Messages this node dropped: given up, without room, or gone before they were read.", s.Lost)
}
