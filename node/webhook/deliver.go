package webhook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/limit"
	"github.com/aielon/edge/node/state"
)

// run delivers what is due until ctx ends, and waits for what is under way.
func (t *target) run(ctx context.Context) {
	done := make(chan struct{}, maxFlying)
	timer := time.NewTimer(0)
	defer timer.Stop()
	flying := 0
	for {
		m, end, wait := t.due(t.d.now())
		if m != nil {
			flying++
			go func() {
				t.attempt(ctx, m, end)
				done <- struct{}{}
			}()
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			for ; flying > 0; flying-- {
				<-done
			}
			return
		case <-done:
			flying--
		case <-t.wake:
		case <-timer.C:
		}
	}
}

// How long a worker sleeps that has nothing to do (whatever comes wakes it), or that is held back.
const (
	idle = time.Hour
	held = time.Second
)

// ended tells the breaker how a call went.
type ended func(now time.Time, how limit.Outcome)

// due chooses the next message, with whom to tell how it went, or says how long there is none.
func (t *target) due(now time.Time) (*message, ended, time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	most := maxFlying
	if t.ep.Ordered {
		most = 1
	}
	if t.ep.Disabled != "" || t.disable != "" || t.flying >= most {
		return nil, nil, idle
	}
	wait := idle
	for _, m := range t.pending {
		switch {
		case m.flying:
		case m.Next.After(now):
			wait = min(wait, m.Next.Sub(now))
		default:
			end := t.allow(m, now)
			if end == nil {
				return nil, nil, held
			}
			m.flying = true
			t.flying++
			return m, end, 0
		}
		if t.ep.Ordered {
			break // only the oldest
		}
	}
	return nil, nil, wait
}

// allow asks breaker and budget; nil: not now. The caller holds mu.
func (t *target) allow(m *message, now time.Time) ended {
	end, err := t.breaker.Allow(now)
	if err != nil {
		return nil
	}
	if m.Attempts == 0 {
		t.budget.Call(now)
		return end
	}
	made := t.budget.Retry(now)
	t.d.o.Watch.Retry(made)
	if !made {
		end(now, limit.Abandoned)
		return nil
	}
	return end
}

// An answer is what came of one call.
type answer struct {
	status int
	body   string
	err    error
}

func (a answer) ok() bool { return a.err == nil && a.status >= 200 && a.status < 300 }

// outcome is what a call says of the receiver: one that refuses is there, one that cannot is not.
func (a answer) outcome() limit.Outcome {
	if a.err != nil || a.status >= 500 || a.status == http.StatusTooManyRequests {
		return limit.Failed
	}
	return limit.Answered
}

// attempt makes one call and keeps what came of it.
func (t *target) attempt(ctx context.Context, m *message, end ended) {
	start := t.d.now()
	a := t.call(ctx, m, start)
	now := t.d.now()
	if ctx.Err() != nil && !a.ok() {
		end(now, limit.Abandoned) // we were stopped; nobody is to blame
		t.landed(m)
		return
	}
	end(now, a.outcome())
	if err := t.keepResult(m, a, start, now); err != nil {
		t.d.log.Warn("the result of a webhook cannot be kept; it may be sent again", "endpoint", t.id, "error", err)
		t.mu.Lock()
		m.Next = now.Add(firstRetry)
		t.mu.Unlock()
	}
	t.landed(m)
}

func (t *target) landed(m *message) {
	t.mu.Lock()
	m.flying = false
	t.flying--
	t.mu.Unlock()
	t.kick()
}

func (t *target) call(ctx context.Context, m *message, now time.Time) answer {
	v := t.d.o.Store.View()
	body, err := v.Get(numberKey(rowBody, t.id, m.n))
	v.Close()
	if err != nil {
		return answer{err: err}
	}
	return t.d.post(ctx, t.endpoint(), m.ID, body, now)
}

// post makes one signed call.
func (d *Dispatcher) post(ctx context.Context, ep Endpoint, id string, body []byte, now time.Time) answer {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, ep.URL, bytes.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	req.Header.Set("Content-Type", "application/cloudevents+json; charset=utf-8")
	req.Header.Set("User-Agent", "aielon-edge-webhook/1")
	if err := sign(req.Header, id, now, body, ep.signing(now)); err != nil {
		return answer{err: err}
	}
	ctx, end := d.o.Watch.Begin(ctx, req.Header)
	a := d.exchange(ep, req.WithContext(ctx))
	end(a.result(ctx))
	return a
}

