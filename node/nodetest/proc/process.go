package proc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A Process is one node of the built program. Its methods are for one goroutine; the clients of it may be
// used from any.
type Process struct {
	Name   string
	Dir    string // of the configuration and of what it says
	Data   string
	config string
	tb     testing.TB

	mu  sync.Mutex // guards cmd, done
	cmd *exec.Cmd
	end chan struct{} // closed when the process has ended
}

// program is the program under test: $AIELON_EDGE, or bin/aielon-edge of this tree.
func program(tb testing.TB) string {
	tb.Helper()
	if b := os.Getenv("AIELON_EDGE"); b != "" {
		return b
	}
	for dir, _ := os.Getwd(); dir != "/"; dir = filepath.Dir(dir) {
		if b := filepath.Join(dir, "bin", "aielon-edge"); isFile(b) && isFile(filepath.Join(dir, "go.mod")) {
			return b
		}
	}
	tb.Skip("there is no built program: run make build, or set AIELON_EDGE")
	return ""
}

func isFile(path string) bool {
	i, err := os.Stat(path)
	return err == nil && i.Mode().IsRegular()
}

// New prepares a node with the configuration given; data is its data directory. It is killed with the test.
func New(tb testing.TB, name, dir, data, config string) *Process {
	tb.Helper()
	p := &Process{Name: name, Dir: dir, Data: data, config: filepath.Join(dir, name+".toml"), tb: tb}
	if err := os.WriteFile(p.config, []byte(fmt.Sprintf("data_dir = %q\n%s", data, config)), 0o600); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Kill)
	return p
}

// Start starts the process and returns at once.
func (p *Process) Start() {
	p.tb.Helper()
	if err := p.start(); err != nil {
		p.tb.Fatalf("%s cannot be started: %v", p.Name, err)
	}
}

func (p *Process) start() error {
	log, err := os.OpenFile(p.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(program(p.tb), "run", "--config", p.config)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	end := make(chan struct{})
	p.mu.Lock()
	p.cmd, p.end = cmd, end
	p.mu.Unlock()
	go func() { cmd.Wait(); close(end) }()
	return nil
}

// Kill ends the process as kill -9 does, and returns when it is gone. A process that does not run is left.
func (p *Process) Kill() { p.signal(syscall.SIGKILL, 20*time.Second) }

// Stop asks the process to end and reports whether it did so within the time, with success.
func (p *Process) Stop(limit time.Duration) error {
	if !p.signal(syscall.SIGTERM, limit) {
		p.Kill()
		return fmt.Errorf("%s did not stop within %v", p.Name, limit)
	}
	if code := p.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with %d: %s", p.Name, code, p.Log(5))
	}
	return nil
}

func (p *Process) signal(s syscall.Signal, limit time.Duration) bool {
	p.mu.Lock()
	cmd, end := p.cmd, p.end
	p.mu.Unlock()
	if cmd == nil {
		return true
	}
	cmd.Process.Signal(s)
	select {
	case <-end:
		return true
	case <-time.After(limit):
		return false
	}
}

// Running reports whether the process lives.
func (p *Process) Running() bool {
	p.mu.Lock()
	cmd, end := p.cmd, p.end
	p.mu.Unlock()
	if cmd == nil {
		return false
	}
	select {
	case <-end:
		return false
	default:
		return true
	}
}

// ExitCode is that of the last process, -1 where a signal ended it.
func (p *Process) ExitCode() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.ProcessState.ExitCode()
}

// errEnded is what waiting for a process that ended by itself comes to.
var errEnded = errors.New("the process has ended by itself")

// WaitReady returns how long the node took from now until it was ready.
func (p *Process) WaitReady(limit time.Duration) (time.Duration, error) {
	began, c := time.Now(), p.Control()
	defer c.Close()
	for time.Since(began) < limit {
		if !p.Running() {
			return 0, fmt.Errorf("%s: %w: %s", p.Name, errEnded, p.Log(8))
		}
		if _, err := c.Status(); err == nil && c.leads() {
			return time.Since(began), nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return 0, fmt.Errorf("%s is not ready after %v: %s", p.Name, limit, p.Log(8))
}

// Up starts the process and waits until it is ready.
func (p *Process) Up() time.Duration {
	p.tb.Helper()
	p.Start()
	d, err := p.WaitReady(60 * time.Second)
	if err != nil {
		p.tb.Fatal(err)
	}
	return d
}

func (p *Process) logFile() string { return filepath.Join(p.Dir, p.Name+".log") }

// Log returns the last lines the process has written, over all its lives.
func (p *Process) Log(lines int) string {
	b, err := os.ReadFile(p.logFile())
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// Panics counts what a program that ends in order never writes.
func (p *Process) Panics() int {
	b, _ := os.ReadFile(p.logFile())
	n := 0
	for _, mark := range []string{"panic: ", "fatal error: ", "SIGBUS", "unexpected fault address", "SIGSEGV", "panicked: "} {
		n += strings.Count(string(b), mark)
	}
	return n
}

// Command runs a command of the program against the node and returns what it said.
func (p *Process) Command(args ...string) (string, error) {
	p.tb.Helper()
	out, err := exec.Command(program(p.tb), append(args, "--config", p.config)...).CombinedOutput()
	return string(out), err
}

// Restore makes the data directory of the node, which must not be there, out of a backup and a copy of its key.
func (p *Process) Restore(archive, key string) error {
	p.tb.Helper()
	if out, err := p.Command("restore", archive, "--key", key); err != nil {
		return fmt.Errorf("%s cannot be restored: %w: %s", p.Name, err, out)
	}
	return nil
}
