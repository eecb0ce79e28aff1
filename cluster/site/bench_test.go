package site

import (
	"fmt"
	"testing"

	"github.com/aielon/edge/node/edge"
)

// The leader's part alone: evaluate a batch on an overlay and encode its entry.
func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{1, 64, 1024} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			_, sites := openBench(b)
			calls := benchCalls(n)
			b.ReportAllocs()
			for b.Loop() {
				for rest := calls; len(rest) > 0; {
					_, rest = benchPlan(b, sites[0].seq, rest)
				}
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "commands/s")
		})
	}
}

// Evaluate, apply on three replicas in memory, answer: everything but the log.
func BenchmarkApply(b *testing.B) {
	_, sites := openBench(b)
	calls := benchCalls(256)
	b.ReportAllocs()
	for b.Loop() {
		p, _ := benchPlan(b, sites[0].seq, calls)
		for _, f := range calls {
			f.cmd.ID = edge.NewID()
		}
		if _, err := sites[0].log.Load().Append(b.Context(), p.entry); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(256*b.N)/b.Elapsed().Seconds(), "commands/s")
}

func benchPlan(b *testing.B, q *sequencer, calls []*call) (*plan, []*call) {
	p, rest := q.fill(nil, nil, calls)
	if err := q.seal(p); err != nil {
		b.Fatal(err)
	}
	return p, rest
}

func openBench(b *testing.B) (*testLog, []*Site) {
	return testSites(b, 1, func(o *Options) { o.Check = nil })
}

func benchCalls(n int) []*call {
	calls := make([]*call, n)
	for i := range calls {
		c := command("put", putIn{fmt.Sprint("key", i), "some value of a register"})
		calls[i] = &call{cmd: c, digest: digest(c)}
	}
	return calls
}