func (d *Dispatcher) exchange(ep Endpoint, req *http.Request) answer {
	res, err := d.client(ep).Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	kept, _ := io.ReadAll(io.LimitReader(res.Body, keepResponse))
	io.CopyN(io.Discard, res.Body, drainResponse)
	return answer{status: res.StatusCode, body: strings.ToValidUTF8(string(kept), "\ufffd")}
}

// result names what a call came to, for the Watcher.
func (a answer) result(ctx context.Context) string {
	switch {
	case a.ok():
		return "ok"
	case a.outcome() == limit.Answered:
		return "refused"
	case errors.Is(ctx.Err(), context.Canceled):
		return "stopped"
	}
	return "failed"
}

// client returns the one that may reach what the endpoint may. Redirects are answers like others, and no good ones.
func (d *Dispatcher) client(e Endpoint) *http.Client {
	rt := d.public
	if e.AllowPrivate {
		rt = d.private
	}
	return &http.Client{Transport: rt, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// keepResult makes durable what came of an attempt: the message is done with, or waits for its next time.
func (t *target) keepResult(m *message, a answer, start, now time.Time) error {
	t.commit.Lock()
	defer t.commit.Unlock()
	t.mu.Lock()
	next, c := *m, t.counts
	since := t.ep.Enabled
	t.mu.Unlock()
	if next.First.Before(since) {
		next.First = time.Time{}
	}
	if c.Failing.Before(since) {
		c.Failing = time.Time{}
	}
	next.Attempts++
	d := Delivery{ID: m.ID, Type: m.Type, Stream: m.Stream, Before: m.Before, At: start, Took: now.Sub(start), Attempt: next.Attempts, Status: a.status,
		Response: a.body, Error: reason(a), Outcome: Delivered}
	if a.ok() {
		c.Delivered++
		c.Failing = time.Time{}
	} else {
		c.Failed++
		if c.Failing.IsZero() {
			c.Failing = now
		}
		d.Outcome = next.failed(now, c.Failing)
	}
	if d.Outcome == GaveUp {
		c.GaveUp++
		c.Untold++
	}
	if err := t.d.o.Store.Commit(context.Background(), func(b *state.Batch) {
		if d.Outcome == Failed {
			put(b, numberKey(rowMessage, t.id, m.n), next)
		} else {
			t.drop(b, m)
		}
		logDelivery(b, t.id, &c, d)
		put(b, rowKey(rowCounts, t.id, ""), c)
	}); err != nil {
		return err
	}
	t.apply(m, next, a, d, c, now)
	return nil
}

// failed notes a failure and says whether there will be another try. A message is given up where others got through
// meanwhile; where nothing did, its endpoint is disabled and the message waits.
func (m *message) failed(now, failing time.Time) Outcome {
	if m.First.IsZero() {
		m.First = now
	}
	if now.Sub(m.First) >= GiveUp && now.Sub(failing) < GiveUp {
		return GaveUp
	}
	m.Next = now.Add(backoff(m.Attempts))
	return Failed
}

// apply brings memory to what was committed, and disables an endpoint that is gone or was failing for too long.
func (t *target) apply(m *message, next message, a answer, d Delivery, c Counts, now time.Time) {
	if d.Outcome != Failed {
		why := ""
		if d.Outcome == GaveUp {
			why = "not taken for " + GiveUp.String()
		}
		t.forget(m, c, why)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts = c
	if d.Outcome == Failed {
		m.Attempts, m.First, m.Next = next.Attempts, next.First, next.Next
	}
	switch {
	case a.ok():
	case a.status == http.StatusGone:
		t.disable = "the receiver says that it is gone (410)"
	case now.Sub(c.Failing) >= GiveUp:
		t.disable = "nothing got through for 5 days: " + d.Error
	}
	if t.disable != "" {
		t.d.kickSettle()
	}
}

// reason says in words what was wrong with an answer.
func reason(a answer) string {
	if e, ok := errors.AsType[*edge.Error](a.err); ok {
		return e.Msg
	}
	switch {
	case a.err != nil && errors.Is(a.err, context.DeadlineExceeded):
		return "there was no answer in time"
	case a.err != nil:
		return clip(a.err.Error(), 300)
	case a.ok():
		return ""
	case a.status >= 300 && a.status < 400:
		return "the answer was a redirect, which is not followed"
	}
	return "the answer was " + http.StatusText(a.status)
}

func clip(s string, n int) string {
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// Deliveries returns the newest attempts of an endpoint on this node, newest first.
func (d *Dispatcher) Deliveries(endpoint string, most int) ([]Delivery, error) {
	v := d.o.Store.View()
	defer v.Close()
	return deliveries(v, endpoint, min(most, maxLog))
}

func deliveries(v *state.View, endpoint string, most int) (list []Delivery, err error) {
	for _, b := range v.ScanDown(rowKey(rowLog, endpoint, "")) {
		if len(list) >= most {
			break
		}
		del, err := decodeDelivery(b)
		if err != nil {
			return nil, err
		}
		list = append(list, del)
	}
	return list, v.Err()
}

// Redeliver sends a message of the log again, under its own id, as long as the journal has its record. It fails with
// NotFound where it has not, and with Unavailable on a node that does not deliver.
func (d *Dispatcher) Redeliver(ctx context.Context, endpoint, id string) error {
	t := d.target(endpoint)
	if t == nil {
		return edge.E(edge.Unavailable, "this node does not deliver to that webhook").WithHint("ask the node that leads")
	}
	list, err := d.Deliveries(endpoint, maxLog)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(x Delivery) bool { return x.ID == id })
	if i < 0 {
		return edge.E(edge.NotFound, "there is no such message in the log of this webhook")
	}
	j := slices.IndexFunc(d.o.Journals, func(j edge.Journal) bool { return j.Stream() == list[i].Stream })
	if j < 0 {
		return edge.E(edge.NotFound, "the journal of that message is not here")
	}
	for r, err := range d.o.Journals[j].Read(ctx, list[i].Before.pos()) {
		if _, gone := errors.AsType[*edge.Gap](err); gone {
			break
		}
		if err != nil {
			return err
		}
		return t.again(list[i].Stream, item{list[i].Before.pos(), r}, id)
	}
	return edge.E(edge.NotFound, "the record of that message is gone from the journal")
}

// again queues one record once more. It does not hold up what is told to the site as settled.
func (t *target) again(stream string, it item, id string) error {
	if messageID(t.d.o.Origin, stream, it.Pos, t.id) != id {
		return edge.E(edge.NotFound, "the record of that message is gone from the journal")
	}
	body, err := encodeEvent(t.d.o.Origin, stream, it.Record)
	if err != nil {
		return err
	}
	t.commit.Lock()
	defer t.commit.Unlock()
	t.mu.Lock()
	c := t.counts
	full := len(t.pending) >= t.d.o.MaxMessages
	waiting := slices.IndexFunc(t.pending, func(m *message) bool { return m.ID == id })
	if waiting >= 0 {
		t.pending[waiting].Next = time.Time{}
	}
	t.mu.Unlock()
	switch {
	case waiting >= 0:
		t.kick()
		return nil
	case full:
		return edge.E(edge.Exhausted, "%d messages wait for this webhook already", t.d.o.MaxMessages)
	}
	c.Last++
	c.Queued++
	m := &message{ID: id, Stream: stream, Type: it.Type, Before: markOf(it.before), At: markOf(it.Pos), Queued: t.d.now(), Size: len(body), Again: true, n: c.Last}
	if err := t.d.o.Store.Commit(context.Background(), func(b *state.Batch) {
		put(b, numberKey(rowMessage, t.id, m.n), m)
		b.Set(numberKey(rowBody, t.id, m.n), body)
		put(b, rowKey(rowCounts, t.id, ""), c)
	}); err != nil {
		return err
	}
	t.mu.Lock()
	t.pending, t.bytes, t.counts = append(t.pending, m), t.bytes+m.Size, c
	t.mu.Unlock()
	t.kick()
	return nil
}
