//go:build unix

package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"github.com/coder/websocket"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/aielon/edge/node/api/nodev1"
)

// BenchmarkDoors reads one setting through every door: "wire" over a real connection, with client and server in one
// process, so that the CPU of both is counted; "alone" without one, where the door's own work is. On a busy machine
// compare cpu-µs/op (user and system time of this process), not ns/op.
func BenchmarkDoors(b *testing.B) {
	bench := newBench(b)
	bench.do("PUT", "/v1/settings/hours", "good", `{"value":"8-18"}`)
	srv := serveBoth(b, bench.h)
	m, _ := bench.g.o.Methods.ByProcedure("/aielon.node.v1.Settings/GetSetting")
	in := &nodev1.GetSettingRequest{Key: "hours"}
	check := func(b *testing.B, s *nodev1.Setting, err error) {
		if err != nil || s.GetValue() != "8-18" {
			b.Fatal(s, err)
		}
	}
	post := func(path, body string) func(*testing.B) {
		return func(b *testing.B) {
			defer cpu(b)()
			for b.Loop() {
				r, _ := http.NewRequest("POST", srv.URL+path, strings.NewReader(body))
				if body == "" {
					r.Method = "GET"
				} else {
					r.Header.Set("Content-Type", "application/json")
				}
				r.Header.Set("Authorization", "Bearer good")
				res, err := http.DefaultClient.Do(r)
				if err != nil {
					b.Fatal(err)
				}
				all, _ := io.ReadAll(res.Body)
				res.Body.Close()
				if !bytes.Contains(all, []byte(`"value":"8-18"`)) {
					b.Fatalf("%s", all)
				}
			}
		}
	}
	alone := func(path, body string) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			defer cpu(b)()
			for b.Loop() {
				verb := "POST"
				if body == "" {
					verb = "GET"
				}
				if w := bench.do(verb, path, "good", body); w.Code != 200 {
					b.Fatal(w.Body)
				}
			}
		}
	}
	query := gql(`{ setting(key: "hours") { key value version changed by } }`)
	b.Run("wire/REST", post("/v1/settings/hours", ""))
	b.Run("wire/GraphQL", post("/graphql", query))
	b.Run("wire/Connect", post(m.Spec.Procedure, `{"key":"hours"}`))
	b.Run("alone/REST", alone("/v1/settings/hours", ""))
	b.Run("alone/GraphQL", alone("/graphql", query))
	b.Run("alone/Connect", alone(m.Spec.Procedure, `{"key":"hours"}`))
	b.Run("wire/gRPC", func(b *testing.B) {
		conn, err := grpc.NewClient(srv.Listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer good")
		defer cpu(b)()
		for b.Loop() {
			out := &nodev1.Setting{}
			check(b, out, conn.Invoke(ctx, m.Spec.Procedure, in, out))
		}
	})
	b.Run("wire/gRPC-Web", func(b *testing.B) {
		client := connect.NewClient(connecthttp.NewTransport(http.DefaultClient, srv.URL, connecthttp.WithGRPCWeb()))
		defer cpu(b)()
		for b.Loop() {
			ctx, info := connect.NewClientContext(context.Background())
			info.RequestHeader().Set("Authorization", "Bearer good")
			out := &nodev1.Setting{}
			check(b, out, client.CallUnary(ctx, m.Spec, in, out))
		}
	})
	b.Run("wire/WebSocket", func(b *testing.B) {
		c := dialRPC(b, srv, "good")
		defer cpu(b)()
		for i := 0; b.Loop(); i++ {
			if got := c.call(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"node.get_setting","params":{"key":"hours"}}`, i)); !strings.Contains(got, `"value":"8-18"`) {
				b.Fatal(got)
			}
		}
		c.Close(websocket.StatusNormalClosure, "")
	})
}

// cpu measures the processor time of this process until the function it returns is called.
func cpu(b *testing.B) func() {
	used := func() time.Duration {
		var r unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
			b.Fatal(err)
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	began := used()
	return func() { b.ReportMetric(float64((used()-began).Microseconds())/float64(b.N), "cpu-µs/op") }
}
