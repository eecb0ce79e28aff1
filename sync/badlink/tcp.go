package badlink

import (
	"net"
	"sync"
	"time"
)

const (
	segmentSize  = 1460 // bytes read and relayed at a time when a rate is set
	fastSize     = 64 << 10
	kernelBuffer = 32 << 10 // receive buffer of a shaped connection: a second queue, kept small
	maxSegments  = 1 << 12  // segments one connection may have under way in one direction
)

// A pair is one relayed TCP connection: the client's socket and ours to the target.
type pair struct {
	client, target *net.TCPConn
	once           sync.Once
	gone           chan struct{}
}

// acceptTCP relays connections until the listener closes.
func (l *Link) acceptTCP() {
	for {
		c, err := l.tcp.AcceptTCP()
		if err != nil {
			select {
			case <-l.done:
				return
			case <-time.After(10 * time.Millisecond):
				continue
			}
		}
		l.wg.Go(func() { l.relay(c) })
	}
}

// relay joins one client to the target until either side or the link ends it.
func (l *Link) relay(c *net.TCPConn) {
	if l.fault(Up) == severed && l.fault(Down) == severed {
		reset(c)
		return
	}
	if l.up.shape().Rate > 0 {
		c.SetReadBuffer(kernelBuffer)
	}
	d := net.Dialer{Timeout: 5 * time.Second, Control: smallSegments}
	t, err := d.Dial("tcp", l.tcpTarget)
	if err != nil {
		reset(c)
		return
	}
	p := &pair{client: c, target: t.(*net.TCPConn), gone: make(chan struct{})}
	if l.down.shape().Rate > 0 {
		p.target.SetReadBuffer(kernelBuffer)
	}
	if !l.add(p) {
		p.reset()
		return
	}
	var ends sync.WaitGroup
	ends.Go(func() { l.pump(p, Up, l.up, p.client, p.target) })
	ends.Go(func() { l.pump(p, Down, l.down, p.target, p.client) })
	ends.Wait()
	p.reset()
	l.mu.Lock()
	delete(l.conns, p)
	l.mu.Unlock()
}

// A segment is a piece of a stream on its way. Data nil: the sender closed its side.
type segment struct {
	due  time.Time
	data []byte
}

// pump carries one direction of a pair. The reader side, here, is held back while the shared queue is
// full, which is how a TCP sender meets a bottleneck; the writer side delivers in order.
func (l *Link) pump(p *pair, d Direction, n *lane, from, to *net.TCPConn) {
	way := make(chan segment, maxSegments)
	var writer sync.WaitGroup
	writer.Go(func() { l.deliver(p, d, n, to, way) })
	defer writer.Wait()
	defer close(way)
	buf := make([]byte, fastSize)
	for {
		size := fastSize
		if n.shape().Rate > 0 {
			size = segmentSize
		}
		k, err := from.Read(buf[:size])
		if k > 0 && !n.stream(p, buf[:k], way) {
			return
		}
		if err != nil {
			return
		}
	}
}

// stream waits for room in the queue and puts one segment on its way; false: the pair ended.
func (n *lane) stream(p *pair, data []byte, way chan<- segment) bool {
	for {
		now := time.Now()
		n.mu.Lock()
		wait := n.b.full(now, len(data))
		if wait == 0 {
			due, stalled := n.b.segment(now, len(data))
			n.count.InPackets++
			n.count.InBytes += uint64(len(data))
			if stalled {
				n.count.Lost++
			}
			n.mu.Unlock()
			select {
			case way <- segment{due, append([]byte(nil), data...)}:
				return true
			case <-p.gone:
				return false
			}
		}
		n.mu.Unlock()
		if !sleep(p, wait) {
			return false
		}
	}
}

// deliver writes segments when they are due, in order, and stalls while the direction is cut.
func (l *Link) deliver(p *pair, d Direction, n *lane, to *net.TCPConn, way <-chan segment) {
	for s := range way {
		if !sleep(p, time.Until(s.due)) {
			continue // drain: the reader must not block
		}
		for l.fault(d) != healthy {
			if !sleep(p, 10*time.Millisecond) {
				break
			}
		}
		if _, err := to.Write(s.data); err != nil {
			p.reset()
			continue
		}
		n.mu.Lock()
		n.delivered(len(s.data))
		n.mu.Unlock()
	}
	to.CloseWrite()
}

// sleep waits for d; false: the pair ended first.
func sleep(p *pair, d time.Duration) bool {
	if d <= 0 {
		select {
		case <-p.gone:
			return false
		default:
			return true
		}
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-p.gone:
		return false
	}
}

func (l *Link) add(p *pair) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.conns[p] = struct{}{}
	return true
}

// resetTCP ends every TCP connection at once, with a reset and not a goodbye.
func (l *Link) resetTCP() {
	l.mu.Lock()
	all := make([]*pair, 0, len(l.conns))
	for p := range l.conns {
		all = append(all, p)
	}
	l.mu.Unlock()
	for _, p := range all {
		p.reset()
	}
}

func (p *pair) reset() {
	p.once.Do(func() {
		close(p.gone)
		reset(p.client)
		reset(p.target)
	})
}

func reset(c *net.TCPConn) {
	c.SetLinger(0)
	c.Close()
}

func (l *Link) fault(d Direction) fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state[d]
}

func (n *lane) shape() Shape {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.Shape
}
