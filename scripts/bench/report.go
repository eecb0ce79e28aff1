package main

import (
	"fmt"
	"slices"
	"strings"
)

// A series is one figure, taken some times.
type series struct {
	name string
	unit string
	vals []float64
}

func (s *series) median() float64 {
	if len(s.vals) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(s.vals))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// spread is half the distance between the extremes, in percent of the median.
func (s *series) spread() float64 {
	if m := s.median(); m > 0 {
		return 50 * (slices.Max(s.vals) - slices.Min(s.vals)) / m
	}
	return 0
}

// A goal is what a figure was meant to be and whether it is.
type goal struct {
	text string
	have string
	met  bool
	free bool // a figure nobody set a goal for
}

// A report gathers the figures of a run.
type report struct {
	list  []*series
	goals []goal
}

// add takes one more value of a figure and prints it, so that a long run can be watched.
func (r *report) add(name, unit string, v float64) {
	i := slices.IndexFunc(r.list, func(s *series) bool { return s.name == name })
	if i < 0 {
		i = len(r.list)
		r.list = append(r.list, &series{name: name, unit: unit})
	}
	r.list[i].vals = append(r.list[i].vals, v)
	fmt.Printf("%-58s %12s %s\n", name, number(v), unit)
}

// ratio states a goal as a quotient of two figures: the median of the quotients of each run, whose two
// measurements are neighbours in time. With atLeast 0 it is shown
// and not judged. Without one of the figures there is nothing to say.
func (r *report) ratio(text, ours, theirs string, atLeast float64) {
	a, b := r.series(ours), r.series(theirs)
	if a == nil || b == nil {
		return
	}
	q := series{}
	for i := range min(len(a.vals), len(b.vals)) {
		q.vals = append(q.vals, a.vals[i]/b.vals[i])
	}
	m := q.median()
	if atLeast > 0 {
		text += fmt.Sprintf(": at least %gx", atLeast)
	}
	r.goals = append(r.goals, goal{text, fmt.Sprintf("%.2fx (%.2f to %.2f)", m, slices.Min(q.vals), slices.Max(q.vals)), m >= atLeast, atLeast == 0})
}

func (r *report) series(name string) *series {
	for _, s := range r.list {
		if s.name == name {
			return s
		}
	}
	return nil
}

// atMost states a goal as a limit on a figure.
func (r *report) atMost(text, name string, limit float64) {
	s := r.series(name)
	if s == nil {
		return
	}
	v := s.median()
	r.goals = append(r.goals, goal{fmt.Sprintf("%s: at most %s", text, number(limit)), number(v), v <= limit, false})
}

// atLeast states a goal as a floor of a figure.
func (r *report) atLeast(text, name string, least float64) {
	s := r.series(name)
	if s == nil {
		return
	}
	v := s.median()
	r.goals = append(r.goals, goal{fmt.Sprintf("%s: at least %s", text, number(least)), number(v), v >= least, false})
}

// missed is how many goals are not met.
func (r *report) missed() (n int) {
	for _, g := range r.goals {
		if !g.met {
			n++
		}
	}
	return n
}

func (r *report) print() {
	fmt.Printf("\n## Medians\n\n| what | median | spread | runs |\n|---|---:|---:|---|\n")
	for _, s := range r.list {
		var all []string
		for _, v := range s.vals {
			all = append(all, number(v))
		}
		fmt.Printf("| %s | %s %s | ±%.0f %% | %s |\n", s.name, number(s.median()), s.unit, s.spread(), strings.Join(all, ", "))
	}
	fmt.Printf("\n## Goals\n\n| goal | measured | |\n|---|---:|---|\n")
	for _, g := range r.goals {
		verdict := map[bool]string{true: "met", false: "MISSED"}[g.met]
		if g.free {
			verdict = ""
		}
		fmt.Printf("| %s | %s | %s |\n", g.text, g.have, verdict)
	}
}

func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3g", v)
}
