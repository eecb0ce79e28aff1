package node_test

import (
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/aielon/edge/"

// layers says at which height each folder stands. A package may import packages below its own layer;
// `beside` lists the few that may look sideways. The longest matching prefix counts.
var layers = map[string]int{
	"node/edge": 0, "node/api": 0, "services/wallet/walletv1": 0,
	"node/state": 1, "node/journal": 1, "node/blob": 1, "node/auth": 1, "node/policy": 1, "node/limit": 1, "node/audit": 1, "node/search": 1, "node/webhook": 1, "node/telemetry": 1, "node/materials": 1, "sync/wire": 1, "hardware/host": 1,
	"services": 2, "cluster": 2, "sync": 2, "hardware": 2,
	"node/gateway": 3, "node/portal": 3,
	"node":     4,
	"node/cmd": 5, "node/cli": 5, "node/nodetest": 5, "node/e2e": 5, "scripts": 5,
}

// beside lists imports within one layer that are part of the design.
var beside = map[string][]string{
	"node/edge":       {"node/api"},                 // what schemas say of their methods
	"node/api":        {"services/wallet/walletv1"}, // lists the schemas of services
	"services/wallet": {"node/api"},                 // rules of its schema
	"node/journal":    {"node/state"},
	"node/policy":     {"node/auth"},                  // callers
	"node/audit":      {"node/state", "node/journal"}, // trees over journals
	"node/search":     {"node/state"},                 // the index lies in a store
	"node/webhook":    {"node/state", "node/limit"},   // so does the queue; breakers
	"sync/wire":       {"node/blob"},                  // sync/wire/object, which moves blobs for both ends
	"cluster/sim":     {"cluster/site", "cluster/raftlog"},
	"node/cmd":        {"node/cli"},
	"node/e2e":        {"node/nodetest", "node/cli"},
	"node/cli":        {},
	"node/nodetest":   {},
}

type listed struct {
	ImportPath                string
	Doc                       string
	Imports                   []string
	XTestImports, TestImports []string
	GoFiles                   []string
}

func list(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,Imports,TestImports,XTestImports,GoFiles", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); err == io.EOF {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// place finds the layer of a package and the folder that decided it.
func place(pkg string) (folder string, layer int, ok bool) {
	for f, l := range layers {
		if (pkg == f || strings.HasPrefix(pkg, f+"/")) && len(f) > len(folder) {
			folder, layer, ok = f, l, true
		}
	}
	return folder, layer, ok
}

// home is the folder within which packages may import each other: the first two path elements.
func home(pkg string) string {
	parts := strings.SplitN(pkg, "/", 3)
	return strings.Join(parts[:min(2, len(parts))], "/")
}

func TestLayers(t *testing.T) {
	for _, p := range list(t) {
		from := strings.TrimPrefix(p.ImportPath, module)
		_, layer, ok := place(from)
		if !ok {
			t.Errorf("%s has no layer: add its folder to the table, with a reason", from)
			continue
		}
		for _, imp := range append(append(p.Imports, p.TestImports...), p.XTestImports...) {
			to, ours := strings.CutPrefix(imp, module)
			if !ours || home(from) == home(to) || layer == 5 && strings.HasPrefix(to, "node/nodetest") {
				continue
			}
			if _, below, _ := place(to); below >= layer && !allowed(from, to) {
				t.Errorf("%s (layer %d) must not import %s (layer %d)", from, layer, to, below)
			}
		}
	}
}

func allowed(from, to string) bool {
	for _, b := range beside[home(from)] {
		if to == b || strings.HasPrefix(to, b+"/") {
			return true
		}
	}
	return false
}

// node/edge stands on the standard library and protobuf alone, so that anything may stand on it.
func TestVocabularyHasNoDependencies(t *testing.T) {
	for _, p := range list(t) {
		if p.ImportPath != module+"node/edge" {
			continue
		}
		for _, imp := range p.Imports {
			if strings.Contains(imp, ".") && !strings.HasPrefix(imp, "google.golang.org/protobuf") && imp != module+"node/api" {
				t.Errorf("node/edge imports %s", imp)
			}
		}
	}
}

func TestPackageDocs(t *testing.T) {
	for _, p := range list(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment that says what it is", p.ImportPath)
		}
	}
}
