package main

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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
			keys := make([]string, 16)
			for k := range keys {
				keys[k] = fmt.Sprintf("bench/%d/%d", i, k)
			}
			for k := 0; time.Now().Before(end) && errs[i] == nil; k++ {
				errs[i] = c.set(keys[k%len(keys)], value)
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
	conn      net.Conn
	in        *bufio.Reader
	out, body []byte
}

func newSetter(socket string) (*setter, error) {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	return &setter{conn: c, in: bufio.NewReader(c)}, nil
}

func (s *setter) set(key, value string) error {
	s.body = append(append(append(append(append(s.body[:0], `{"type":"settings.set","body":{"key":"`...), key...), `","value":"`...), value...), `"}}`...)
	s.out = append(s.out[:0], "POST /v1/do HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\nContent-Length: "...)
	s.out = append(append(strconv.AppendInt(s.out, int64(len(s.body)), 10), "\r\n\r\n"...), s.body...)
	if _, err := s.conn.Write(s.out); err != nil {
		return err
	}
	answer, err := s.answer()
	if err != nil {
		return err
	}
	if _, index, ok := bytes.Cut(answer, []byte(`"index":`)); !ok || index[0] < '1' || index[0] > '9' {
		return fmt.Errorf("settings.set: %s says nothing", answer)
	}
	return nil
}

// answer reads a response of HTTP/1.1 with a Content-Length, whole.
func (s *setter) answer() (body []byte, err error) {
	status, err := s.in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	ok, length := bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")), -1
	for {
		line, err := s.in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if len(line) <= 2 {
			break
		}
		if v, found := bytes.CutPrefix(line, []byte("Content-Length: ")); found {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(v))); err != nil {
				return nil, err
			}
		}
	}
	if length < 0 || length > 64<<10 {
		return nil, fmt.Errorf("an answer of length %d", length)
	}
	s.body = slices.Grow(s.body[:0], length)[:length]
	if _, err := io.ReadFull(s.in, s.body); err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("settings.set: %s", s.body)
	}
	return s.body, nil
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
