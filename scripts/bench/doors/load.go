package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/aielon/edge/node/api/nodev1"
)

// A target is one door of one server.
type target struct {
	name  string // "REST"
	whose string // "aielon-edge", "huma"
	pid   int
	open  func(ctx context.Context) (ask func(ctx context.Context) error, err error)
}

const clients = 16

// measure is the server's processor time for one request, in microseconds, and how many it answered a second.
func (t target) measure(ctx context.Context, span time.Duration) (cpu, rate float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, span+30*time.Second)
	defer cancel()
	asks := make([]func(context.Context) error, clients)
	for i := range asks {
		if asks[i], err = t.open(ctx); err != nil {
			return 0, 0, fmt.Errorf("%s of %s: %w", t.name, t.whose, err)
		}
		if err := asks[i](ctx); err != nil {
			return 0, 0, fmt.Errorf("%s of %s: %w", t.name, t.whose, err)
		}
	}
	var n atomic.Int64
	var failed atomic.Pointer[error]
	before, began := cpuOf(t.pid), time.Now()
	var wg sync.WaitGroup
	for _, ask := range asks {
		wg.Go(func() {
			for time.Since(began) < span {
				if err := ask(ctx); err != nil {
					failed.Store(&err)
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	if e := failed.Load(); e != nil {
		return 0, 0, fmt.Errorf("%s of %s: %w", t.name, t.whose, *e)
	}
	took := time.Since(began)
	return float64((cpuOf(t.pid) - before).Microseconds()) / float64(n.Load()), float64(n.Load()) / took.Seconds(), nil
}

// cpuOf is the processor time a process has used (proc(5): utime and stime, in hundredths of a second).
func cpuOf(pid int) time.Duration {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+2:]))
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// overHTTP asks by one request of HTTP/1.1, on a connection of its own.
func overHTTP(method, url, token, body string) func(context.Context) (func(context.Context) error, error) {
	return func(context.Context) (func(context.Context) error, error) {
		c := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
		return func(ctx context.Context) error {
			r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
			if err != nil {
				return err
			}
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Accept-Encoding", "identity")
			if body != "" {
				r.Header.Set("Content-Type", "application/json")
			}
			a, err := c.Do(r)
			if err != nil {
				return err
			}
			defer a.Body.Close()
			b, err := io.ReadAll(a.Body)
			if err == nil && (a.StatusCode != http.StatusOK || !bytes.Contains(b, []byte(`8-18`))) {
				err = fmt.Errorf("answered %s: %s", a.Status, b)
			}
			return err
		}, nil
	}
}

func overGRPC(addr, token string) func(context.Context) (func(context.Context) error, error) {
	return func(context.Context) (func(context.Context) error, error) {
		c, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) error {
			out := &nodev1.Setting{}
			err := c.Invoke(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token), "/aielon.node.v1.Settings/GetSetting", &nodev1.GetSettingRequest{Key: "hours"}, out)
			if err == nil && out.GetValue() != "8-18" {
				err = fmt.Errorf("answered %v", out)
			}
			return err
		}, nil
	}
}

func overWebSocket(addr, token string) func(context.Context) (func(context.Context) error, error) {
	return func(ctx context.Context) (func(context.Context) error, error) {
		c, _, err := websocket.Dial(ctx, "ws://"+addr+"/ws", &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
		if err != nil {
			return nil, err
		}
		id := 0
		return func(ctx context.Context) error {
			id++
			q, _ := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "method": "node.get_setting", "params": map[string]string{"key": "hours"}})
			if err := c.Write(ctx, websocket.MessageText, q); err != nil {
				return err
			}
			_, b, err := c.Read(ctx)
			if err == nil && !bytes.Contains(b, []byte(`8-18`)) {
				err = fmt.Errorf("answered %s", b)
			}
			return err
		}, nil
	}
}
