package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// writers are how many clients write at the same time.
var writers = []int{1, 16, 256}

func replicateName(who string, clients int) string {
	return fmt.Sprintf("replicated writes of 128 B, 3 nodes, %d clients: %s", clients, who)
}

// replicate measures writes that a site of three nodes has agreed on, against etcd with three members.
// Clients are spread evenly over the three nodes of both. Both are up at the same time and get each load
// one right after the other.
func replicate(b *bench) error {
	for run := range b.runs {
		if err := b.replicateRun(run); err != nil {
			return err
		}
	}
	for _, n := range writers {
		least := 1.0
		if n == 256 {
			least = 2
		}
		b.out.ratio(fmt.Sprintf("replicated writes, %d clients, against etcd", n), replicateName("aielon-edge", n), replicateName("etcd", n), least)
	}
	return nil
}

func (b *bench) replicateRun(run int) error {
	boxes, stop, err := b.site(run)
	if err != nil {
		return err
	}
	defer stop()
	etcd, stopEtcd, err := b.etcd(run)
	defer stopEtcd()
	if err != nil {
		return err
	}
	sinks := []sink{{who: "aielon-edge", load: func(clients, _ int) (float64, error) { return b.setAll(boxes, clients) }}}
	if etcd != nil {
		sinks = append(sinks, *etcd)
	}
	for _, n := range writers {
		for _, s := range sinks {
			time.Sleep(200 * time.Millisecond)
			rate, err := s.load(n, 1)
			if err != nil {
				return fmt.Errorf("%s: %w", s.who, err)
			}
			b.out.add(replicateName(s.who, n), "writes/s", rate)
		}
		slices.Reverse(sinks)
	}
	return nil
}

// site starts three boxes of one site.
func (b *bench) site(run int) (boxes []*box, stop func(), err error) {
	stop = func() {
		for _, x := range boxes {
			x.kill()
			os.RemoveAll(x.dir)
		}
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	for i := range 3 {
		x, err := b.config(fmt.Sprintf("site-%d-%d", run, i), fmt.Sprintf("[cluster]\naddr = %q\n", freeAddr()))
		if err != nil {
			return nil, stop, err
		}
		if i > 0 {
			if err := b.inviteAndJoin(boxes[0], x); err != nil {
				return nil, stop, err
			}
		}
		if _, err := b.up(x); err != nil {
			return nil, stop, err
		}
		boxes = append(boxes, x)
	}
	return boxes, stop, voters(boxes[0], 3)
}

func (b *bench) inviteAndJoin(first, x *box) error {
	var i invitation
	err := errors.New("the first node is not asked yet")
	for end := time.Now().Add(15 * time.Second); err != nil && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		i, err = first.invite("node") // the site's authority may take a moment to be there
	}
	if err != nil {
		return err
	}
	return b.join(x, i)
}

// voters waits until the site has n nodes that vote.
func voters(x *box, n int) error {
	var st struct {
		Members []struct{ Role string }
	}
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err := x.call("GET", "/v1/status", nil, &st); err != nil {
			return err
		}
		have := 0
		for _, m := range st.Members {
			if m.Role == "voter" {
				have++
			}
		}
		if have == n {
			return nil
		}
	}
	return fmt.Errorf("the site did not come to %d voters: %+v", n, st.Members)
}

// setAll writes settings from n clients, each waiting for its answer, over the local sockets of the boxes.
// Each has one connection, as each of etcd's has.
func (b *bench) setAll(boxes []*box, n int) (float64, error) {
	value := strings.Repeat("v", 128)
	var done atomic.Int64
	errs := make([]error, n)
	clients := make([]*setter, n)
	for i := range clients {
		c, err := newSetter(boxes[i%len(boxes)].socket())
		if err != nil {
			return 0, err
		}
		defer c.conn.Close()
		clients[i] = c
	}
	began := time.Now()
	end := began.Add(b.span)
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() {
			for k := 0; time.Now().Before(end) && errs[i] == nil; k++ {
				errs[i] = c.set(fmt.Sprintf("bench/%d/%d", i, k%16), value)
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(began).Seconds(), cmp.Or(errs...)
}

// A setter is a client of the local socket that does little else than wait: a general HTTP client takes as
// much of two processors as a box does for a command.
type setter struct {
	conn net.Conn
	in   *bufio.Reader
	out  []byte
}

func newSetter(socket string) (*setter, error) {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	return &setter{conn: c, in: bufio.NewReader(c)}, nil
}

func (s *setter) set(key, value string) error {
	body := fmt.Sprintf(`{"type":"settings.set","body":{"key":%q,"value":%q}}`, key, value)
	s.out = fmt.Appendf(s.out[:0], "POST /v1/do HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	if _, err := s.conn.Write(s.out); err != nil {
		return err
	}
	r, err := http.ReadResponse(s.in, nil)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	answer, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		return fmt.Errorf("settings.set: %s: %s %v", r.Status, answer, err)
	}
	var a struct{ Index uint64 }
	if err := json.Unmarshal(answer, &a); err != nil || a.Index == 0 {
		return fmt.Errorf("settings.set: %s says nothing: %v", answer, err)
	}
	return nil
}

// etcd runs three members with etcd's defaults on one disk. Its clients speak its own protocol.
func (b *bench) etcd(run int) (_ *sink, stop func(), err error) {
	var running []*proc
	stop = func() {
		for i, p := range running {
			p.kill()
			os.RemoveAll(filepath.Join(b.dir, fmt.Sprintf("etcd-%d", i)))
		}
	}
	program, client := b.find("etcd"), b.find("bench-peers")
	if program == "" || client == "" {
		return nil, stop, nil
	}
	var names, urls []string
	peers := make([]string, 3)
	for i := range peers {
		peers[i] = "http://" + freeAddr()
		names = append(names, fmt.Sprintf("n%d=%s", i, peers[i]))
		urls = append(urls, "http://"+freeAddr())
	}
	for i := range peers {
		args := []string{"--name", fmt.Sprintf("n%d", i), "--data-dir", filepath.Join(b.dir, fmt.Sprintf("etcd-%d", i)), "--listen-peer-urls", peers[i],
			"--initial-advertise-peer-urls", peers[i], "--listen-client-urls", urls[i], "--advertise-client-urls", urls[i],
			"--initial-cluster", strings.Join(names, ","), "--log-level", "error"}
		if run == 0 && i == 0 {
			fmt.Printf("etcd, each of three members (all else at its default, every write fsynced):\n%s\n", indent("etcd "+strings.ReplaceAll(strings.Join(args, " "), b.dir, "...")))
		}
		p, err := b.start(program, fmt.Sprintf("etcd-%d", i), args...)
		if err != nil {
			return nil, stop, err
		}
		running = append(running, p)
	}
	for i, p := range running {
		if err := p.await(20*time.Second, p.listens(strings.TrimPrefix(urls[i], "http://"))); err != nil {
			return nil, stop, err
		}
	}
	load := func(clients, _ int) (float64, error) {
		m, err := b.client(client, "puts", "-url", strings.Join(urls, ","), "-clients", fmt.Sprint(clients), "-span", b.span.String(), "-size", "128")
		return m["rate"], err
	}
	return &sink{who: "etcd", load: load}, stop, nil
}
