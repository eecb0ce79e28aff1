//go:build judges

package gateway

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestJudges lets the scripts in JUDGES_DIR judge a gateway that gives every method its sample as an answer. It is
// run by scripts/judges/graphql/run.sh.
func TestJudges(t *testing.T) {
	dir := os.Getenv("JUDGES_DIR")
	scripts, err := filepath.Glob(filepath.Join(dir, "*.mjs"))
	if dir == "" || err != nil || len(scripts) == 0 {
		t.Fatalf("there are no judges in %q: run scripts/judges/graphql/run.sh", dir)
	}
	sdl, err := filepath.Abs("graph/testdata/schema.graphql")
	if err != nil {
		t.Fatal(err)
	}
	srv := serveBoth(t, newSampleBench(t).h)
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".mjs"), func(t *testing.T) {
			cmd := exec.Command("node", script)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "GATEWAY="+srv.URL, "TOKEN=good", "SDL="+sdl)
			out, err := cmd.CombinedOutput()
			t.Logf("%s", out)
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}
