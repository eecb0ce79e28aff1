package node_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// maxBinary is what the stripped program may weigh, in bytes.
const maxBinary = 45_000_000

const dependencies = "testdata/dependencies.txt"

var (
	update = flag.Bool("update", false, "rewrite what tests compare with")
	size   = flag.Bool("size", false, "build the program and weigh it")
)

// buildEdge builds the program as a release is built, and returns what the linker says of who needs what.
func buildEdge(t *testing.T) (bin string, needs []byte) {
	t.Helper()
	bin = filepath.Join(t.TempDir(), "aielon-edge")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -dumpdep", "-o", bin, "./cmd/aielon-edge")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out[max(0, len(out)-4000):])
	}
	return bin, out
}

func TestBinarySize(t *testing.T) {
	if !*size {
		t.Skip("make check builds the program and weighs it: on a fresh machine that compiles everything once more")
	}
	bin, needs := buildEdge(t)
	if err := methodsByName(needs); err != nil {
		t.Error(err)
	}
	if runtime.GOARCH != "amd64" {
		t.Skip("the budget is for amd64")
	}
	st, err := os.Stat(bin)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.1f MB", float64(st.Size())/1e6)
	if st.Size() > maxBinary {
		t.Errorf("the program has %d bytes; the budget is %d", st.Size(), maxBinary)
	}
}

// methodsByName fails where a function that is reached looks methods up by names the linker cannot know. One such
// function makes it keep every exported method of every type: 5 MB of ours. text/template is the usual way to one.
func methodsByName(needs []byte) error {
	const mark = " <ReflectMethod>"
	by, seen := map[string]string{}, 0 // who needs a function first
	for line := range strings.Lines(string(needs)) {
		from, to, ok := strings.Cut(strings.TrimSpace(strings.ReplaceAll(line, " <UsedInIface>", "")), " -> ")
		if !ok {
			continue
		}
		seen++
		name := strings.TrimSuffix(to, mark)
		by[name] = strings.TrimSuffix(from, mark)
		if name == to {
			continue
		}
		path := name
		for at, n := by[name], 0; at != "" && at != "_" && n < 100; at, n = by[at], n+1 {
			path = at + "\n  " + path
		}
		return fmt.Errorf("methods are looked up by name, so that the linker drops none:\n  %s", path)
	}
	if seen < 1000 {
		return fmt.Errorf("the linker has told of only %d needs", seen)
	}
	return nil
}

func TestMethodsByNameAreSeen(t *testing.T) {
	needs := strings.Repeat("a.A -> a.a\n", 1000) + "_ -> main.main\nmain.main -> x.(*T).Run\nx.(*T).Run -> type:x.T <UsedInIface>\ntype:x.T <UsedInIface> -> x.T.Hook\nx.T.Hook -> "
	if err := methodsByName([]byte(needs + "x.quiet\n")); err != nil {
		t.Error(err)
	}
	err := methodsByName([]byte(needs + "x.call <ReflectMethod>\n"))
	if err == nil || !strings.HasSuffix(err.Error(), "\n  main.main\n  x.(*T).Run\n  type:x.T\n  x.T.Hook\n  x.call") {
		t.Errorf("%v", err)
	}
	if methodsByName([]byte("ok")) == nil {
		t.Error("a linker that says nothing is believed")
	}
}

// TestDependencies compares the modules that are compiled into the program with the list that was agreed
// on. Versions may move; a module that is new is a decision, and shows as a change of the list. Run it with
// -update after taking the decision.
func TestDependencies(t *testing.T) {
	have := modules(t)
	if *update {
		if err := os.WriteFile(dependencies, []byte(strings.Join(have, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(dependencies)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Fields(string(b))
	for _, m := range have {
		if !slices.Contains(want, m) {
			t.Errorf("%s is compiled into the program and not in %s", m, dependencies)
		}
	}
	for _, m := range want {
		if !slices.Contains(have, m) {
			t.Errorf("%s is in %s and no longer compiled into the program", m, dependencies)
		}
	}
}

// modules are those with a package in the program, for Linux on amd64, without versions.
func modules(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./cmd/aielon-edge")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.Bytes())
	}
	list := slices.DeleteFunc(strings.Fields(string(out)), func(m string) bool { return m+"/" == module })
	slices.Sort(list)
	return slices.Compact(list)
}
