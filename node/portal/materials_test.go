package portal

import (
	"encoding/json"
	"os"
	"testing"
)

// The build writes the list; it must be of the packages the lock file has now.
func TestMaterialsAreThoseOfTheLockFile(t *testing.T) {
	list, err := Materials()
	if err != nil || len(list) < 20 {
		t.Fatalf("%d packages: %v", len(list), err)
	}
	b, err := os.ReadFile("web/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Packages map[string]struct{ Version, License string }
	}
	if err := json.Unmarshal(b, &lock); err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		p := lock.Packages["node_modules/"+m.Name]
		if p.Version != m.Version || p.License != m.Licence || m.Licence == "" {
			t.Errorf("%s %s under %q is %s under %q in the lock file: run make portal", m.Name, m.Version, m.Licence, p.Version, p.License)
		}
	}
}
