package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A box is one running aielon-edge.
type box struct {
	*proc
	dir    string
	config string
	mqtt   string
	door   string
	http   *http.Client
}

// config writes a configuration of our own; what is not said keeps its default.
func (b *bench) config(name, extra string) (*box, error) {
	x := &box{dir: filepath.Join(b.dir, name), mqtt: freeAddr(), door: freeAddr()}
	role, site := "node", "clinic"
	if strings.HasPrefix(extra, "[hub]") {
		role, site = "hub", "region"
	}
	text := fmt.Sprintf("data_dir = %q\nrole = %q\nsite = %q\nregion = \"bench\"\n[log]\nlevel = \"warn\"\n[door]\naddr = %q\ncaller_rate = 1000000\n[mqtt]\naddr = %q\n%s", x.dir, role, site, x.door, x.mqtt, extra)
	x.config = x.dir + ".toml"
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", x.socket())
	}
	x.http = &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 1024}, Timeout: time.Minute}
	return x, os.WriteFile(x.config, []byte(text), 0o600)
}

// socket is where the command line and programs of the box reach it.
func (x *box) socket() string { return filepath.Join(x.dir, "control.sock") }

// up starts the box and waits until it says that it is ready. It returns how long that took.
func (b *bench) up(x *box) (took time.Duration, err error) {
	began := time.Now()
	if x.proc, err = b.start(b.edge, filepath.Base(x.dir), "run", "--config", x.config); err != nil {
		return 0, err
	}
	c := &http.Client{Timeout: time.Second}
	err = x.await(30*time.Second, func() bool {
		r, err := c.Get("http://" + x.door + "/readyz")
		if err != nil {
			return false
		}
		r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
	took = time.Since(began)
	if err != nil {
		x.kill()
	}
	return took, err
}

// box is config and up.
func (b *bench) box(name, extra string) (*box, error) {
	x, err := b.config(name, extra)
	if err != nil {
		return nil, err
	}
	_, err = b.up(x)
	return x, err
}

// call asks a box over its local socket.
func (x *box) call(method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequest(method, "http://node"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	a, err := x.http.Do(r)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s %v", method, path, a.Status, b, err)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

// devices registers as many devices as publishers are wanted and returns their passwords.
func (x *box) devices(n int) ([]string, error) {
	passwords := make([]string, n)
	for i := range passwords {
		var c struct{ Password string }
		if err := x.call("POST", "/v1/devices", map[string]string{"id": deviceName(i)}, &c); err != nil {
			return nil, err
		}
		passwords[i] = c.Password
	}
	return passwords, nil
}

func deviceName(i int) string { return fmt.Sprintf("bench-%d", i) }

// An invitation is a one-time code and where to use it.
type invitation struct{ Code, Addr string }

func (x *box) invite(role string) (i invitation, err error) {
	return i, x.call("POST", "/v1/invites", map[string]string{"role": role}, &i)
}

// join runs the join command of a box, running or not.
func (b *bench) join(x *box, i invitation) error {
	out, err := exec.CommandContext(b.ctx, b.edge, "join", "--config", x.config, i.Addr, i.Code).CombinedOutput()
	if err != nil {
		return fmt.Errorf("join: %w: %s", err, out)
	}
	return nil
}
