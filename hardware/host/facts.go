package host

import (
	"context"
	"errors"
	"os"
	"runtime"
	"time"

	"github.com/shirou/gopsutil/v3/disk"
	"github.com/shirou/gopsutil/v3/host"
	"github.com/shirou/gopsutil/v3/mem"
)

// NodeFacts is what does not change while a node runs: what the doctor shows first.
type NodeFacts struct {
	Hostname       string
	OS             string // "debian 12"
	Kernel         string
	Arch           string
	Virtualization string // "kvm", "docker"; empty on bare metal or where unknown
	CPUs           int
	Memory         uint64 // bytes
	Limits         Limits
	Boot           time.Time
	FileSystem     string // of the data directory, "ext4"
	DiskTotal      uint64 // bytes, of the data directory's disk
	DiskFree       uint64 // bytes
	GoVersion      string
}

// Facts gathers NodeFacts. What cannot be read stays zero and is named in the error; the rest is good.
func Facts(ctx context.Context, dataDir string) (NodeFacts, error) {
	f := NodeFacts{Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), GoVersion: runtime.Version()}
	var errs []error
	if i, err := host.InfoWithContext(ctx); err == nil {
		f.Hostname, f.OS, f.Kernel = i.Hostname, i.Platform+" "+i.PlatformVersion, i.KernelVersion
		f.Boot = time.Unix(int64(i.BootTime), 0).UTC()
		if i.VirtualizationRole == "guest" {
			f.Virtualization = i.VirtualizationSystem
		}
	} else {
		errs = append(errs, failed("the name and system", err))
	}
	if m, err := mem.VirtualMemoryWithContext(ctx); err == nil {
		f.Memory = m.Total
	} else {
		errs = append(errs, failed("the memory", err))
	}
	if u, err := disk.UsageWithContext(ctx, dataDir); err == nil {
		f.FileSystem, f.DiskTotal, f.DiskFree = u.Fstype, u.Total, u.Free
	} else {
		errs = append(errs, failed("the disk under "+dataDir, err))
	}
	var err error
	if f.Limits, err = ReadLimits(os.DirFS("/")); err != nil {
		errs = append(errs, err)
	}
	return f, errors.Join(errs...)
}
