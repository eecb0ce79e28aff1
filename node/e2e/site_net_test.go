//go:build fault

package e2e

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A siteNet is what lies between the nodes of a site: one relay in front of each, and a cut for each way
// from one node to another. What is sent into a cut is held, as TCP holds it, and arrives when it heals.
type siteNet struct {
	tb testing.TB

	mu     sync.Mutex // guards the rest
	pids   [3]int     // of the nodes' processes, by which a connection's maker is known
	cuts   map[siteWay]bool
	change chan struct{} // closed and replaced when cuts change
}

// A siteWay is the way from one node to another.
type siteWay struct{ from, to int }

func newSiteNet(tb testing.TB) *siteNet {
	return &siteNet{tb: tb, cuts: map[siteWay]bool{}, change: make(chan struct{})}
}

// listen opens the relay in front of a node and returns its address.
func (s *siteNet) listen(node int, target string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.tb.Fatal(err)
	}
	s.tb.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.relay(node, target, c)
		}
	}()
	return l.Addr().String()
}

func (s *siteNet) relay(to int, target string, in net.Conn) {
	defer in.Close()
	from := s.maker(in)
	out, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer out.Close()
	both := make(chan struct{}, 2)
	go func() { s.pump(siteWay{from, to}, in, out); both <- struct{}{} }()
	go func() { s.pump(siteWay{to, from}, out, in); both <- struct{}{} }()
	<-both
}

// pump moves bytes one way. The end of a connection is news too and does not pass a cut.
func (s *siteNet) pump(w siteWay, from, to net.Conn) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		s.open(w)
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// open waits until a way is not cut.
func (s *siteNet) open(w siteWay) {
	for {
		s.mu.Lock()
		cut, change := s.cuts[w], s.change
		s.mu.Unlock()
		if !cut {
			return
		}
		<-change
	}
}

func (s *siteNet) cut(ways ...siteWay) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.cuts)
	for _, w := range ways {
		s.cuts[w] = true
	}
	close(s.change)
	s.change = make(chan struct{})
}

func (s *siteNet) setPID(node, pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pids[node] = pid
}

// maker is the node whose process holds the other end of a connection, -1 for any other process.
func (s *siteNet) maker(c net.Conn) int {
	remote := c.RemoteAddr().(*net.TCPAddr)
	f, err := os.Open("/proc/net/tcp")
	if err != nil {
		s.tb.Error(err)
		return -1
	}
	defer f.Close()
	want := fmt.Sprintf("0100007F:%04X", remote.Port)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if v := strings.Fields(lines.Text()); len(v) > 9 && v[1] == want {
			return s.holder("socket:[" + v[9] + "]")
		}
	}
	return -1
}

func (s *siteNet) holder(socket string) int {
	s.mu.Lock()
	pids := s.pids
	s.mu.Unlock()
	for i, pid := range pids {
		fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, fd := range fds {
			if link, err := os.Readlink(fd); pid != 0 && err == nil && link == socket {
				return i
			}
		}
	}
	return -1
}
