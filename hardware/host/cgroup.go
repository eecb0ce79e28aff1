package host

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
)

// Limits are what the control group this process lives in may use. Zero means no limit was found.
type Limits struct {
	Version    int     // 1 or 2, 0 where there is no control group
	Memory     uint64  // bytes
	MemoryUsed uint64  // bytes
	CPUs       float64 // processors' worth of time
	Tasks      uint64
}

// unlimited is what version 1 shows where there is no limit: the largest number of whole pages.
const unlimited = 1 << 62

// ReadLimits reads the limits of this process from the files under root, normally os.DirFS("/").
// The tightest limit from the group up to its root is the one that holds.
func ReadLimits(root fs.FS) (Limits, error) {
	b, err := fs.ReadFile(root, "proc/self/cgroup")
	if errors.Is(err, fs.ErrNotExist) {
		return Limits{}, nil
	}
	if err != nil {
		return Limits{}, failed("the control group", err)
	}
	groups := map[string]string{}
	for line := range strings.Lines(string(b)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		for _, c := range strings.Split(f[1], ",") {
			groups[c] = path.Clean("/" + f[2])
		}
	}
	if dir, ok := groups["memory"]; ok {
		return limitsV1(root, dir, groups), nil
	}
	if dir, ok := groups[""]; ok {
		return limitsV2(root, dir), nil
	}
	return Limits{}, nil
}

func limitsV2(root fs.FS, dir string) Limits {
	l := Limits{Version: 2}
	base := "sys/fs/cgroup"
	l.MemoryUsed, _ = number(root, base+dir+"/memory.current")
	climb(dir, func(d string) {
		least(&l.Memory, root, base+d+"/memory.max")
		least(&l.Tasks, root, base+d+"/pids.max")
		f := strings.Fields(text(root, base+d+"/cpu.max"))
		if len(f) == 2 {
			l.CPUs = tighter(l.CPUs, f[0], f[1])
		}
	})
	return l
}

func limitsV1(root fs.FS, dir string, groups map[string]string) Limits {
	l := Limits{Version: 1}
	base := "sys/fs/cgroup/"
	l.MemoryUsed, _ = number(root, base+"memory"+dir+"/memory.usage_in_bytes")
	climb(dir, func(d string) { least(&l.Memory, root, base+"memory"+d+"/memory.limit_in_bytes") })
	climb(groups["pids"], func(d string) { least(&l.Tasks, root, base+"pids"+d+"/pids.max") })
	climb(groups["cpu"], func(d string) {
		l.CPUs = tighter(l.CPUs, strings.TrimSpace(text(root, base+"cpu"+d+"/cpu.cfs_quota_us")),
			strings.TrimSpace(text(root, base+"cpu"+d+"/cpu.cfs_period_us")))
	})
	return l
}

// climb visits a group and those above it. Inside a container the files of the outer path are missing
// and the group's own are at the root, so the root is always visited.
func climb(dir string, visit func(string)) {
	for d := path.Clean("/" + dir); d != "/"; d = path.Dir(d) {
		visit(d)
	}
	visit("")
}

func text(root fs.FS, name string) string {
	b, err := fs.ReadFile(root, path.Clean(name))
	if err != nil {
		return ""
	}
	return string(b)
}

func number(root fs.FS, name string) (uint64, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(text(root, name)), 10, 64)
	return n, err == nil && n < unlimited
}

func least(to *uint64, root fs.FS, name string) {
	if n, ok := number(root, name); ok && (*to == 0 || n < *to) {
		*to = n
	}
}

func tighter(now float64, quota, period string) float64 {
	q, err1 := strconv.ParseInt(quota, 10, 64)
	p, err2 := strconv.ParseInt(period, 10, 64)
	if err1 != nil || err2 != nil || q <= 0 || p <= 0 {
		return now
	}
	if v := float64(q) / float64(p); now == 0 || v < now {
		return v
	}
	return now
}

func readLimits(root fs.FS) readFunc {
	return func(context.Context, time.Time) ([]edge.Sample, error) {
		l, err := ReadLimits(root)
		if err != nil || l.Version == 0 {
			return nil, err
		}
		out := []edge.Sample{num("limits/memory_used", "B", float64(l.MemoryUsed))}
		if l.Memory > 0 {
			out = append(out, num("limits/memory", "B", float64(l.Memory)))
		}
		if l.CPUs > 0 {
			out = append(out, num("limits/cpus", "count", l.CPUs))
		}
		if l.Tasks > 0 {
			out = append(out, num("limits/tasks", "count", float64(l.Tasks)))
		}
		return keep(out...), nil
	}
}
