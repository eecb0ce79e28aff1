package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// ingest publishes to a stream on disk; each publisher has its own connection.
func ingest(l load) error {
	conns := make([]nats.JetStreamContext, l.publishers)
	for i := range conns {
		nc, err := nats.Connect(l.url)
		if err != nil {
			return err
		}
		defer nc.Close()
		if conns[i], err = nc.JetStream(nats.PublishAsyncMaxPending(l.window)); err != nil {
			return err
		}
	}
	conns[0].DeleteStream("BENCH")
	if _, err := conns[0].AddStream(&nats.StreamConfig{Name: "BENCH", Subjects: []string{"bench.>"}, Storage: nats.FileStorage}); err != nil {
		return err
	}
	var acked atomic.Int64
	began := time.Now()
	end := began.Add(l.span)
	errs := make([]error, l.publishers)
	var wg sync.WaitGroup
	for i, js := range conns {
		wg.Go(func() { errs[i] = publish(js, i, l.window, end, &acked) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	fmt.Println("rate", float64(acked.Load())/time.Since(began).Seconds())
	return nil
}

// publish keeps at most window messages unacknowledged and waits for all of them in the end.
func publish(js nats.JetStreamContext, seed, window int, end time.Time, acked *atomic.Int64) error {
	subject := fmt.Sprintf("bench.%d", seed)
	waiting := make([]nats.PubAckFuture, 0, window)
	for n := 0; time.Now().Before(end) || len(waiting) > 0; n++ {
		if len(waiting) == window || !time.Now().Before(end) {
			select {
			case <-waiting[0].Ok():
				acked.Add(1)
			case err := <-waiting[0].Err():
				return err
			}
			waiting = append(waiting[:0], waiting[1:]...)
			if !time.Now().Before(end) {
				continue
			}
		}
		f, err := js.PublishAsync(subject, payload(seed, n))
		if err != nil {
			return err
		}
		waiting = append(waiting, f)
	}
	return nil
}

// streams makes the leaf's two streams and the hub's that draw from them.
func streams(l load) error {
	for _, s := range []struct {
		url, domain string
		hub         bool
	}{{l.url, "leaf", false}, {l.hub, "hub", true}} {
		nc, err := nats.Connect(s.url)
		if err != nil {
			return err
		}
		defer nc.Close()
		js, err := nc.JetStream()
		if err != nil {
			return err
		}
		for _, name := range []string{"BULK", "URG"} {
			c := &nats.StreamConfig{Name: name, Subjects: []string{"leaf." + name}, Storage: nats.FileStorage}
			if s.hub {
				c.Name, c.Subjects = "HUB"+name, nil
				c.Sources = []*nats.StreamSource{{Name: name, External: &nats.ExternalStream{APIPrefix: "$JS.leaf.API"}}}
			}
			if _, err := js.AddStream(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// backlog fills the leaf's stream.
func backlog(l load) error {
	nc, err := nats.Connect(l.url)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := nc.JetStream(nats.PublishAsyncMaxPending(256))
	if err != nil {
		return err
	}
	for n := range l.count {
		if _, err := js.PublishAsync("leaf.BULK", payload(n%100, n)); err != nil {
			return err
		}
	}
	select {
	case <-js.PublishAsyncComplete():
		return nil
	case <-time.After(time.Minute):
		return fmt.Errorf("the backlog is not acknowledged")
	}
}

// drains waits until the first of the backlog has reached the hub.
func drains(l load) error {
	nc, err := nats.Connect(l.hub)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := nc.JetStream()
	if err != nil {
		return err
	}
	for end := time.Now().Add(2 * time.Minute); has(js, "HUBBULK") == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("nothing of the backlog comes")
		}
	}
	return nil
}

// urgent publishes a message at the leaf and waits until the hub has it, again and again for the span. It
// prints each wait in ms and how many of the backlog had come.
func urgent(l load) error {
	nc, err := nats.Connect(l.url)
	if err != nil {
		return err
	}
	defer nc.Close()
	hc, err := nats.Connect(l.hub)
	if err != nil {
		return err
	}
	defer hc.Close()
	leaf, err := nc.JetStream()
	if err != nil {
		return err
	}
	hub, err := hc.JetStream()
	if err != nil {
		return err
	}
	before, end := has(hub, "HUBBULK"), time.Now().Add(l.span)
	for n := uint64(1); time.Now().Before(end); n++ {
		sent := time.Now()
		if _, err := leaf.Publish("leaf.URG", payload(99, int(n))); err != nil {
			return err
		}
		for has(hub, "HUBURG") < n && time.Now().Before(end) {
			time.Sleep(5 * time.Millisecond)
		}
		if has(hub, "HUBURG") < n {
			fmt.Printf("open %d\n", time.Since(sent).Milliseconds())
			break
		}
		fmt.Printf("trip%d %d\n", n, time.Since(sent).Milliseconds())
		time.Sleep(time.Second)
	}
	fmt.Printf("drained %d\n", has(hub, "HUBBULK")-before)
	return nil
}

func has(js nats.JetStreamContext, stream string) uint64 {
	i, err := js.StreamInfo(stream)
	if err != nil {
		return 0
	}
	return i.State.Msgs
}
