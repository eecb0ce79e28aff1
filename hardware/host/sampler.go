package host

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A Probe reads one part of the box. Read may keep what it saw last, for rates; the Sampler never calls
// it from two goroutines at once.
type Probe interface {
	Name() string         // "disk"; names of its samples begin with it
	Every() time.Duration // how often it is worth its cost
	// Read returns what it could measure, and an error for what it could not. Both may be set.
	Read(ctx context.Context, now time.Time) ([]edge.Sample, error)
}

// Options of a Sampler.
type Options struct {
	DataDir string        // whose disk is watched; required
	Timeout time.Duration // for one probe, 2 s where zero
	Probes  []Probe       // nil: Probes(DataDir)
}

// A Failure is a probe that could not read what it should have read.
type Failure struct {
	Probe string
	Err   error
}

// A Sampler asks each probe when its time has come and keeps the newest value of every name.
type Sampler struct {
	mu      sync.Mutex // guards all below; held while probes run, so that each runs once at a time
	timeout time.Duration
	due     []*due
}

type due struct {
	Probe
	next time.Time
	last []edge.Sample
	err  error
}

// New returns a sampler. It fails with Invalid where no directory is given.
func New(o Options) (*Sampler, error) {
	if o.DataDir == "" {
		return nil, edge.E(edge.Invalid, "measuring the box needs the directory whose disk is to be watched")
	}
	if o.Timeout <= 0 {
		o.Timeout = 2 * time.Second
	}
	if o.Probes == nil {
		o.Probes = Probes(o.DataDir)
	}
	s := &Sampler{timeout: o.Timeout}
	for _, p := range o.Probes {
		s.due = append(s.due, &due{Probe: p})
	}
	return s, nil
}

// Sample runs the probes that are due at now and returns what they measured this time, with the
// probes that failed. A failed probe is tried again at its usual interval and never stops the others.
func (s *Sampler) Sample(ctx context.Context, now time.Time) ([]edge.Sample, []Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []edge.Sample
	var failed []Failure
	for _, d := range s.due {
		if now.Before(d.next) || ctx.Err() != nil {
			continue
		}
		d.next = now.Add(d.Every())
		d.last, d.err = s.read(ctx, d.Probe, now)
		if d.err != nil {
			failed = append(failed, Failure{d.Name(), d.err})
		}
		out = append(out, d.last...)
	}
	return out, failed
}

// Latest returns the newest values of all probes from memory, and what failed when last tried.
func (s *Sampler) Latest() ([]edge.Sample, []Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []edge.Sample
	var failed []Failure
	for _, d := range s.due {
		out = append(out, d.last...)
		if d.err != nil {
			failed = append(failed, Failure{d.Name(), d.err})
		}
	}
	return slices.Clone(out), failed
}

// read bounds one probe in time and takes a panic of a driver's odd file for an error.
func (s *Sampler) read(ctx context.Context, p Probe, now time.Time) (out []edge.Sample, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			out, err = nil, edge.E(edge.Internal, "reading %s of this box went wrong: %s", p.Name(), edge.Panicked(r))
		}
	}()
	out, err = p.Read(ctx, now)
	if errors.Is(err, context.DeadlineExceeded) {
		err = edge.E(edge.Unavailable, "reading %s of this box took longer than %v: %w", p.Name(), s.timeout, err)
	}
	return out, err
}
