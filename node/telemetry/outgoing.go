package telemetry

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Results of calls that go out.
const (
	Taken   = "ok"      // the other side took it
	Refused = "refused" // it answered, and does not want it
	Failed  = "failed"  // nobody answered, or somebody who cannot
	Stopped = "stopped" // this node hung up, which says nothing of the other side
)

// Outgoing measures what this node asks of others that are no nodes of ours, by what they are to it: "webhook",
// "collector". Its labels are known beforehand; anything else counts as "other". A nil Outgoing measures nothing.
type Outgoing struct {
	trace   *Tracer
	to      map[string]bool
	done    *prometheus.CounterVec
	took    *prometheus.HistogramVec
	retries *prometheus.CounterVec
}

// Collector is the name of the one that t sends spans to.
const Collector = "collector"

// NewOutgoing adds the figures of calls that go out to f, those of t to its collector among them. t may be nil.
func NewOutgoing(f *Figures, t *Tracer, to ...string) *Outgoing {
	o := &Outgoing{trace: t, to: set(to)}
	o.done = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "aielon_outgoing_total",
		Help: "Calls to others outside of the site that ended, by whom they went to and their result: ok; refused, by an answer; failed, without one; stopped, by this node."}, []string{"to", "result"})
	o.took = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "aielon_outgoing_seconds", Help: "How long calls to others outside of the site took.",
		Buckets: []float64{0.025, 0.1, 0.5, 2.5, 10, 30}}, []string{"to"})
	o.retries = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "aielon_outgoing_retries_total",
		Help: "Further tries of calls to others outside of the site, by what the budget of retries said: made, or held back for now."}, []string{"to", "fate"})
	f.reg.MustRegister(o.done, o.took, o.retries)
	if t != nil {
		o.to[Collector] = true
		t.out.calls = o
	}
	for name := range o.to {
		for _, result := range []string{Taken, Refused, Failed, Stopped} {
			o.done.WithLabelValues(name, result)
		}
		o.took.WithLabelValues(name)
		o.retries.WithLabelValues(name, "made")
		o.retries.WithLabelValues(name, "held_back")
	}
	return o
}

// Begin begins a call: its span, and what says in its headers to which trace it belongs (W3C Trace Context). end takes
// the result, and is called once.
func (o *Outgoing) Begin(ctx context.Context, to string, h http.Header) (_ context.Context, end func(result string)) {
	if o == nil {
		return ctx, func(string) {}
	}
	finish, measured := func(string) {}, o.measure(to)
	if o.trace != nil {
		ctx, finish = o.trace.calls(ctx, known(o.to, to))
	}
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(h))
	return ctx, func(result string) {
		measured(result)
		finish(result)
	}
}

// measure is Begin without a span: for calls that carry spans, which would never end otherwise.
func (o *Outgoing) measure(to string) (end func(result string)) {
	if o == nil {
		return func(string) {}
	}
	to = known(o.to, to)
	began := time.Now()
	return func(result string) {
		o.done.WithLabelValues(to, result).Inc()
		o.took.WithLabelValues(to).Observe(time.Since(began).Seconds())
	}
}

// Retry counts a further try, or that there was none because of the budget.
func (o *Outgoing) Retry(to string, made bool) {
	if o == nil {
		return
	}
	fate := "held_back"
	if made {
		fate = "made"
	}
	o.retries.WithLabelValues(known(o.to, to), fate).Inc()
}

// calls begins the span of a call that goes out.
func (t *Tracer) calls(ctx context.Context, to string) (context.Context, func(result string)) {
	ctx, s := t.t.Start(ctx, "call "+to, trace.WithSpanKind(trace.SpanKindClient))
	return ctx, func(result string) {
		s.SetAttributes(attribute.String("aielon.result", result))
		if result == Failed {
			s.SetStatus(codes.Error, "")
		}
		s.End()
	}
}
