package host

import (
	"context"
	"errors"
	"math"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/disk"
	"github.com/shirou/gopsutil/v3/host"
	"github.com/shirou/gopsutil/v3/load"
	"github.com/shirou/gopsutil/v3/mem"
	"github.com/shirou/gopsutil/v3/net"
	"github.com/shirou/gopsutil/v3/process"

	"github.com/aielon/edge/node/edge"
)

// Probes are the probes of a box, with the intervals their measured cost allows (see DESIGN.md).
func Probes(dataDir string) []Probe {
	return []Probe{
		newProbe("cpu", 10*time.Second, readCPU()),
		newProbe("load", 10*time.Second, readLoad),
		newProbe("memory", 10*time.Second, readMemory),
		newProbe("process", 10*time.Second, readProcess()),
		newProbe("disk", 30*time.Second, readDisk(dataDir)),
		newProbe("diskio", 30*time.Second, readDiskIO()),
		newProbe("net", 30*time.Second, readNet()),
		newProbe("limits", time.Minute, readLimits(os.DirFS("/"))),
		newProbe("temperature", time.Minute, readTemperature),
		newProbe("uptime", time.Minute, readUptime),
	}
}

type readFunc func(ctx context.Context, now time.Time) ([]edge.Sample, error)

type probe struct {
	name  string
	every time.Duration
	read  readFunc
}

func newProbe(name string, every time.Duration, read readFunc) Probe {
	return &probe{name, every, read}
}

func (p *probe) Name() string         { return p.name }
func (p *probe) Every() time.Duration { return p.every }
func (p *probe) Read(ctx context.Context, now time.Time) ([]edge.Sample, error) {
	return p.read(ctx, now)
}

// num makes a sample; what is not finite is left out by keep.
func num(name, unit string, v float64) edge.Sample {
	return edge.Sample{Name: name, Unit: unit, Value: &v}
}

func keep(s ...edge.Sample) []edge.Sample {
	out := s[:0]
	for _, x := range s {
		if x.Value != nil && !math.IsNaN(*x.Value) && !math.IsInf(*x.Value, 0) {
			out = append(out, x)
		}
	}
	return out
}

// readCPU tells which part of the time since it was last asked all cores together were busy.
func readCPU() readFunc {
	var busy, total float64
	return func(ctx context.Context, _ time.Time) ([]edge.Sample, error) {
		t, err := cpu.TimesWithContext(ctx, false)
		if err != nil || len(t) == 0 {
			return nil, failed("the processor's times", err)
		}
		all := t[0].User + t[0].System + t[0].Nice + t[0].Iowait + t[0].Irq + t[0].Softirq + t[0].Steal + t[0].Idle
		now := all - t[0].Idle - t[0].Iowait
		db, dt := now-busy, all-total
		first := total == 0
		busy, total = now, all
		if first || dt <= 0 {
			return nil, nil
		}
		return keep(num("cpu/busy", "/", max(0, min(1, db/dt)))), nil
	}
}

func readLoad(ctx context.Context, _ time.Time) ([]edge.Sample, error) {
	l, err := load.AvgWithContext(ctx)
	if err != nil {
		return nil, failed("the load average", err)
	}
	return keep(num("load/1m", "", l.Load1), num("load/15m", "", l.Load15),
		num("load/cores", "count", float64(runtime.NumCPU()))), nil
}

func readMemory(ctx context.Context, _ time.Time) ([]edge.Sample, error) {
	m, err := mem.VirtualMemoryWithContext(ctx)
	if err != nil {
		return nil, failed("the memory", err)
	}
	return keep(num("memory/total", "B", float64(m.Total)), num("memory/available", "B", float64(m.Available)),
		num("memory/swap_total", "B", float64(m.SwapTotal)),
		num("memory/swap_used", "B", float64(m.SwapTotal-min(m.SwapFree, m.SwapTotal)))), nil
}

func readDisk(dir string) readFunc {
	return func(ctx context.Context, _ time.Time) ([]edge.Sample, error) {
		u, err := disk.UsageWithContext(ctx, dir)
		if err != nil {
			return nil, failed("the disk under "+dir, err)
		}
		return keep(num("disk/total", "B", float64(u.Total)), num("disk/free", "B", float64(u.Free)),
			num("disk/used", "/", u.UsedPercent/100), num("disk/inodes_free", "count", float64(u.InodesFree))), nil
	}
}

// rates turns counters that only grow into units per second; a counter that fell was reset.
type rates struct {
	at   time.Time
	last map[string]float64
}

