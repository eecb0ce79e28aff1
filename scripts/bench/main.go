package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// A bench is one run: where things are, how long each measurement lasts, and what came out.
type bench struct {
	ctx    context.Context
	dir    string        // on the disk that is measured; removed at the end
	edge   string        // the program under test
	peers  string        // folder of nats-server and bench-peers; mosquitto and etcd are looked up in PATH too
	runs   int           // how often everything is measured
	span   time.Duration // of one throughput measurement
	link   time.Duration // of one measurement over the bad link
	idle   time.Duration // how long the idle node is watched
	fsyncs float64       // of this disk, a second
	hold   *hold         // of servers that are started, where their writes are to be held back
	out    report
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	b := &bench{ctx: ctx}
	only := flag.String("only", "ingest,slow,replicate,wallet,link,start,hub,idle", "sections to run, in this order")
	base := flag.String("dir", ".", "a folder on the disk to measure; a scratch folder is made in it and removed")
	flag.StringVar(&b.edge, "bin", "bin/aielon-edge", "the program under test")
	flag.StringVar(&b.peers, "peers", "", "folder with nats-server and bench-peers")
	flag.IntVar(&b.runs, "runs", 3, "how often each figure is taken")
	flag.DurationVar(&b.span, "span", 4*time.Second, "length of one throughput measurement")
	flag.DurationVar(&b.link, "link", 75*time.Second, "length of one measurement over the bad link")
	flag.DurationVar(&b.idle, "idle", 11*time.Minute, "how long the idle node is watched")
	strict := flag.Bool("strict", false, "fail where a goal is missed")
	flag.Parse()
	var err error
	if b.edge, err = filepath.Abs(b.edge); err != nil {
		return err
	}
	if b.dir, err = scratch(*base); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := b.all(strings.Split(*only, ",")); err != nil {
		return err
	}
	if n := b.out.missed(); *strict && n > 0 {
		return fmt.Errorf("%d goals are missed", n)
	}
	return nil
}

func (b *bench) all(names []string) error {
	if err := b.preface(); err != nil {
		return err
	}
	sections := map[string]func(*bench) error{"ingest": ingest, "slow": slow, "replicate": replicate, "link": badLink, "wallet": wallet, "start": startTimes, "hub": hubMemory}
	var watch *idleWatch
	for _, name := range names {
		if name == "idle" { // watched while the rest runs: its own counters are not touched by that
			var err error
			if watch, err = startIdle(b); err != nil {
				return err
			}
			defer watch.node.kill()
		}
	}
	for _, name := range names {
		f, ok := sections[name]
		if !ok {
			continue
		}
		fmt.Printf("\n## %s (load average %s)\n\n", name, loadAverage())
		if err := f(b); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if watch != nil {
		fmt.Printf("\n## idle (load average %s)\n\n", loadAverage())
		if err := watch.finish(b); err != nil {
			return fmt.Errorf("idle: %w", err)
		}
	}
	b.out.print()
	return b.ctx.Err()
}

// preface says what the figures of this run stand on.
func (b *bench) preface() (err error) {
	fmt.Printf("# aielon-edge side by side with its peers\n\n%d cores, %s, load average %s\n", runtime.NumCPU(), runtime.GOARCH, loadAverage())
	if b.fsyncs, err = fsyncRate(b.dir, 2*time.Second); err != nil {
		return err
	}
	fmt.Printf("this disk: %.0f fsyncs/s of 256 appended bytes, one after another\n", b.fsyncs)
	return nil
}

// scratch makes the run's folder and refuses memory file systems, where an fsync costs nothing.
func scratch(base string) (string, error) {
	dir, err := os.MkdirTemp(base, ".bench-")
	if err != nil {
		return "", err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	var st syscall.Statfs_t
	const tmpfs, ramfs = 0x01021994, 0x858458f6
	if err := syscall.Statfs(dir, &st); err != nil || st.Type == tmpfs || st.Type == ramfs {
		os.RemoveAll(dir)
		return "", fmt.Errorf("%s is not on a disk: choose another -dir", base)
	}
	return dir, nil
}

// fsyncRate is how many appends of 256 bytes, each with its fsync, one writer gets done in a second.
func fsyncRate(dir string, span time.Duration) (float64, error) {
	f, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	n, began := 0, time.Now()
	for ; time.Since(began) < span; n++ {
		if _, err := f.Write(make([]byte, 256)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(began).Seconds(), nil
}

func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}
