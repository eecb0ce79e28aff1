package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// puts writes values of l.size bytes from l.clients clients, spread evenly over the members, each waiting
// for its answer. As many gRPC connections are used as the etcd project's own benchmark needs: one for
// every client.
func puts(l load) error {
	urls := strings.Split(l.url, ",")
	clients := make([]*clientv3.Client, l.clients)
	for i := range clients {
		c, err := clientv3.New(clientv3.Config{Endpoints: []string{urls[i%len(urls)]}, DialTimeout: 5 * time.Second})
		if err != nil {
			return err
		}
		defer c.Close()
		clients[i] = c
		if _, err := c.Get(context.Background(), "bench"); err != nil {
			return err
		}
	}
	value := strings.Repeat("v", l.size)
	ctx, cancel := context.WithTimeout(context.Background(), l.span+time.Minute)
	defer cancel()
	var done atomic.Int64
	errs := make([]error, l.clients)
	began := time.Now()
	end := began.Add(l.span)
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() {
			for n := 0; time.Now().Before(end) && errs[i] == nil; n++ {
				_, errs[i] = c.Put(ctx, fmt.Sprintf("bench/%d/%d", i, n%16), value)
				done.Add(1)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	fmt.Println("rate", float64(done.Load())/time.Since(began).Seconds())
	return nil
}
