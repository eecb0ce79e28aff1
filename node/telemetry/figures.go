package telemetry

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	scrapes    = 4                // pages of figures made at the same time; more are told to come again
	scrapeTime = 10 * time.Second // for one of them
)

// Figures is everything a node measures, as Prometheus reads it.
type Figures struct {
	reg *prometheus.Registry
	log *slog.Logger
}

// NewFigures returns figures of the Go runtime and the process.
func NewFigures(log *slog.Logger) *Figures {
	f := &Figures{prometheus.NewRegistry(), log}
	f.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return f
}

// A Page takes in the figures of one look.
type Page struct{ to chan<- prometheus.Metric }

// Gauge puts down what goes up and down. labels are names and values in turn.
func (p Page) Gauge(name, help string, v float64, labels ...string) {
	p.put(prometheus.GaugeValue, name, help, v, labels)
}

// Counter puts down what only grows, until the node is started again. Its name ends in _total.
func (p Page) Counter(name, help string, v uint64, labels ...string) {
	p.put(prometheus.CounterValue, name, help, float64(v), labels)
}

// Sum puts down what only grows and is not whole, such as seconds, until the node is started again. Its name ends in
// _total.
func (p Page) Sum(name, help string, v float64, labels ...string) {
	p.put(prometheus.CounterValue, name, help, v, labels)
}

func (p Page) put(kind prometheus.ValueType, name, help string, v float64, labels []string) {
	names, values := make([]string, 0, 2), make([]string, 0, 2)
	for i := 0; i+1 < len(labels); i += 2 {
		names, values = append(names, labels[i]), append(values, labels[i+1])
	}
	d := prometheus.NewDesc(name, help, names, nil)
	m, err := prometheus.NewConstMetric(d, kind, v, values...)
	if err != nil {
		m = prometheus.NewInvalidMetric(d, err)
	}
	p.to <- m
}

// looked is a collector of what is read when somebody looks. It describes nothing beforehand, because what there
// is depends on the node: a hub has more.
type looked func(Page)

func (looked) Describe(chan<- *prometheus.Desc)      {}
func (l looked) Collect(to chan<- prometheus.Metric) { l(Page{to}) }

// Look has read called for every page. read must be safe for concurrent use.
func (f *Figures) Look(read func(Page)) { f.reg.MustRegister(looked(read)) }

// Handler serves the figures in the text format, or in OpenMetrics where that is asked for. What cannot be read is
// left out and said in the log.
func (f *Figures) Handler() http.Handler {
	return promhttp.HandlerFor(f.reg, promhttp.HandlerOpts{ErrorLog: failures{f.log}, ErrorHandling: promhttp.ContinueOnError,
		DisableCompression: true, MaxRequestsInFlight: scrapes, Timeout: scrapeTime, EnableOpenMetrics: true})
}

// Names lists the families there are just now.
func (f *Figures) Names() (names []string, err error) {
	families, err := f.reg.Gather()
	for _, x := range families {
		names = append(names, x.GetName())
	}
	return names, err
}

type failures struct{ log *slog.Logger }

func (l failures) Println(v ...any) {
	for _, x := range v {
		if err, ok := x.(error); ok {
			l.log.Warn("some figures cannot be read", "error", err)
		}
	}
}
