package graph

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/problem"
)

// TestThrottled asks too often: nothing is parsed, and the answer says when to come again.
func TestThrottled(t *testing.T) {
	d := emptyDoor(t, served(t), func(context.Context) error {
		return &problem.Throttled{Why: edge.E(edge.Exhausted, "too many requests"), After: 3 * time.Second}
	})
	for _, kind := range []string{typeJSON, typeGraph, typeEvent} {
		r := httptest.NewRequest("POST", "/graphql", strings.NewReader(`{"query":"{ this is no query"}`))
		r.Header.Set("Content-Type", typeJSON)
		r.Header.Set("Accept", kind)
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		if w.Code != 429 || w.Header().Get("Retry-After") != "3" || !strings.Contains(w.Body.String(), `{"errors":[{"message":"too many requests","extensions":{"code":"resource_exhausted","kind":"exhausted","retryAfter":3,"status":429}}]}`) {
			t.Fatalf("%s: %d %v %s", kind, w.Code, w.Header(), w.Body)
		}
	}
}

// TestOtherUpgrades is what curl --http2 sends: it wants HTTP/2, and takes HTTP/1.1.
func TestOtherUpgrades(t *testing.T) {
	d := emptyDoor(t, served(t), func(context.Context) error { return nil })
	r := httptest.NewRequest("GET", "/graphql?query={status{site}}", nil)
	r.Header.Set("Connection", "Upgrade, HTTP2-Settings")
	r.Header.Set("Upgrade", "h2c")
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	if w.Code != 200 || w.Body.String() != `{"data":{"status":{"site":""}}}` {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}
