//go:build fault

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aielon/edge/node"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/testport"
	"github.com/aielon/edge/node/nodetest/sitebox"
)

// A siteBox is one node of a site, in a process of its own.
type siteBox struct {
	*sitebox.Client
	tb              testing.TB
	net             *siteNet
	at              int
	bin             string
	dir, data       string
	cluster, gossip string // where it listens; the others dial the relay in front of it
	id              string
	cmd             *exec.Cmd
	gone            chan struct{}
}

// siteBuild builds the program as version.
func siteBuild(t *testing.T, version string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "aielon-edge-"+version)
	b := exec.Command("go", "build", "-buildvcs=false", "-ldflags", "-X main.version="+version, "-o", bin, "github.com/aielon/edge/node/cmd/aielon-edge")
	if out, err := b.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return bin
}

// newSiteBox prepares a node. Its directory has a short name: a socket's path may have 107 bytes.
func newSiteBox(t *testing.T, net *siteNet, at int, bin string) *siteBox {
	t.Helper()
	dir, err := os.MkdirTemp("", "site")
	if err != nil {
		t.Fatal(err)
	}
	b := &siteBox{tb: t, net: net, at: at, bin: bin, dir: dir, data: filepath.Join(dir, "data"), cluster: testport.Addr(t), gossip: testport.Addr(t)}
	b.Client = sitebox.NewClient(b.data)
	t.Cleanup(func() {
		b.kill()
		if t.Failed() {
			t.Logf("the end of what node %d said:\n%s", at, b.said(15))
			return
		}
		os.RemoveAll(dir)
	})
	config := fmt.Sprintf(`data_dir = %q
site = "clinic"
[log]
level = "info"
[door]
addr = %q
[mqtt]
addr = "127.0.0.1:0"
[cluster]
addr = %q
advertise = %q
gossip_addr = %q
[storage]
reserve = "1MiB"
min_free = "32MiB"
[host]
every = "0s"
`, b.data, testport.Addr(t), b.cluster, net.listen(at, b.cluster), b.gossip)
	if err := os.WriteFile(b.config(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *siteBox) config() string { return filepath.Join(b.dir, "config.toml") }

// said is the last lines of the node's log.
func (b *siteBox) said(lines int) string {
	text, _ := os.ReadFile(filepath.Join(b.dir, "log"))
	list := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(list[max(0, len(list)-lines):], "\n")
}

func (b *siteBox) start() {
	b.tb.Helper()
	log, err := os.OpenFile(filepath.Join(b.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		b.tb.Fatal(err)
	}
	defer log.Close()
	b.cmd = exec.Command(b.bin, "run", "--config", b.config())
	b.cmd.Stdout, b.cmd.Stderr = log, log
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := b.cmd.Start(); err != nil {
		b.tb.Fatal(err)
	}
	b.net.setPID(b.at, b.cmd.Process.Pid)
	cmd, gone := b.cmd, make(chan struct{})
	b.gone = gone
	go func() { cmd.Wait(); close(gone) }()
}

func (b *siteBox) signal(s syscall.Signal) {
	if b.cmd != nil {
		b.cmd.Process.Signal(s)
	}
}

// kill ends the process as a crash does.
func (b *siteBox) kill() { b.end(syscall.SIGKILL) }

// end sends the process a signal and waits for its end.
func (b *siteBox) end(s syscall.Signal) {
	if b.cmd == nil {
		return
	}
	b.signal(s)
	select {
	case <-b.gone:
	case <-time.After(30 * time.Second):
		b.tb.Errorf("node %d did not end within 30 s", b.at)
		b.signal(syscall.SIGKILL)
		<-b.gone
	}
	b.cmd = nil
	b.Close()
}

// A siteWorld is a site of three nodes and the net between them.
type siteWorld struct {
	t     *testing.T
	net   *siteNet
	boxes [3]*siteBox
}

func newSiteWorld(t *testing.T, bin string) *siteWorld {
	t.Helper()
	w := &siteWorld{t: t, net: newSiteNet(t)}
	for i := range w.boxes {
		w.boxes[i] = newSiteBox(t, w.net, i, bin)
	}
	for i, b := range w.boxes {
		if i > 0 {
			b.join(w.boxes[0])
		}
		b.start()
		w.eventually("node up", func(ctx context.Context) error {
			st, err := b.Status(ctx)
			b.id = st.Node
			return err
		})
	}
	w.settled(3)
	w.net.close(true)
	return w
}

// join makes the stopped box one of host's site with the command a person would use.
func (b *siteBox) join(host *siteBox) {
	b.tb.Helper()
	var inv node.Invitation
	siteWait(b.tb, "invite", func(ctx context.Context) (err error) { inv, err = host.Invite(ctx); return err })
	out, err := exec.Command(b.bin, "join", "--config", b.config(), inv.Addr, inv.Code).CombinedOutput()
	if err != nil {
		b.tb.Fatalf("node %d cannot join: %v: %s", b.at, err, out)
	}
}

func (w *siteWorld) eventually(what string, f func(context.Context) error) {
	w.t.Helper()
	siteWait(w.t, what, f)
}

// siteWait repeats f until it is content, for at most two minutes.
func siteWait(tb testing.TB, what string, f func(context.Context) error) {
	tb.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		err := f(ctx)
		cancel()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			tb.Fatalf("%s: %v", what, err)
		}
	}
}

// settled waits until all nodes agree on who leads and who votes, and the leader can change something.
func (w *siteWorld) settled(voters int) (leader *siteBox) {
	w.t.Helper()
	w.eventually("settle", func(ctx context.Context) error {
		var ids []string
		for _, b := range w.boxes {
			if b.cmd == nil {
				continue
			}
			id, n, err := b.Leader(ctx)
			if err != nil {
				return err
			}
			if n != voters || id == "" {
				return fmt.Errorf("node %d sees %d voters and leader %q", b.at, n, id)
			}
			ids = append(ids, id)
		}
		for _, id := range ids {
			if id != ids[0] {
				return errors.New("the nodes do not agree on who leads")
			}
		}
		leader = w.byID(ids[0])
		_, err := leader.Set(ctx, edge.NewID(), node.SettingSet{Key: "settled", Value: "yes"})
		return err
	})
	return leader
}

func (w *siteWorld) byID(id string) *siteBox {
	for _, b := range w.boxes {
		if b.id == id {
			return b
		}
	}
	w.t.Fatalf("nobody is called %s", id)
	return nil
}
