package node_test

import (
	"bytes"
	"flag"
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

var update = flag.Bool("update", false, "rewrite what tests compare with")

// buildEdge builds the program as a release is built.
func buildEdge(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "aielon-edge")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", bin, "./cmd/aielon-edge")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return bin
}

func TestBinarySize(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	if runtime.GOARCH != "amd64" {
		t.Skip("the budget is for amd64")
	}
	st, err := os.Stat(buildEdge(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.1f MB", float64(st.Size())/1e6)
	if st.Size() > maxBinary {
		t.Errorf("the program has %d bytes; the budget is %d", st.Size(), maxBinary)
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
