package proc

import (
	"fmt"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// A Device publishes numbers 1, 2, 3, ... with QoS 1, the next only when the one before was acknowledged,
// and each again until it was.
type Device struct {
	ID   string
	pad  string
	opts *paho.ClientOptions
	c    paho.Client // owned by run
	stop chan struct{}
	wg   sync.WaitGroup

	mu      sync.Mutex // guards what follows
	acked   uint64     // everything up to here was acknowledged
	again   uint64     // publishes that had to be repeated
	limit   uint64     // the last number to publish; 0: no end
	pause   time.Duration
	held    bool
	flying  bool
	resumed *sync.Cond
}

// NewDevice makes a device, which connects again whenever the node was restarted. pad bytes are added to
// every message.
func NewDevice(tb testing.TB, addr, id, password string, pad int) *Device {
	tb.Helper()
	d := &Device{ID: id, stop: make(chan struct{})}
	// paho's own reconnecting is off: it calls messages acknowledged that it merely sent again.
	d.opts = paho.NewClientOptions().AddBroker("tcp://" + addr).SetClientID(id).SetUsername(id).SetPassword(password).
		SetConnectRetry(false).SetAutoReconnect(false).SetConnectTimeout(3 * time.Second).SetKeepAlive(5 * time.Second).SetOrderMatters(false)
	for range pad {
		d.pad += "x"
	}
	d.resumed = sync.NewCond(&d.mu)
	tb.Cleanup(d.Stop)
	return d
}

// Run publishes until Stop, or until limit messages were acknowledged (0: no end), with a pause after each.
func (d *Device) Run(limit uint64, pause time.Duration) {
	d.mu.Lock()
	d.limit, d.pause = limit, pause
	d.mu.Unlock()
	d.wg.Go(d.run)
}

// Topic is where the device publishes.
func (d *Device) Topic() string { return d.ID + "/sensor" }

// Payload is message n.
func (d *Device) Payload(n uint64) string {
	if d.pad == "" {
		return fmt.Sprintf(`{"count":%d}`, n)
	}
	return fmt.Sprintf(`{"count":%d,"note":%q}`, n, d.pad)
}

func (d *Device) run() {
	defer d.disconnect()
	for n, ok := d.next(); ok; n, ok = d.next() {
		if !d.publish(n) {
			return
		}
		d.settle(n)
		if d.wait() {
			return
		}
	}
}

// next waits while the device is held.
func (d *Device) next() (n uint64, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.held {
		d.resumed.Wait()
	}
	select {
	case <-d.stop:
		return 0, false
	default:
	}
	d.flying = d.limit == 0 || d.acked < d.limit
	return d.acked + 1, d.flying
}

func (d *Device) settle(n uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.acked, d.flying = n, false
	d.resumed.Broadcast()
}

func (d *Device) wait() (stopped bool) {
	d.mu.Lock()
	pause := d.pause
	d.mu.Unlock()
	select {
	case <-d.stop:
		return true
	case <-time.After(pause):
		return false
	}
}

// publish repeats message n until it is acknowledged. It reports false when the device was stopped before.
func (d *Device) publish(n uint64) bool {
	for {
		if d.connected() {
			t := d.c.Publish(d.Topic(), 1, false, d.Payload(n))
			select {
			case <-t.Done():
				if t.Error() == nil {
					return true
				}
			case <-time.After(10 * time.Second):
			case <-d.stop:
				return false
			}
			d.mu.Lock()
			d.again++
			d.mu.Unlock()
		}
		select {
		case <-d.stop:
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// connected connects where there is no connection, and reports whether there is one then. A new connection
// is a new client: nothing is taken over from the old.
func (d *Device) connected() bool {
	if d.c != nil && d.c.IsConnectionOpen() {
		return true
	}
	d.disconnect()
	d.c = paho.NewClient(d.opts)
	t := d.c.Connect()
	return t.WaitTimeout(5*time.Second) && t.Error() == nil
}

func (d *Device) disconnect() {
	if d.c != nil {
		d.c.Disconnect(0)
	}
}

// Hold stops publishing once nothing is under way; Resume goes on.
func (d *Device) Hold() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held = true
	for d.flying {
		d.resumed.Wait()
	}
}

// Resume ends Hold.
func (d *Device) Resume() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held = false
	d.resumed.Broadcast()
}

// Acked returns how many messages were acknowledged, and how many publishes were repeated.
func (d *Device) Acked() (acked, again uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.acked, d.again
}

// Stop ends the device.
func (d *Device) Stop() {
	d.mu.Lock()
	select {
	case <-d.stop:
	default:
		close(d.stop)
	}
	d.held = false
	d.resumed.Broadcast()
	d.mu.Unlock()
	d.wg.Wait()
}
