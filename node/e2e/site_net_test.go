//go:build fault

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A siteNet is what lies between the nodes of a site: one relay in front of each, and a cut for each way
// from one node to another. What is sent into a cut is held, as TCP holds it, and arrives when it heals.
type siteNet struct {
	tb testing.TB

	mu     sync.Mutex // guards the rest
	pids   [3]int     // of the nodes' processes, by which a connection's maker is known
	cuts   map[siteWay]bool
	change chan struct{} // closed and replaced when cuts change
	epoch  int           // connections made in an earlier one are forgotten
	alone  bool          // only the nodes may connect from now on
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
	if from < 0 && s.closed() {
		return // its maker is dead, or was not found: one that is not known could not be cut
	}
	out, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer out.Close()
	epoch := s.now()
	both := make(chan struct{}, 2)
	go func() { s.pump(siteWay{from, to}, epoch, in, out); both <- struct{}{} }()
	go func() { s.pump(siteWay{to, from}, epoch, out, in); both <- struct{}{} }()
	<-both
	if s.now() != epoch {
		<-both // neither end hears that the other closed
	}
}

func (s *siteNet) now() int { s.mu.Lock(); defer s.mu.Unlock(); return s.epoch }

// forget makes all connections there are swallow what is sent, without a word to either end, as a firewall
// does that was restarted. New ones are as good as ever.
func (s *siteNet) forget() { s.mu.Lock(); defer s.mu.Unlock(); s.epoch++ }

// pump moves bytes one way. The end of a connection is news too and does not pass a cut.
func (s *siteNet) pump(w siteWay, epoch int, from, to net.Conn) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		s.open(w)
		if s.now() != epoch {
			io.Copy(io.Discard, from)
			return
		}
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

func (s *siteNet) closed() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.alone }

// close lets only the nodes connect from now on, or everybody again.
func (s *siteNet) close(yes bool) { s.mu.Lock(); defer s.mu.Unlock(); s.alone = yes }

func (s *siteNet) setPID(node, pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pids[node] = pid
}

// maker is the node whose process holds the other end of a connection, -1 for any other process. The
// system's table may miss a line while it changes, so it is read more than once.
func (s *siteNet) maker(c net.Conn) int {
	want := fmt.Sprintf("0100007F:%04X", c.RemoteAddr().(*net.TCPAddr).Port)
	for range 10 {
		if inode := siteInode(want); inode != "" {
			if i := s.holder("socket:[" + inode + "]"); i >= 0 {
				return i
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	return -1
}

// siteInode is the inode of the socket with a local address, as the system's table writes it.
func siteInode(local string) string {
	f, err := os.Open("/proc/net/tcp")
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if v := strings.Fields(lines.Text()); len(v) > 9 && v[1] == local {
			return v[9]
		}
	}
	return ""
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
