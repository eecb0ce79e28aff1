// Package pgtest starts a real PostgreSQL server for a test: its own data directory, a unix socket and
// nothing else, fsync on. It uses the server that the system has installed.
package pgtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// A Server is a running PostgreSQL.
type Server struct {
	dir  string // of sockets and data
	bin  string
	cred *syscall.Credential // whom it runs as; nil: ourselves
	cmd  *exec.Cmd
	log  bytes.Buffer
}

// Start starts a server and stops it when the test ends. It skips the test where PostgreSQL is not
// installed, or where we are root and there is no user postgres to run it as.
func Start(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	bin, err := find()
	if err != nil {
		tb.Skipf("PostgreSQL is not tested: %v", err)
	}
	s := &Server{bin: bin}
	if os.Getuid() == 0 {
		if s.cred, err = postgres(); err != nil {
			tb.Skipf("PostgreSQL is not tested: it refuses to run as root, and %v", err)
		}
	}
	if s.dir, err = os.MkdirTemp("/tmp", "pg"); err != nil { // short: a socket's path has 107 bytes
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Stop(); os.RemoveAll(s.dir) })
	if s.cred != nil {
		if err := os.Chown(s.dir, int(s.cred.Uid), int(s.cred.Gid)); err != nil {
			tb.Fatal(err)
		}
	}
	out, err := s.command("initdb", "-D", s.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync").CombinedOutput()
	if err != nil {
		tb.Fatalf("initdb: %v\n%s", err, out)
	}
	if err := s.Run(settings...); err != nil {
		tb.Fatal(err)
	}
	return s
}

// find looks in the path and where Debian, Red Hat and others keep the newest server.
func find() (string, error) {
	if p, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(p), nil
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/postgres", "/usr/pgsql-*/bin/postgres", "/usr/local/pgsql/bin/postgres"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return filepath.Dir(found[len(found)-1]), nil
		}
	}
	return "", fmt.Errorf("no server is installed")
}

func postgres() (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("there is no user postgres")
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err1 != nil || err2 != nil {
		return nil, fmt.Errorf("the user postgres has no number")
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), NoSetGroups: true}, nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"LC_ALL=C", "PATH=" + s.bin + ":/usr/bin:/bin", "HOME=" + s.dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred}
	return cmd
}

// URL is what pgx connects to.
func (s *Server) URL() string {
	return "host=" + s.dir + " port=5432 user=postgres dbname=postgres sslmode=disable"
}

// Run starts the server on its data and returns when it answers. settings are "name=value".
func (s *Server) Run(settings ...string) error {
	args := []string{"-D", s.data(), "-k", s.dir, "-h", "", "-c", "fsync=on", "-c", "shared_buffers=32MB", "-c", "max_connections=30"}
	for _, x := range settings {
		args = append(args, "-c", x)
	}
	s.log.Reset()
	s.cmd = s.command("postgres", args...)
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var c *pgx.Conn
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		if c, err = pgx.Connect(ctx, s.URL()); err == nil {
			c.Close(ctx)
			cancel()
			return nil
		}
		cancel()
	}
	s.Stop()
	return fmt.Errorf("the server does not answer: %w\n%s", err, s.log.String())
}

// Stop asks the server to end at once but in order.
func (s *Server) Stop() { s.end(syscall.SIGINT) }

// Kill ends the server as a power cut would, without a chance to flush anything.
func (s *Server) Kill() { s.end(syscall.SIGQUIT) }

func (s *Server) end(sig syscall.Signal) {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	s.cmd.Process.Signal(sig)
	s.cmd.Wait()
	s.cmd = nil
}
