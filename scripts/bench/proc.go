package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A proc is a server that was started for one measurement.
type proc struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
}

// start runs a program with its output in a file beside its data.
func (b *bench) start(name, log string, args ...string) (*proc, error) {
	f, err := os.Create(filepath.Join(b.dir, log+".log"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &proc{cmd: cmd, log: f.Name(), done: make(chan struct{})}
	go func() { cmd.Wait(); close(p.done) }()
	if b.hold != nil {
		if err := b.hold.take(cmd.Process.Pid); err != nil {
			p.kill()
			return nil, fmt.Errorf("%s cannot be held back: %w", name, err)
		}
	}
	return p, nil
}

// kill ends the process, gently first, and waits for it.
func (p *proc) kill() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		p.cmd.Process.Kill()
		<-p.done
	}
}

// await returns once ok does, the process has ended or time is up.
func (p *proc) await(limit time.Duration, ok func() bool) error {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return nil
		}
		select {
		case <-p.done:
			return p.failed("ended")
		default:
		}
	}
	return p.failed("is not ready")
}

func (p *proc) failed(how string) error {
	out, _ := os.ReadFile(p.log)
	return fmt.Errorf("%s %s:\n%s", filepath.Base(p.cmd.Path), how, out[max(0, len(out)-2000):])
}

func (p *proc) listens(addr string) func() bool {
	return func() bool {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			c.Close()
		}
		return err == nil
	}
}

func (p *proc) file(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), name))
}

// pss is the process's proportional share of memory, in bytes (proc(5), smaps_rollup).
func (p *proc) pss() (float64, error) {
	kb, err := p.field("smaps_rollup", "Pss:")
	return kb * 1024, err
}

// written is what the process caused to be written to disks, in bytes (proc(5), io).
func (p *proc) written() (float64, error) { return p.field("io", "write_bytes:") }

func (p *proc) field(file, name string) (float64, error) {
	b, err := p.file(file)
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(b) {
		if f := strings.Fields(string(line)); len(f) > 1 && f[0] == name {
			return strconv.ParseFloat(f[1], 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", file, name)
}

// cpu is the processor time used so far, user and system (proc(5), stat; 100 ticks a second on Linux).
func (p *proc) cpu() (time.Duration, error) {
	b, err := p.file("stat")
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 13 {
		return 0, errors.New("stat is too short")
	}
	user, err1 := strconv.Atoi(f[11])
	system, err2 := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err1, err2)
}

// freeAddr is a loopback address that nobody listens on.
func freeAddr() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "127.0.0.1:0"
	}
	defer l.Close()
	return l.Addr().String()
}

func port(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

// find looks for a program among the peers, in PATH, and where Debian keeps servers.
func (b *bench) find(name string) string {
	for _, p := range []string{filepath.Join(b.peers, name), name, "/usr/sbin/" + name} {
		if full, err := exec.LookPath(p); err == nil {
			return full
		}
	}
	fmt.Printf("skipped: %s is not installed\n", name)
	return ""
}

// show writes a peer's configuration to a file and to the report.
func (b *bench) show(name, text string) (string, error) {
	path := filepath.Join(b.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o600)
}
