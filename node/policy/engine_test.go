package policy

import "testing"

func newEngine(t testing.TB) *Engine {
	t.Helper()
	e, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestBuiltinPoliciesLoad(t *testing.T) { newEngine(t) }
