package mqtt

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// load publishes n messages of 100 bytes at quality 1 from each of several clients, each with a window
// of unacknowledged messages, and waits for all acknowledgements.
func load(t testing.TB, addr string, clients, window, n int, first func(i int) []byte, topic func(i int) string) {
	var wg sync.WaitGroup
	for i := range clients {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		nc.Write(first(i))
		br := bufio.NewReaderSize(nc, 16<<10)
		if _, err := io.ReadFull(br, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		slots := make(chan struct{}, window)
		wg.Go(func() {
			w := bufio.NewWriterSize(nc, 16<<10)
			for k := range n {
				select {
				case slots <- struct{}{}:
				default:
					w.Flush()
					slots <- struct{}{}
				}
				w.Write(pub(4, 1, uint16(k%60000+1), topic(i), strings.Repeat("x", 100)))
			}
			w.Flush()
		})
		wg.Go(func() {
			var ack [4]byte
			for k := range n {
				if _, err := io.ReadFull(br, ack[:]); err != nil || ack[0] != 0x40 {
					t.Errorf("acknowledgement %d: % x %v", k, ack, err)
					return
				}
				if want := uint16(k%60000 + 1); ack[2] != byte(want>>8) || ack[3] != byte(want) {
					t.Errorf("acknowledgement %d is out of order: % x", k, ack)
					return
				}
				<-slots
			}
		})
	}
	wg.Wait()
}

// BenchmarkPublish measures acknowledged messages per second with an intake whose group commit takes a
// millisecond, as an fsync does.
func BenchmarkPublish(b *testing.B) {
	for _, c := range []struct{ clients, window int }{{1, 200}, {1, 1}, {50, 20}, {50, 1}} {
		for _, subscriber := range []bool{false, true} {
			name := fmt.Sprintf("clients=%d/window=%d/subscriber=%v", c.clients, c.window, subscriber)
			b.Run(name, func(b *testing.B) {
				w := start(b, func(o *Options) { o.Limits.Rate, o.Limits.SessionsPer = 1e9, 100 })
				w.disk.every, w.disk.keep = time.Millisecond, false
				if subscriber {
					r := w.enter(b, "op")
					r.send(sub(5, 1, 0, "shared/#"))
					r.want(tSuback)
					go io.Copy(io.Discard, r.br)
				}
				n := b.N/c.clients + 1
				b.ReportAllocs()
				b.ResetTimer()
				load(b, w.b.Addrs()[0].String(), c.clients, c.window, n,
					func(i int) []byte {
						return connectOpt{v: 4, id: fmt.Sprint("x", i), user: "op", pass: str("op-pw"), clean: true}.bytes()
					},
					func(i int) string { return fmt.Sprint("shared/", i) })
				b.ReportMetric(float64(n*c.clients)/b.Elapsed().Seconds(), "msg/s")
			})
		}
	}
}

// BenchmarkMosquitto is the same load on mosquitto, without persistence and with it.
func BenchmarkMosquitto(b *testing.B) {
	bin, err := exec.LookPath("mosquitto")
	if err != nil {
		b.Skip("mosquitto is not installed")
	}
	for _, persist := range []string{"", "persistence true\nautosave_on_changes true\nautosave_interval 1\n"} {
		for _, c := range []struct{ clients, window int }{{1, 200}, {50, 20}, {50, 1}} {
			b.Run(fmt.Sprintf("persist=%v/clients=%d/window=%d", persist != "", c.clients, c.window), func(b *testing.B) {
				addr := mosquitto(b, bin, persist)
				n := b.N/c.clients + 1
				b.ResetTimer()
				load(b, addr, c.clients, c.window, n, func(i int) []byte {
					return connectOpt{v: 4, id: fmt.Sprint("x", i), clean: true}.bytes()
				}, func(i int) string { return fmt.Sprint("shared/", i) })
				b.ReportMetric(float64(n*c.clients)/b.Elapsed().Seconds(), "msg/s")
			})
		}
	}
}

// mosquitto starts one on a free port of the loopback and returns its address.
func mosquitto(t testing.TB, bin, conf string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "m.conf")
	_, port, _ := net.SplitHostPort(addr)
	text := "listener " + port + " 127.0.0.1\nallow_anonymous true\nuser root\npersistence_location " + dir + "/\nmax_inflight_messages 0\n" + conf
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "-c", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 200 {
		if nc, err := net.Dial("tcp", addr); err == nil {
			nc.Close()
			return addr
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("mosquitto does not start")
	return ""
}
