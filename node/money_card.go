package node

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/problem"
	"github.com/aielon/edge/node/telemetry"
	"github.com/aielon/edge/node/webhook"
	"github.com/aielon/edge/services/wallet/gateway"
	"github.com/aielon/edge/services/wallet/gateway/card"
	"github.com/aielon/edge/services/wallet/payments"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// calledProcessor is what a processor of payments is to the figures of calls that go out.
const calledProcessor = "processor"

const (
	maxProcessor   = 64 << 10 // bytes of a message of a processor
	processorTime  = 30 * time.Second
	processorEvery = 5 * time.Second // how often the node that leads looks whether there is something to ask
	processorMany  = 64              // payments and refunds that are looked at each time
	pollFirst      = time.Minute     // until a processor is asked what became of a payment it has not told of
	pollMost       = 6 * time.Hour   // between two questions about one payment
	processorLook  = 512             // open payments that are gone through each time
	maxPolls       = 8192            // payments it is remembered of when they are asked about next
)

// A counted client measures what goes out to processors.
type countedClient struct {
	out    *telemetry.Outgoing
	client *http.Client
}

// Do implements card.Doer.
func (c countedClient) Do(r *http.Request) (*http.Response, error) {
	ctx, end := c.out.Begin(r.Context(), calledProcessor, r.Header)
	res, err := c.client.Do(r.WithContext(ctx))
	switch {
	case err != nil && r.Context().Err() != nil:
		end(telemetry.Stopped)
	case err != nil || res.StatusCode >= 500:
		end(telemetry.Failed)
	case res.StatusCode >= 400:
		end(telemetry.Refused)
	default:
		end(telemetry.Taken)
	}
	return res, err
}

