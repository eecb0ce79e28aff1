package cli

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite what tests compare with")

// run is one command line as a shell would give it.
func run(args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = Main(context.Background(), args, Streams{In: strings.NewReader(""), Out: &o, Err: &e}, "v1")
	return code, o.String(), e.String()
}

// TestHelp holds what every command says of itself against testdata/help.txt.
func TestHelp(t *testing.T) {
	var got strings.Builder
	l := newLine(&invocation{flags: &global{}})
	var ask func(d *declaration)
	ask = func(d *declaration) {
		args := append(strings.Fields(d.CommandPath())[1:], "--help")
		code, out, errs := run(args...)
		if code != ExitOK || errs != "" {
			t.Errorf("%v ended with %d and said %q", args, code, errs)
		}
		for _, line := range strings.Split(out, "\n") {
			if len(line) > helpWidth || strings.HasSuffix(line, " ") {
				t.Errorf("%v: the line %q is too long or ends in a space", args, line)
			}
		}
		got.WriteString("> aielon-edge " + strings.Join(args, " ") + "\n" + out + "\n")
		for _, sub := range d.subs {
			ask(sub)
		}
	}
	ask(l.root)
	golden := filepath.Join("testdata", "help.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the help has changed: look at the difference after -update\n%s", got.String())
	}
}

func TestWrongLines(t *testing.T) {
	for _, c := range []struct{ line, says string }{
		{"dance", "unexpected argument dance ("},
		{"statsu", `unexpected argument statsu, did you mean "status"?`},
		{"devices lst", `unexpected argument lst, did you mean "list"?`},
		{"help devices ad", "unexpected argument ad"},
		{"run --colour", "unknown flag --colour"},
		{"-z", "unknown flag -z"},
		{"--data", "--data: expected a value"},
		{"--data x", "expected a command"},
		{"devices add", `expected "<id>"`},
		{"devices add a b", "unexpected argument b"},
		{"journal a b", "unexpected argument b"},
		{"journal --limit x", `--limit: "x" is not a whole number`},
		{"invite --role king", `--role: it must be one of auto, node, site, hub, not "king"`},
		{"invite --for soon", `--for: "soon" is not a length of time`},
		{"blobs put testdata/nothing", "<file>: stat "},
		{"restore testdata", "is a directory"},
		{"audit --seen testdata/nothing", "--seen: stat "},
		{"devices add a\xff", "an argument is not valid UTF-8"},
	} {
		code, out, errs := run(strings.Fields(c.line)...)
		if code != ExitUsage || !strings.Contains(errs, c.says) || out != "" {
			t.Errorf("%s ended with %d and said %q %q; want %q", c.line, code, out, errs, c.says)
		}
	}
}

// TestParse shows where arguments and flags end up.
func TestParse(t *testing.T) {
	parse := func(line string) (command, *global) {
		t.Helper()
		g := &global{}
		c, err := newLine(&invocation{flags: g}).parse(strings.Fields(line))
		if err != nil {
			t.Fatal(err)
		}
		return c, g
	}
	c, g := parse("--data=d devices add fridge-1 --publish a/#,b --name x --publish c --config c.toml")
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if a := c.(*devicesAddCmd); a.ID != "fridge-1" || a.Name != "x" || strings.Join(a.Publish, " ") != "a/# b c" || g.Data != filepath.Join(here, "d") || g.Config != filepath.Join(here, "c.toml") {
		t.Errorf("%+v %+v", a, g)
	}
	for line, want := range map[string]journalReadCmd{
		"journal":                               {Stream: "readings.telemetry", Limit: 100},
		"journal site.ledger --after 7":         {Stream: "site.ledger", After: 7, Limit: 100},
		"journal read --limit 3 -- site.ledger": {Stream: "site.ledger", Limit: 3},
	} {
		if c, _ := parse(line); *c.(*journalReadCmd) != want {
			t.Errorf("%s: %+v", line, c)
		}
	}
	if c, _ := parse("audit --witness a,b --witness c"); strings.Join(c.(*auditVerifyCmd).Witness, " ") != "a b c" {
		t.Errorf("%+v", c)
	}
	if c, _ := parse("invite"); c.(*inviteCmd).Role != "auto" || c.(*inviteCmd).For.Minutes() != 15 {
		t.Errorf("%+v", c)
	}
	if c, _ := parse("audit check - --node x"); c.(*auditCheckCmd).File != "-" {
		t.Errorf("%+v", c)
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if code, out, _ := run("completion", shell); code != ExitOK || !strings.Contains(out, "aielon-edge") {
			t.Errorf("%s: %d", shell, code)
		}
	}
	if _, out, _ := run("__complete", "invite", "--role", ""); !strings.HasPrefix(out, "auto\nnode\nsite\nhub\n") {
		t.Errorf("%q", out)
	}
	if _, out, _ := run("__complete", "dev"); !strings.HasPrefix(out, "devices\t") {
		t.Errorf("%q", out)
	}
}
