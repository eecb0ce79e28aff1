package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/aielon/edge/node/edge"
)

const (
	spanQueue  = 2048             // spans that wait to be sent; further ones are dropped and counted
	spanBatch  = 256              // spans of one request
	spanEvery  = 2 * time.Second  // how long a span waits for others to be sent with
	spanWait   = 10 * time.Second // for the collector's answer
	spanAgain  = time.Second      // after the first failure; twice as long after each further one
	spanRest   = time.Minute      // at most
	spanAnswer = 64 << 10         // bytes of an answer that are read
)

// CheckCollector returns the address spans are posted to. It fails with Invalid where spans would travel readable
// over a network, or where the address carries a secret.
func CheckCollector(raw string) (string, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return "", edge.E(edge.Invalid, "%q is not the address of a collector: write it like https://collector.example.org:4318", raw)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", edge.E(edge.Invalid, "the address of a collector must not carry a user, a password or a query")
	case u.Scheme == "http" && !loopbackHost(u.Hostname()):
		return "", edge.E(edge.Invalid, "what is sent to %s over http can be read on the way", u.Host).WithHint("use https, or a collector on this box")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces" // OTLP/HTTP's own
	}
	return u.String(), nil
}

func loopbackHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// An exporter sends spans as OTLP over HTTP, in JSON (opentelemetry.io/docs/specs/otlp, 1.x). It never holds up what
// makes them.
type exporter struct {
	url      string
	client   *http.Client
	resource []keyValue
	queue    chan span
	calls    *Outgoing // nil: nobody measures; set before run

	sent, dropped atomic.Uint64
}

var _ sdk.SpanProcessor = (*exporter)(nil)

func newExporter(url string, o TraceOptions) *exporter {
	c := o.Client
	if c == nil {
		c = &http.Client{Timeout: spanWait, Transport: &http.Transport{DialContext: (&net.Dialer{Timeout: spanWait}).DialContext, MaxIdleConns: 1, IdleConnTimeout: time.Minute},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return &exporter{url: url, client: c, queue: make(chan span, spanQueue), resource: []keyValue{{"service.name", text{"aielon-edge"}}, {"service.version", text{o.Version}}, {"service.instance.id", text{o.Node}}}}
}

// A span and what is around it, in the JSON form of OTLP's protobuf messages.
type (
	span struct {
		Trace      string     `json:"traceId"`
		ID         string     `json:"spanId"`
		Parent     string     `json:"parentSpanId,omitempty"`
		Name       string     `json:"name"`
		Kind       int        `json:"kind"`
		Start      string     `json:"startTimeUnixNano"`
		End        string     `json:"endTimeUnixNano"`
		Attributes []keyValue `json:"attributes,omitempty"`
		Status     status     `json:"status"`
	}
	keyValue struct {
		Key   string `json:"key"`
		Value text   `json:"value"`
	}
	text struct {
		String string `json:"stringValue"`
	}
	status struct {
		Code int `json:"code,omitempty"` // 1 ok, 2 error
	}
	scopeSpans struct {
		Scope struct {
			Name string `json:"name"`
		} `json:"scope"`
		Spans []span `json:"spans"`
	}
	resourceSpans struct {
		Resource struct {
			Attributes []keyValue `json:"attributes"`
		} `json:"resource"`
		Scopes []scopeSpans `json:"scopeSpans"`
	}
	tracesRequest struct {
		Resources []resourceSpans `json:"resourceSpans"`
	}
)

// OnStart implements sdk.SpanProcessor.
func (e *exporter) OnStart(context.Context, sdk.ReadWriteSpan) {}

// OnEnd implements sdk.SpanProcessor.
func (e *exporter) OnEnd(s sdk.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	x := span{Trace: s.SpanContext().TraceID().String(), ID: s.SpanContext().SpanID().String(), Name: s.Name(), Kind: int(s.SpanKind()),
		Start: strconv.FormatInt(s.StartTime().UnixNano(), 10), End: strconv.FormatInt(s.EndTime().UnixNano(), 10)}
	if s.Parent().HasSpanID() {
		x.Parent = s.Parent().SpanID().String()
	}
	if s.Status().Code == codes.Error {
		x.Status.Code = 2
	}
	for _, a := range s.Attributes() {
		x.Attributes = append(x.Attributes, keyValue{string(a.Key), text{a.Value.String()}})
	}
	select {
	case e.queue <- x:
	default:
		e.dropped.Add(1)
	}
}

// Shutdown and ForceFlush implement sdk.SpanProcessor; run ends with its context.
func (e *exporter) Shutdown(context.Context) error   { return nil }
func (e *exporter) ForceFlush(context.Context) error { return nil }

func (e *exporter) run(ctx context.Context) error {
	t := time.NewTicker(spanEvery)
	defer t.Stop()
	defer e.client.CloseIdleConnections()
	var batch []span
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-t.C:
		case x := <-e.queue:
			if batch = append(batch, x); len(batch) < spanBatch {
				continue
			}
		}
		if len(batch) > 0 {
			e.deliver(ctx, batch)
			batch = nil
		}
	}
	return nil
}

// deliver tries until the collector has the batch or does not want it. Meanwhile the queue fills up. When the node
// stops there is one more try, of a second.
func (e *exporter) deliver(ctx context.Context, batch []span) {
	for pause := spanAgain; !e.post(ctx, batch); pause = min(2*pause, spanRest) {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			if !e.post(last, batch) {
				e.dropped.Add(uint64(len(batch)))
			}
			return
		}
	}
}

// post sends a batch. It returns false where trying again may help.
func (e *exporter) post(ctx context.Context, batch []span) bool {
	var r resourceSpans
	var s scopeSpans
	s.Scope.Name, s.Spans = scope, batch
	r.Resource.Attributes, r.Scopes = e.resource, []scopeSpans{s}
	body, err := json.Marshal(tracesRequest{[]resourceSpans{r}})
	if err != nil {
		return e.drop(batch)
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return e.drop(batch)
	}
	q.Header.Set("Content-Type", "application/json")
	end := e.calls.measure(Collector)
	a, err := e.client.Do(q)
	if err != nil {
		end(Failed)
		return false
	}
	defer a.Body.Close()
	io.Copy(io.Discard, io.LimitReader(a.Body, spanAnswer))
	switch a.StatusCode {
	case http.StatusOK:
		end(Taken)
		e.sent.Add(uint64(len(batch)))
		return true
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout: // OTLP: to be repeated
		end(Failed)
		return false
	}
	end(Refused)
	return e.drop(batch)
}

func (e *exporter) drop(batch []span) bool {
	e.dropped.Add(uint64(len(batch)))
	return true
}
