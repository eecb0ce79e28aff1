package telemetry

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// scope is the name under which this program's spans are.
const scope = "github.com/aielon/edge"

// A Tracer makes spans of what the node does and sends them to a collector. A nil Tracer makes none. What a span
// says is an operation, a door, a code and the request's id: never whom or what it was about.
type Tracer struct {
	out *exporter
	t   trace.Tracer
}

// TraceOptions say where spans go.
type TraceOptions struct {
	URL           string // of a collector's OTLP/HTTP receiver: "http://127.0.0.1:4318"; empty: there is no Tracer
	Node, Version string
	Client        *http.Client // default: one with a time limit that follows no redirects
}

// NewTracer returns a Tracer, nil where there is no collector. It fails with Invalid on a URL that CheckCollector
// refuses.
func NewTracer(o TraceOptions) (*Tracer, error) {
	if o.URL == "" {
		return nil, nil
	}
	url, err := CheckCollector(o.URL)
	if err != nil {
		return nil, err
	}
	out := newExporter(url, o)
	p := sdk.NewTracerProvider(sdk.WithSpanProcessor(out), sdk.WithSampler(sdk.ParentBased(sdk.AlwaysSample())), sdk.WithResource(resource.Empty()),
		sdk.WithRawSpanLimits(sdk.SpanLimits{AttributeValueLengthLimit: 256, AttributeCountLimit: 16, EventCountLimit: 0, LinkCountLimit: 0, AttributePerEventCountLimit: 0, AttributePerLinkCountLimit: 0}))
	return &Tracer{out: out, t: p.Tracer(scope)}, nil
}

// Name is "traces".
func (t *Tracer) Name() string { return "traces" }

// Run sends spans until ctx ends.
func (t *Tracer) Run(ctx context.Context) error { return t.out.run(ctx) }

// Look puts down what became of spans.
func (t *Tracer) Look(p Page) {
	const help = "Spans by fate: sent, or dropped because the collector was away or refused them."
	p.Counter("aielon_spans_total", help, t.out.sent.Load(), "fate", "sent")
	p.Counter("aielon_spans_total", help, t.out.dropped.Load(), "fate", "dropped")
}

// Call begins the span of a call that came through a door. end takes its code, "ok" where it went well.
func (t *Tracer) Call(ctx context.Context, op, door, request string) (_ context.Context, end func(code string)) {
	if t == nil {
		return ctx, func(string) {}
	}
	ctx, s := t.t.Start(ctx, op, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attribute.String("aielon.door", door), attribute.String("aielon.request", request)))
	return ctx, func(code string) {
		s.SetAttributes(attribute.String("aielon.code", code))
		if code == "internal" || code == "data_loss" || code == "unavailable" { // what a caller did wrong is no fault of ours
			s.SetStatus(codes.Error, "")
		}
		s.End()
	}
}

// Begin begins a span of its own, such as of a session with a hub. end may be called once.
func (t *Tracer) Begin(ctx context.Context, name string, attributes ...string) (end func()) {
	if t == nil {
		return func() {}
	}
	var list []attribute.KeyValue
	for i := 0; i+1 < len(attributes); i += 2 {
		list = append(list, attribute.String(attributes[i], attributes[i+1]))
	}
	_, s := t.t.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(list...))
	return func() { s.End() }
}

// Child begins a span within the one ctx carries; it does nothing where ctx carries none.
func Child(ctx context.Context, name string) (_ context.Context, end func(failed bool)) {
	s := trace.SpanFromContext(ctx)
	if !s.IsRecording() {
		return ctx, func(bool) {}
	}
	ctx, s = s.TracerProvider().Tracer(scope).Start(ctx, name)
	return ctx, func(failed bool) {
		if failed {
			s.SetStatus(codes.Error, "")
		}
		s.End()
	}
}

// Incoming takes the trace a request says it belongs to (W3C Trace Context). Its tracestate is not taken over: it is
// free text of strangers.
func Incoming(ctx context.Context, h http.Header) context.Context {
	p := h.Get("Traceparent")
	if p == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": p})
}