func (r *rates) of(now time.Time, unit string, counters map[string]float64) []edge.Sample {
	var out []edge.Sample
	if dt := now.Sub(r.at).Seconds(); !r.at.IsZero() && dt > 0 {
		for name, v := range counters {
			if was, ok := r.last[name]; ok && v >= was {
				out = append(out, num(name, unit, (v-was)/dt))
			}
		}
	}
	r.at, r.last = now, counters
	return keep(out...)
}

func readDiskIO() readFunc {
	var r rates
	return func(ctx context.Context, now time.Time) ([]edge.Sample, error) {
		io, err := disk.IOCountersWithContext(ctx)
		if err != nil {
			return nil, failed("the disks' counters", err)
		}
		var rd, wr float64
		for name, c := range io {
			if whole(name) {
				rd, wr = rd+float64(c.ReadBytes), wr+float64(c.WriteBytes)
			}
		}
		return r.of(now, "B/s", map[string]float64{"diskio/read": rd, "diskio/written": wr}), nil
	}
}

// whole reports whether a block device is a disk rather than a part of one or a layer over one, whose
// bytes would be counted twice.
func whole(name string) bool {
	for _, p := range []string{"loop", "ram", "dm-", "md", "zram", "sr"} {
		if strings.HasPrefix(name, p) {
			return false
		}
	}
	last := name[len(name)-1]
	if strings.HasPrefix(name, "nvme") || strings.HasPrefix(name, "mmcblk") {
		return !strings.Contains(name[4:], "p")
	}
	return last < '0' || last > '9'
}

func readNet() readFunc {
	var r rates
	return func(ctx context.Context, now time.Time) ([]edge.Sample, error) {
		cs, err := net.IOCountersWithContext(ctx, true)
		if err != nil {
			return nil, failed("the network's counters", err)
		}
		var in, out, bad float64
		for _, c := range cs {
			if c.Name == "lo" {
				continue
			}
			in, out = in+float64(c.BytesRecv), out+float64(c.BytesSent)
			bad += float64(c.Errin + c.Errout + c.Dropin + c.Dropout)
		}
		got := r.of(now, "B/s", map[string]float64{"net/received": in, "net/sent": out})
		return append(got, keep(num("net/errors", "count", bad))...), nil
	}
}

// readTemperature gives the hottest sensor: it decides whether the box throttles or stops.
func readTemperature(ctx context.Context, _ time.Time) ([]edge.Sample, error) {
	ts, err := host.SensorsTemperaturesWithContext(ctx)
	hot, any := math.Inf(-1), false
	for _, t := range ts {
		if t.Temperature > -50 && t.Temperature < 150 && t.Temperature != 0 {
			hot, any = max(hot, t.Temperature), true
		}
	}
	var warn *host.Warnings
	if err != nil && !any && !errors.As(err, &warn) && !errors.Is(err, os.ErrNotExist) {
		return nil, failed("the temperature sensors", err)
	}
	if !any { // many boxes have none; that is not a failure
		return nil, nil
	}
	return keep(num("temperature/hottest", "Cel", hot)), nil
}

func readUptime(ctx context.Context, _ time.Time) ([]edge.Sample, error) {
	s, err := host.UptimeWithContext(ctx)
	if err != nil {
		return nil, failed("the uptime", err)
	}
	return keep(num("uptime", "s", float64(s))), nil
}

// readProcess keeps one handle for good, so that CPU time is a difference of two cheap reads.
func readProcess() readFunc {
	p, newErr := process.NewProcess(int32(os.Getpid()))
	var r rates
	return func(ctx context.Context, now time.Time) ([]edge.Sample, error) {
		if newErr != nil {
			return nil, failed("this process", newErr)
		}
		var out []edge.Sample
		m, err1 := p.MemoryInfoWithContext(ctx)
		if err1 == nil {
			out = append(out, num("process/rss", "B", float64(m.RSS)))
		}
		t, err2 := p.TimesWithContext(ctx)
		if err2 == nil {
			out = append(out, r.of(now, "/", map[string]float64{"process/cpu": t.User + t.System})...)
		}
		n, err3 := p.NumFDsWithContext(ctx)
		if err3 == nil {
			out = append(out, num("process/files", "count", float64(n)))
		}
		out = append(out, num("process/goroutines", "count", float64(runtime.NumGoroutine())))
		if err := errors.Join(err1, err2, err3); err != nil {
			return keep(out...), failed("this process", err)
		}
		return keep(out...), nil
	}
}

func failed(what string, err error) error {
	if err == nil {
		err = errors.New("nothing was reported")
	}
	return edge.E(edge.Unavailable, "%s of this box cannot be read: %w", what, err)
}