// processor is a client for one gateway. Addresses of this network are refused unless the gateway allows them.
func (n *Node) processor(g *payments.Gateway) (*card.Client, func(), error) {
	t := webhook.Transport(g.Private)
	client := &http.Client{Transport: t, Timeout: processorTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	c, err := card.New(card.Options{Base: g.Base, Key: g.Key, AllowPlain: g.Private, Tries: 3, HTTP: countedClient{n.outgoing, client}})
	return c, t.CloseIdleConnections, err
}

// startPayment has the processor make a payment. It is asked under the payment's own identifier, so that a try whose
// answer was lost makes no second one, on whichever node it is asked.
func (n *Node) startPayment(ctx context.Context, in *walletv1.StartPaymentRequest) (*walletv1.StartPaymentResponse, error) {
	var g *payments.Gateway
	var p payments.Open
	var asked paygate.Attempt
	err := n.withView(func(v edge.View) (err error) { g, p, asked, err = payments.Card(v, in.GetId()); return err })
	if err == nil && g.Kind != walletv1.GatewayKind_GATEWAY_CARD {
		err = edge.E(edge.Refused, "this payment is not by card").WithHint("pay as its page says").WithCode(payments.CodeNotHere)
	}
	if err != nil {
		return nil, err
	}
	c, done, err := n.processor(g)
	if err != nil {
		return nil, err
	}
	defer done()
	made, err := c.Create(ctx, p.ID.String(), card.Intent{Attempt: p.ID.String(), Amount: asked.Asked, Currency: asked.Currency})
	if err != nil {
		return nil, err
	}
	if err := n.propose(ctx, payments.OpAsked, payments.Asked{Payment: p.ID.String(), Gateway: g.Name, Known: made.ID}, nil); err != nil {
		return nil, err
	}
	return &walletv1.StartPaymentResponse{ClientSecret: made.Secret}, nil
}

// serveProcessor takes the messages of a processor. It is acknowledged once what it tells is decided, and tells again
// otherwise.
func (n *Node) serveProcessor(w http.ResponseWriter, r *http.Request) {
	if err := n.takeProcessor(w, r); err != nil {
		problem.Write(w, err, call.From(r.Context()).ID)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (n *Node) takeProcessor(w http.ResponseWriter, r *http.Request) error {
	if err := n.front.budgets.Address(call.From(r.Context())); err != nil {
		return err
	}
	call.Bound(w, r)
	var g *payments.Gateway
	if err := n.withView(func(v edge.View) (err error) { g, err = payments.Find(v, r.PathValue("name")); return err }); err != nil {
		return err
	}
	if g.Kind != walletv1.GatewayKind_GATEWAY_CARD {
		return edge.E(edge.NotFound, "there is no such processor").WithCode(payments.CodeGateway)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxProcessor))
	if err != nil {
		return edge.E(edge.Invalid, "the message cannot be read, or is longer than %d bytes", maxProcessor)
	}
	var secrets []card.Secret
	for _, s := range g.Signing {
		secrets = append(secrets, card.Secret{Value: s})
	}
	if err := card.Verify(r.Header.Get("Stripe-Signature"), body, secrets, n.keys.trust.Now()); err != nil {
		return err
	}
	m, err := card.Parse(body)
	if err != nil || m.Ignored {
		return err
	}
	return n.propose(r.Context(), payments.OpTell, payments.Told{Gateway: g.Name, Payment: m.Attempt, Known: m.Payment, Event: m.Event}, nil)
}

// A poll is when a processor is asked about a payment next.
type poll struct {
	at   time.Time
	wait time.Duration
}

// The polls live on the node that leads; the next one begins anew.
type polls struct {
	by    map[edge.ID]*poll
	after map[string]edge.ID // by gateway: how far it has gone through the open payments
}

// askProcessors has processors make refunds, and asks them about payments they have not told of, while this node leads.
func (n *Node) askProcessors(ctx context.Context) error {
	t := time.NewTicker(processorEvery)
	defer t.Stop()
	polls := &polls{by: map[edge.ID]*poll{}, after: map[string]edge.ID{}}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if l := n.raft.Leadership(); !l.Self || !l.Ready {
			clear(polls.by)
			continue
		}
		if err := n.askOnce(ctx, polls); err != nil && ctx.Err() == nil {
			n.log.Warn("a processor of payments could not be asked", "error", err)
		}
	}
}

// askOnce does what is due. What fails is tried again later; the first failure is told.
func (n *Node) askOnce(ctx context.Context, polls *polls) (first error) {
	note := func(err error) {
		if first == nil {
			first = err
		}
	}
	var gateways []*payments.Gateway
	var refunds []payments.Work
	var of []string
	open := map[string][]payments.Open{}
	err := n.withView(func(v edge.View) (err error) {
		if gateways, err = payments.Gateways(v); err != nil {
			return err
		}
		for _, g := range gateways {
			if g.Kind == walletv1.GatewayKind_GATEWAY_CARD && err == nil {
				open[g.Name], polls.after[g.Name], err = payments.Opens(v, g.Name, polls.after[g.Name], processorLook)
			}
		}
		if err == nil {
			refunds, of, err = payments.Refunds(v, processorMany)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, g := range gateways {
		if g.Kind != walletv1.GatewayKind_GATEWAY_CARD {
			continue
		}
		c, done, err := n.processor(g)
		if err != nil {
			note(err)
			continue
		}
		for i := range refunds {
			if of[i] == g.Name && polls.due(refunds[i].ID, 0) {
				note(n.giveBack(ctx, c, g.Name, &refunds[i]))
			}
		}
		note(n.pollOpen(ctx, c, g.Name, open[g.Name], polls))
		done()
	}
	return first
}

// due reports whether something is to be tried now, and puts off the next time.
func (l *polls) due(id edge.ID, first time.Duration) bool {
	now, p := time.Now(), l.by[id]
	if p == nil {
		if len(l.by) >= maxPolls {
			clear(l.by)
		}
		p = &poll{at: now.Add(first), wait: pollFirst}
		l.by[id] = p
	}
	if now.Before(p.at) {
		return false
	}
	p.at, p.wait = now.Add(p.wait), min(2*p.wait, pollMost)
	return true
}

// giveBack has a refund made, under its own identifier each time.
func (n *Node) giveBack(ctx context.Context, c *card.Client, gateway string, w *payments.Work) error {
	told := payments.Told{Gateway: gateway, Payment: w.Payment.String(), Work: w}
	r, err := c.Refund(ctx, w.ID.String(), w.Known, w.Amount)
	switch {
	case err == nil:
		e, gone := r.Event(n.keys.trust.Now())
		if told.Event = e; !gone && r.Status != "failed" && r.Status != "canceled" {
			return nil // it is under way; the processor tells, or is asked again
		} else if !gone {
			told.Over = true
		}
	case edge.IsKind(err, edge.Refused) || edge.IsKind(err, edge.Invalid) || edge.IsKind(err, edge.NotFound) || edge.IsKind(err, edge.Conflict):
		n.log.Warn("a processor refuses to give money back", "payment", w.Payment, "error", err)
		told.Over = true
	default:
		return err
	}
	return n.propose(ctx, payments.OpTell, told, nil)
}

// pollOpen asks about payments that the processor knows and has not told of.
func (n *Node) pollOpen(ctx context.Context, c *card.Client, gateway string, open []payments.Open, polls *polls) error {
	asked := 0
	for _, o := range open {
		if asked == processorMany || !polls.due(o.ID, pollFirst) {
			continue
		}
		asked++
		p, err := c.Get(ctx, o.Known)
		if err != nil {
			return err
		}
		if err := n.propose(ctx, payments.OpTell, payments.Told{Gateway: gateway, Payment: o.ID.String(), Known: o.Known, Event: p.Event(n.keys.trust.Now())}, nil); err != nil {
			return err
		}
	}
	return nil
}
