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
			v := sites[0].view()
			defer v.Close()
			b.ReportAllocs()
			for b.Loop() {
				for rest := calls; len(rest) > 0; {
					p, err := sites[0].seq.plan(v, rest)
					if err != nil {
						b.Fatal(err)
					}
					rest = p.rest
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
		v := sites[0].view()
		p, err := sites[0].seq.plan(v, calls)
		v.Close()
		if err != nil {
			b.Fatal(err)
		}
		for _, f := range calls {
			f.cmd.ID = edge.NewID()
		}
		if _, err := sites[0].log.Load().Append(b.Context(), p.entry); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(256*b.N)/b.Elapsed().Seconds(), "commands/s")
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
