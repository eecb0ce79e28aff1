// Package localtest holds what every store of a node's own rows must do (identity.Local).
package localtest

import (
	"maps"
	"testing"

	"github.com/aielon/edge/node/auth/identity"
)

// Run tries a store. open opens the same store each time, as after a restart.
func Run(t *testing.T, open func() identity.Local) {
	t.Helper()
	l := open()
	want := map[string]string{"s/a": "1", "s/b": "22", "v/a": "333"}
	for k, v := range want {
		if err := l.Put(k, []byte(v)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Put("s/b", []byte("new")); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"v/a", "never there"} {
		if err := l.Delete(k); err != nil {
			t.Fatalf("deleting %q: %v", k, err)
		}
	}
	want["s/b"] = "new"
	delete(want, "v/a")
	same := func(when string, l identity.Local) {
		got := map[string]string{}
		if err := l.Each(func(k string, v []byte) error { got[k] = string(v); return nil }); err != nil || !maps.Equal(got, want) {
			t.Errorf("%s: rows are %v, %v, want %v", when, got, err, want)
		}
	}
	same("at once", l)
	l = open()
	same("after a restart", l)
	stop := error(errStop{})
	n := 0
	if err := l.Each(func(string, []byte) error { n++; return stop }); err != stop || n != 1 {
		t.Errorf("an error of the caller: got %v after %d rows", err, n)
	}
}

type errStop struct{}

func (errStop) Error() string { return "stop" }
