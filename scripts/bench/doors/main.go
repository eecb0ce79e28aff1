// Command doors measures what one small read costs a server at each door of a node, beside the same read served by
// grpc-go, huma and gqlgen. `doors -serve KIND` is one of those servers.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	kind := flag.String("serve", "", "be a peer: huma, gqlgen or grpc")
	bin := flag.String("bin", "bin/aielon-edge", "the program under test")
	rounds := flag.Int("runs", 5, "how often each figure is taken")
	span := flag.Duration("span", 3*time.Second, "length of one measurement")
	only := flag.String("only", "", "measure servers and doors whose \"server door\" matches this expression")
	flag.Parse()
	err := error(nil)
	if *kind != "" {
		err = serve(*kind)
	} else {
		err = compare(*bin, *only, *rounds, *span)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "doors:", err)
		os.Exit(1)
	}
}

func compare(bin, only string, rounds int, span time.Duration) error {
	dir, err := os.MkdirTemp(".", ".doors-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	targets, stop, err := start(ctx, bin, dir)
	defer stop()
	if err != nil {
		return err
	}
	wanted, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	targets = slices.DeleteFunc(targets, func(t target) bool { return !wanted.MatchString(t.whose + " " + t.name) })
	cpu, rate := make([][]float64, len(targets)), make([][]float64, len(targets))
	for range rounds { // in turn, so that a busy machine slows all alike
		for i, t := range targets {
			c, r, err := t.measure(ctx, span)
			if err != nil {
				return err
			}
			cpu[i], rate[i] = append(cpu[i], c), append(rate[i], r)
		}
	}
	peers := map[string]float64{} // by door, and the cheapest of all
	for i, t := range targets {
		if m := median(cpu[i]); t.whose != "aielon-edge" {
			peers[t.name] = m
			if peers[""] == 0 || m < peers[""] {
				peers[""] = m
			}
		}
	}
	fmt.Println("| door | server | µs of processor a request (least to most) | requests/s | of its peer | of the cheapest peer |\n|---|---|---:|---:|---:|---:|")
	for i, t := range targets {
		m := median(cpu[i])
		fmt.Printf("| %s | %s | %.0f (%.0f to %.0f) | %.0f | %.2fx | %.2fx |\n", t.name, t.whose, m, slices.Min(cpu[i]), slices.Max(cpu[i]), median(rate[i]), m/peers[counterpart[t.name]], m/peers[""])
	}
	return nil
}

// counterpart is the peer's door that does the same work. JSON over a POST is REST by another name; nobody else here
// has JSON-RPC over WebSocket.
var counterpart = map[string]string{"REST": "REST", "Connect": "REST", "GraphQL": "GraphQL", "gRPC": "gRPC", "WebSocket": ""}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}

// start starts the node and the peers and lists their doors.
func start(ctx context.Context, bin, dir string) (list []target, stop func(), err error) {
	var running []*exec.Cmd
	stop = func() {
		for _, c := range running {
			c.Process.Signal(syscall.SIGTERM)
			c.Wait()
		}
	}
	node, base, token, err := startNode(ctx, bin, dir)
	if node != nil {
		running = append(running, node)
	}
	if err != nil {
		return nil, stop, err
	}
	addr, pid := strings.TrimPrefix(base, "http://"), node.Process.Pid
	gql := `{"query":"query($k:String!){setting(key:$k){key value version changed by}}","variables":{"k":"hours"}}`
	list = []target{
		{"REST", "aielon-edge", pid, overHTTP("GET", base+"/v1/settings/hours", token, "")},
		{"GraphQL", "aielon-edge", pid, overHTTP("POST", base+"/graphql", token, gql)},
		{"Connect", "aielon-edge", pid, overHTTP("POST", base+"/aielon.node.v1.Settings/GetSetting", token, `{"key":"hours"}`)},
		{"gRPC", "aielon-edge", pid, overGRPC(addr, token)},
		{"WebSocket", "aielon-edge", pid, overWebSocket(addr, token)},
	}
	for _, kind := range []string{"huma", "gqlgen", "grpc"} {
		c, at, err := startPeer(ctx, kind)
		if err != nil {
			return nil, stop, err
		}
		running = append(running, c)
		switch kind {
		case "huma":
			list = append(list, target{"REST", kind, c.Process.Pid, overHTTP("GET", "http://"+at+"/v1/settings/hours", peerToken, "")})
		case "gqlgen":
			list = append(list, target{"GraphQL", kind, c.Process.Pid, overHTTP("POST", "http://"+at+"/", peerToken, gql)})
		default:
			list = append(list, target{"gRPC", "grpc-go", c.Process.Pid, overGRPC(at, peerToken)})
		}
	}
	return list, stop, nil
}

func startPeer(ctx context.Context, kind string) (*exec.Cmd, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	c := exec.CommandContext(ctx, self, "-serve", kind)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := c.Start(); err != nil {
		return nil, "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	return c, strings.TrimSpace(line), err
}

// startNode starts a node, sets it up and returns a service token that may read settings.
func startNode(ctx context.Context, bin, dir string) (*exec.Cmd, string, string, error) {
	addr := freeAddr()
	conf := filepath.Join(dir, "node.toml")
	text := fmt.Sprintf("data_dir = %q\nsite = \"doors\"\n[door]\naddr = %q\ncaller_rate = 1000000\n[mqtt]\naddr = \"\"\n[log]\nlevel = \"warn\"\n", filepath.Join(dir, "data"), addr)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, "", "", err
	}
	c := exec.CommandContext(ctx, bin, "run", "--config", conf)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, "", "", err
	}
	if err := c.Start(); err != nil {
		return nil, "", "", err
	}
	code := ""
	for lines := bufio.NewScanner(out); code == "" && lines.Scan(); {
		if _, after, ok := strings.Cut(lines.Text(), "enter the code "); ok {
			code = after
		}
	}
	go io.Copy(io.Discard, out)
	token, err := prepare("http://"+addr, code)
	return c, "http://" + addr, token, err
}

// prepare sets the node up, writes the setting that is read, and returns the session's secret.
func prepare(base, code string) (string, error) {
	var signed struct{ Session string }
	if err := post("POST", base+"/v1/setup", "", map[string]any{"code": code, "login": "bench", "password": "a long bench password"}, &signed); err != nil {
		return "", err
	}
	return signed.Session, post("PUT", base+"/v1/settings/hours", signed.Session, map[string]any{"value": "8-18"}, &struct{}{})
}

func post(method, url, token string, in, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequest(method, url, bytes.NewReader(b))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	b, err = io.ReadAll(a.Body)
	if err != nil || a.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s: %s", url, a.Status, b)
	}
	return json.Unmarshal(b, out)
}

func freeAddr() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "127.0.0.1:18480"
	}
	defer l.Close()
	return l.Addr().String()
}
