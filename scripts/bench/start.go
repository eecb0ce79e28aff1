package main

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	startEmpty = "start to ready, first start, empty"
	startAgain = "start to ready, again, empty"
	startFull  = "start to ready, 1 GB of readings"
	bigState   = 1_000_000_000 // bytes
)

// startTimes measures from the start of the process to the first "ready" over HTTP, with no state and with
// a gigabyte of readings that came in over MQTT. The files are in the page cache, as after a restart of
// the program.
func startTimes(b *bench) error {
	st, err := os.Stat(b.edge)
	if err != nil {
		return err
	}
	b.out.add("binary", "MB", float64(st.Size())/1e6)
	b.out.atMost("binary, MB", "binary", 45)
	for run := range b.runs {
		x, err := b.config(fmt.Sprintf("start-%d", run), "")
		if err != nil {
			return err
		}
		if err := b.restart(x, startEmpty, startAgain); err != nil {
			return err
		}
		os.RemoveAll(x.dir)
	}
	x, err := b.fillGigabyte()
	if err != nil {
		return err
	}
	defer os.RemoveAll(x.dir)
	for range b.runs {
		if err := b.restart(x, startFull); err != nil {
			return err
		}
	}
	b.out.atMost("start to ready, first start, empty, ms", startEmpty, 300)
	b.out.atMost("start to ready, again, empty, ms", startAgain, 300)
	b.out.atMost("start to ready, 1 GB, ms", startFull, 1000)
	return b.startNATS()
}

// restart starts and stops a box once for every name.
func (b *bench) restart(x *box, names ...string) error {
	for _, name := range names {
		took, err := b.up(x)
		if err != nil {
			return err
		}
		b.out.add(name, "ms", float64(took.Microseconds())/1000)
		x.kill()
	}
	return nil
}

// fillGigabyte publishes the same readings on every run until a gigabyte is stored.
func (b *bench) fillGigabyte() (*box, error) {
	x, err := b.box("full", "[storage]\nreadings = \"4GiB\"\n")
	if err != nil {
		return nil, err
	}
	defer x.kill()
	passwords, err := x.devices(20)
	if err != nil {
		return nil, err
	}
	for part := 0; folderSize(filepath.Join(x.dir, "readings")) < bigState; part++ {
		if part > 200 {
			return nil, fmt.Errorf("%s does not grow", x.dir)
		}
		l := mqttLoad{addr: x.mqtt, passwords: passwords, publishers: 20, window: 20, count: 250, body: func(seed, n int) []byte { return pack(part*20+seed, n) }}
		if err := l.fill(); err != nil {
			return nil, err
		}
	}
	b.out.add("state that was made", "MB", folderSize(filepath.Join(x.dir, "readings"))/1e6)
	return x, nil
}

// pack is about 4 KB of SenML: the trace of one heartbeat as text, which no compression makes smaller.
func pack(seed, n int) []byte {
	r := rand.New(rand.NewPCG(uint64(seed), uint64(n)))
	raw := make([]byte, 2900)
	for i := range raw {
		raw[i] = byte(r.Uint32())
	}
	return fmt.Appendf(nil, `[{"bn":"urn:dev:ecg-%02d:","bt":%d,"n":"trace","vs":"%s"}]`, seed%100, 1_790_000_000+n, base64.StdEncoding.EncodeToString(raw))
}

func folderSize(dir string) (size float64) {
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if i, err := d.Info(); err == nil {
				size += allocated(i)
			}
		}
		return nil
	})
	return size
}

// startNATS is what the nearest peer takes until it listens.
func (b *bench) startNATS() error {
	program := b.find("nats-server")
	if program == "" {
		return nil
	}
	for range b.runs {
		addr, dir := freeAddr(), filepath.Join(b.dir, "nats-start")
		path, err := b.show("nats-start.conf", fmt.Sprintf(natsConfig, addr, dir, ""))
		if err != nil {
			return err
		}
		began := time.Now()
		p, err := b.start(program, "nats-start", "-c", path)
		if err != nil {
			return err
		}
		err = p.await(10*time.Second, p.listens(addr))
		took := time.Since(began)
		if err == nil {
			b.out.add("start to listening, empty: NATS JetStream", "ms", float64(took.Microseconds())/1000)
		}
		p.kill()
		os.RemoveAll(dir)
		if err != nil {
			return err
		}
	}
	return nil
}

// allocated is what a file takes of the disk: memory tables are made large and stay mostly empty.
func allocated(i fs.FileInfo) float64 {
	if st, ok := i.Sys().(*syscall.Stat_t); ok {
		return float64(st.Blocks) * 512
	}
	return float64(i.Size())
}
