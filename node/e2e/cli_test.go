//go:build e2e

package e2e

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/aielon/edge/node/cli"
)

// TestMain makes this very test binary the program that the scripts run.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"aielon-edge": program})
}

func program() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, "v1.2.3")
	stop()
	os.Exit(code)
}

// TestCLI runs testdata/script. The scripts can be read as a manual of the command line.
func TestCLI(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("NOT_UTF8", "fri\xff\xfege")
			e.Setenv("SOMEBODY", strings.Repeat("0123456789abcdef", 4)) // a node's id
			e.Setenv("RED", "\x1b[31mred\u202egnihton")
			return nil
		},
		Condition: func(cond string) (bool, error) { return cond == "root" && os.Geteuid() == 0, nil },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await": await, "exits": exits, "publish": publish, "field": field, "nobody": nobody, "sleep": sleep, "flip": flip, "cut": cut, "mode": mode,
		},
	})
}

func usage(ts *testscript.TestScript, ok bool, text string) {
	if !ok {
		ts.Fatalf("usage: %s", text)
	}
}

// await PATTERN PROGRAM ARG... runs a program until it prints what is waited for.
func await(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) > 1 && !neg, "await pattern program [arg...]")
	want := regexp.MustCompile("(?m)" + args[0])
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		out, err := command(ts, args[1:]).Output()
		if err != nil || !want.Match(out) {
			continue
		}
		// Once more, for the script to look at.
		if err := ts.Exec(args[1], args[2:]...); err == nil && want.MatchString(ts.ReadFile("stdout")) {
			return
		}
	}
	ts.Fatalf("%q did not come", args[0])
}

// command prepares a program of the script with its surroundings.
func command(ts *testscript.TestScript, args []string) *exec.Cmd {
	path := args[0]
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if p := filepath.Join(dir, path); !filepath.IsAbs(path) {
			if _, err := os.Stat(p); err == nil {
				path = p
			}
		}
	}
	cmd := exec.Command(path, args[1:]...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), []string{"HOME=/", "AIELON_CONFIG=" + ts.Getenv("AIELON_CONFIG")}
	return cmd
}

// exits CODE PROGRAM ARG... runs a program that must end with the code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) > 1 && !neg, "exits code program [arg...]")
	code := 0
	err := ts.Exec(args[1], args[2:]...)
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		code = e.ExitCode()
	} else if err != nil {
		ts.Fatalf("%s cannot run: %v", args[1], err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%s ended with %d, want %s", args[1], code, args[0])
	}
}

// field NAME FILE PATTERN makes the first group of what matches in the file a variable.
func field(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) == 3 && !neg, "field name file pattern")
	m := regexp.MustCompile("(?m)" + args[2]).FindStringSubmatch(ts.ReadFile(args[1]))
	if len(m) != 2 {
		ts.Fatalf("%s holds nothing like %q", args[1], args[2])
	}
	ts.Setenv(args[0], m[1])
}

var example = regexp.MustCompile(`mosquitto_pub -h (\S+) -p (\S+) -u (\S+) -P (\S+) `)

// publish FILE TOPIC MESSAGE [COUNT] publishes with the credentials that "devices add" printed into the
// file, and waits for each acknowledgement. "! publish" must be refused.
func publish(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) == 3 || len(args) == 4, "publish file topic message [count]")
	m := example.FindStringSubmatch(ts.ReadFile(args[0]))
	if m == nil {
		ts.Fatalf("%s is not what devices add prints", args[0])
	}
	count := 1
	if len(args) == 4 {
		count, _ = strconv.Atoi(args[3])
	}
	err := publishAll(paho.NewClientOptions().AddBroker("tcp://"+m[1]+":"+m[2]).SetClientID(m[3]).SetUsername(m[3]).SetPassword(m[4]), args[1], args[2], count)
	switch {
	case err != nil && !neg:
		ts.Fatalf("publish: %v", err)
	case err == nil && neg:
		ts.Fatalf("the message was accepted")
	}
}

func publishAll(o *paho.ClientOptions, topic, message string, count int) error {
	lost := make(chan error, 1)
	o.SetAutoReconnect(false).SetConnectTimeout(5 * time.Second).SetConnectionLostHandler(func(_ paho.Client, err error) { lost <- err })
	c := paho.NewClient(o)
	if t := c.Connect(); t.Wait() && t.Error() != nil {
		return t.Error()
	}
	defer c.Disconnect(100)
	for range count {
		t := c.Publish(topic, 1, false, message)
		select {
		case <-t.Done():
			if t.Error() != nil {
				return t.Error()
			}
		case err := <-lost:
			return err
		case <-time.After(10 * time.Second):
			return errors.New("no acknowledgement came")
		}
	}
	return nil
}

// nobody CODE PROGRAM ARG... runs a program as the user nobody, who may enter the script's directory.
func nobody(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) > 1 && !neg, "nobody code program [arg...]")
	cmd := command(ts, args[1:])
	for _, p := range []string{cmd.Path, cmd.Dir} {
		for d := p; len(d) > len(os.TempDir()); d = filepath.Dir(d) {
			ts.Check(os.Chmod(d, 0o755))
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	ts.Logf("[nobody]\n%s", out)
	ts.Check(os.WriteFile(ts.MkAbs("nobody.out"), out, 0o644))
	if code := cmd.ProcessState.ExitCode(); strconv.Itoa(code) != args[0] {
		ts.Fatalf("%s ended with %d (%v), want %s", args[1], code, err, args[0])
	}
}

func sleep(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) == 1 && !neg, "sleep duration")
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	time.Sleep(d)
}

// flip FILE changes one bit in the middle of a file.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) == 1 && !neg, "flip file")
	b := []byte(ts.ReadFile(args[0]))
	b[len(b)/2] ^= 1
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o600))
}

// cut FILE takes the second half of a file away.
func cut(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) == 1 && !neg, "cut file")
	b := ts.ReadFile(args[0])
	ts.Check(os.Truncate(ts.MkAbs(args[0]), int64(len(b)/2)))
}

// mode PERM FILE... checks the permissions of files.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, len(args) > 1 && !neg, "mode perm file...")
	for _, f := range args[1:] {
		st, err := os.Stat(ts.MkAbs(f))
		ts.Check(err)
		if got := strings.TrimPrefix(strconv.FormatUint(uint64(st.Mode().Perm()), 8), "0"); got != args[0] {
			ts.Fatalf("%s has mode %s, want %s", f, got, args[0])
		}
	}
}
