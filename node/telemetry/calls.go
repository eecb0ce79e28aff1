package telemetry

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// other stands for every label that was not announced, so that nobody can make up series.
const other = "other"

// Calls measures what is asked of the doors. Its labels are names that the program knows beforehand; anything else
// counts as "other". At most 40 doors × codes go with one operation, and a series exists once it was used.
type Calls struct {
	ops, doors, codes map[string]bool
	signIns           map[string]bool

	done    *prometheus.CounterVec
	took    *prometheus.HistogramVec
	signIn  *prometheus.CounterVec
	streams *prometheus.GaugeVec

	mu     sync.RWMutex // guards series
	series map[labels]series
}

// labels are those of one kind of call, and series the figures that go with them: to look them up by their labels
// each time would cost more than to count. There are no more of them than its comment says.
type labels struct {
	op, door, code string
	streamed       bool
}

type series struct {
	done prometheus.Counter
	took prometheus.Observer
}

func (c *Calls) of(l labels) series {
	c.mu.RLock()
	s, ok := c.series[l]
	c.mu.RUnlock()
	if ok {
		return s
	}
	s = series{done: c.done.WithLabelValues(l.op, l.door, l.code)}
	if !l.streamed {
		s.took = c.took.WithLabelValues(l.op)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.series[l] = s
	return s
}

// CallNames are the labels that may appear. SignIns are those operations by which people prove who they are.
type CallNames struct{ Ops, SignIns, Doors, Codes []string }

// NewCalls adds the figures of calls to f.
func NewCalls(f *Figures, names CallNames) *Calls {
	c := &Calls{ops: set(names.Ops), signIns: set(names.SignIns), doors: set(names.Doors), codes: set(names.Codes), series: map[labels]series{}}
	c.done = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "aielon_calls_total", Help: "Calls that ended, by operation, door and code."}, []string{"op", "door", "code"})
	c.took = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "aielon_call_seconds", Help: "How long calls took that answer once.",
		Buckets: []float64{0.005, 0.025, 0.1, 0.5, 2.5, 10}}, []string{"op"})
	c.signIn = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "aielon_sign_in_failures_total", Help: "Proofs that proved nothing: of people who sign in, and of sessions and tokens."}, []string{"of"})
	c.streams = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "aielon_streams_open", Help: "Calls under way whose answer is a stream."}, []string{"op"})
	f.reg.MustRegister(c.done, c.took, c.signIn, c.streams)
	c.signIn.WithLabelValues("sign_in")
	c.signIn.WithLabelValues("credentials")
	return c
}

func set(list []string) map[string]bool {
	m := make(map[string]bool, len(list))
	for _, s := range list {
		m[s] = true
	}
	return m
}

func known(names map[string]bool, s string) string {
	if names[s] {
		return s
	}
	return other
}

// A Call is what is measured of one.
type Call struct {
	Op, Door, Code string
	Took           time.Duration
	Streamed       bool
	Proofs         bool // credentials came with it
	Unproven       bool // it was refused because nothing was proven
	Denied         bool // it was refused
}

// Done counts a call that ended.
func (c *Calls) Done(x Call) {
	op := known(c.ops, x.Op)
	s := c.of(labels{op, known(c.doors, x.Door), known(c.codes, x.Code), x.Streamed})
	s.done.Inc()
	if s.took != nil {
		s.took.Observe(x.Took.Seconds())
	}
	switch {
	case c.signIns[x.Op] && (x.Denied || x.Unproven):
		c.signIn.WithLabelValues("sign_in").Inc()
	case x.Proofs && x.Unproven:
		c.signIn.WithLabelValues("credentials").Inc()
	}
}

// Stream counts one more open stream, or with -1 one less.
func (c *Calls) Stream(op string, by float64) { c.streams.WithLabelValues(known(c.ops, op)).Add(by) }
