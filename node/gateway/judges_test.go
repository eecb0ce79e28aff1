//go:build judges

package gateway

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// TestGrpcurl lets grpcurl, the program $GRPCURL, list every service by reflection, describe every method and call
// one of each shape. It is run by scripts/judges/grpc/run.sh.
func TestGrpcurl(t *testing.T) {
	grpcurl := os.Getenv("GRPCURL")
	if grpcurl == "" {
		t.Fatal("there is no judge in $GRPCURL: run scripts/judges/grpc/run.sh")
	}
	b := newSampleBench(t)
	b.g.Reflect()
	h, err := b.g.Handler(nil)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.TrimPrefix(serveBoth(t, &Entrance{Next: h}).URL, "http://")
	ask := func(good bool, args ...string) string {
		t.Helper()
		out, err := exec.Command(grpcurl, append([]string{"-plaintext", "-max-time", "10"}, args...)...).CombinedOutput()
		if (err == nil) != good {
			t.Errorf("grpcurl %q: %v: %s", args, err, out)
		}
		return string(out)
	}
	who := []string{"-H", "Authorization: Bearer good"}
	with := func(args ...string) []string { return append(slices.Clone(who), args...) }
	listed := ask(true, with(at, "list")...)
	methods := 0
	for _, m := range b.g.o.Methods.All() {
		service := string(m.Desc.Parent().FullName())
		if !strings.Contains(listed, service+"\n") {
			t.Errorf("%s is not listed", service)
		}
		if says := ask(true, with(at, "describe", string(m.Desc.FullName()))...); !strings.Contains(says, "rpc "+string(m.Desc.Name())) {
			t.Errorf("%s is described as %s", m.Desc.FullName(), says)
		}
		methods++
	}
	if got := ask(true, with(at, "aielon.node.v1.Node/GetStatus")...); !strings.Contains(got, `"site"`) {
		t.Errorf("a call: %s", got)
	}
	if got := ask(true, with("-d", `{"key":"a","value":"b"}`, at, "aielon.node.v1.Settings/SetSetting")...); !strings.Contains(got, `"value"`) {
		t.Errorf("a command: %s", got)
	}
	if got := ask(true, with(at, "aielon.node.v1.Node/WatchStatus")...); strings.Count(got, `"site":`) != 2 {
		t.Errorf("a stream of two: %s", got)
	}
	for _, what := range []string{"list", "aielon.node.v1.Node/GetStatus"} { // strangers are not told what there is
		if got := ask(false, at, what); !strings.Contains(got, "Unauthenticated") && !strings.Contains(got, "sign in first") {
			t.Errorf("a stranger asks for %s: %s", what, got)
		}
	}
	ask(false, with("-d", `{"nonsense":1}`, at, "aielon.node.v1.Node/GetStatus")...)
	t.Logf("grpcurl: %d methods described, 0 errors", methods)
}
