package gateway

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

// TestGuarded: a page goes through the same steps as a call, and its record comes first.
func TestGuarded(t *testing.T) {
	b := newBench(t)
	shown := 0
	page := Page{Op: "node.profile", Needs: "profile.debug", Audited: true, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { shown++ })}
	h := &Entrance{Next: b.g.Guarded(page)}
	ask := func(token string) int {
		r := httptest.NewRequest("GET", "http://127.0.0.1/debug", nil)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	for _, c := range []struct {
		token string
		want  int
	}{{"", 401}, {"wrong", 401}, {"guest", 403}, {"good", 200}} {
		if got := ask(c.token); got != c.want {
			t.Errorf("with %q: %d, not %d", c.token, got, c.want)
		}
	}
	if shown != 1 || !slices.Contains(b.guard.notes, "node.profile ") {
		t.Errorf("shown %d times, records %q", shown, b.guard.notes)
	}
	b.guard.full = true
	if got := ask("good"); got == 200 || shown != 1 {
		t.Errorf("shown without a record: %d", got)
	}
}
