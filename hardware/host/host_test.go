package host

import (
	"context"
	"errors"
	"testing"
	"testing/fstest"
	"time"

	"github.com/aielon/edge/node/edge"
)

func TestThisBox(t *testing.T) {
	s, err := New(Options{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	s.Sample(t.Context(), now)
	time.Sleep(30 * time.Millisecond)
	got, failed := s.Sample(t.Context(), now.Add(time.Hour))
	for _, f := range failed {
		t.Logf("probe %s: %v", f.Probe, f.Err)
	}
	have := map[string]edge.Sample{}
	for _, x := range got {
		if x.Value == nil {
			t.Errorf("%s has no value", x.Name)
		}
		have[x.Name] = x
	}
	for name, unit := range map[string]string{"cpu/busy": "/", "memory/available": "B", "disk/free": "B", "process/rss": "B", "uptime": "s", "process/cpu": "/", "net/received": "B/s"} {
		if x, ok := have[name]; !ok || x.Unit != unit {
			t.Errorf("%s: got %+v, want a value in %q", name, x, unit)
		}
	}
	if latest, _ := s.Latest(); len(latest) < len(got) {
		t.Errorf("latest has %d values, the last sample had %d", len(latest), len(got))
	}
}

func TestFailuresStayAlone(t *testing.T) {
	bad := newProbe("bad", time.Second, func(context.Context, time.Time) ([]edge.Sample, error) { return nil, errors.New("no") })
	mad := newProbe("mad", time.Second, func(context.Context, time.Time) ([]edge.Sample, error) { panic("odd file") })
	slow := newProbe("slow", time.Second, func(ctx context.Context, _ time.Time) ([]edge.Sample, error) { <-ctx.Done(); return nil, ctx.Err() })
	good := newProbe("good", time.Second, func(context.Context, time.Time) ([]edge.Sample, error) { return keep(num("good", "", 1)), nil })
	s, _ := New(Options{DataDir: "/", Timeout: 5 * time.Millisecond, Probes: []Probe{bad, mad, slow, good}})
	now := time.Now()
	got, failed := s.Sample(t.Context(), now)
	if len(got) != 1 || got[0].Name != "good" || len(failed) != 3 {
		t.Fatalf("got %v, failed %v", got, failed)
	}
	if edge.KindOf(failed[2].Err) != edge.Unavailable {
		t.Errorf("a slow probe gives %v", failed[2].Err)
	}
	if got, failed = s.Sample(t.Context(), now.Add(time.Millisecond)); len(got)+len(failed) != 0 {
		t.Errorf("probes ran before their time: %v %v", got, failed)
	}
}

func TestLimits(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	for name, c := range map[string]struct {
		fs   fstest.MapFS
		want Limits
	}{
		"none": {fstest.MapFS{}, Limits{}},
		"v2, the parent is tighter": {fstest.MapFS{
			"proc/self/cgroup":                                       file("0::/system.slice/edge.service\n"),
			"sys/fs/cgroup/system.slice/memory.max":                  file("100\n"),
			"sys/fs/cgroup/system.slice/cpu.max":                     file("max 100000\n"),
			"sys/fs/cgroup/system.slice/edge.service/memory.max":     file("200\n"),
			"sys/fs/cgroup/system.slice/edge.service/memory.current": file("50\n"),
			"sys/fs/cgroup/system.slice/edge.service/cpu.max":        file("150000 100000\n"),
			"sys/fs/cgroup/system.slice/edge.service/pids.max":       file("max\n"),
		}, Limits{Version: 2, Memory: 100, MemoryUsed: 50, CPUs: 1.5}},
		"v1 in a container": {fstest.MapFS{
			"proc/self/cgroup":                           file("5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/x\nrubbish\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("268435456\n"),
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us":         file("50000\n"),
			"sys/fs/cgroup/cpu/cpu.cfs_period_us":        file("100000\n"),
		}, Limits{Version: 1, Memory: 268435456, CPUs: 0.5}},
		"v1 without limit": {fstest.MapFS{
			"proc/self/cgroup":                           file("5:memory:/\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n"),
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us":         file("-1\n"),
		}, Limits{Version: 1}},
	} {
		got, err := ReadLimits(c.fs)
		if err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, c.want)
		}
	}
}

func TestFacts(t *testing.T) {
	f, err := Facts(t.Context(), t.TempDir())
	if err != nil {
		t.Log(err)
	}
	if f.CPUs < 1 || f.Memory == 0 || f.DiskTotal == 0 {
		t.Errorf("facts are empty: %+v", f)
	}
}

func TestRates(t *testing.T) {
	var r rates
	t0 := time.Unix(1000, 0)
	if got := r.of(t0, "B/s", map[string]float64{"a": 100}); len(got) != 0 {
		t.Errorf("a rate out of one point: %v", got)
	}
	if got := r.of(t0.Add(2*time.Second), "B/s", map[string]float64{"a": 300}); len(got) != 1 || *got[0].Value != 100 {
		t.Errorf("got %v", got)
	}
	if got := r.of(t0.Add(3*time.Second), "B/s", map[string]float64{"a": 5}); len(got) != 0 {
		t.Errorf("a counter that was reset gave %v", got)
	}
}

func TestWhole(t *testing.T) {
	for name, want := range map[string]bool{"sda": true, "sda1": false, "nvme0n1": true, "nvme0n1p2": false, "mmcblk0": true, "mmcblk0p1": false, "loop0": false, "dm-0": false, "vda": true} {
		if whole(name) != want {
			t.Errorf("whole(%q) = %v", name, !want)
		}
	}
}

// BenchmarkProbe shows what each probe costs; DESIGN.md quotes it.
func BenchmarkProbe(b *testing.B) {
	for _, p := range Probes(b.TempDir()) {
		b.Run(p.Name(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Read(b.Context(), time.Now())
			}
		})
	}
}
