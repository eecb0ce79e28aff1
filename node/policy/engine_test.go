package policy

import (
	"sync"
	"testing"
)

// builtin is made once for all tests: checking the built-in policies takes longer than asking them.
var builtin = sync.OnceValues(New)

// newEngine returns an engine of the built-in policies that the test may change.
func newEngine(t testing.TB) *Engine {
	t.Helper()
	base, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	e, err := base.With(State{Settings: DefaultSettings()})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestBuiltinPoliciesLoad(t *testing.T) {
	e, err := New()
	if err != nil {
		t.Fatal(err)
	}
	if e.Version() != 0 || len(e.Broken()) != 0 {
		t.Errorf("version %d, broken %v", e.Version(), e.Broken())
	}
}
