package nodetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/aielon/edge/node/edge"
)

// TestWebhooksOutliveTheLeader has the node that delivers stop while a receiver is down: the next leader delivers
// what waited, and what may have come before comes under the same webhook-id.
func TestWebhooksOutliveTheLeader(t *testing.T) {
	t.Parallel() // it mostly waits
	all := []*siteNode{newSiteNode(t), newSiteNode(t), newSiteNode(t)}
	all[0].start(t)
	all[0].set(t, "before", "anybody joined")
	for _, s := range all[1:] {
		s.joinTo(t, all[0])
	}
	lead := ""
	for _, s := range all {
		lead = s.voters(t, 3)
	}
	var mu sync.Mutex
	down, ids := true, map[string][]string{} // webhook-ids by subject
	r := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		b, _ := io.ReadAll(q.Body)
		for i := range 3 {
			if subject := fmt.Sprint("device:thing-", i); bytes.Contains(b, []byte(subject)) {
				ids[subject] = append(ids[subject], q.Header.Get("webhook-id"))
			}
		}
		if down {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(r.Close)
	add := map[string]any{"url": r.URL, "types": []string{"device.registered"}, "class": "CLASS_SITE_ONLY", "allow_private": true, "allow_plain": true}
	if err := all[0].Call(t.Context(), "POST", "/api/v1/webhooks", add, nil); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := all[i].Call(t.Context(), "POST", "/api/v1/devices", map[string]any{"id": fmt.Sprint("thing-", i)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	seen := func(each int) func(context.Context) error {
		return func(context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			for i := range 3 {
				if got := ids[fmt.Sprint("device:thing-", i)]; len(got) < each {
					return edge.E(edge.NotFound, "%v", ids)
				}
			}
			return nil
		}
	}
	eventually(t, "first tries", seen(1))
	for _, s := range all {
		if s.id() == lead {
			s.stop()
		}
	}
	mu.Lock()
	down = false
	before := map[string]int{}
	for s, l := range ids {
		before[s] = len(l)
	}
	mu.Unlock()
	eventually(t, "the next leader delivers", func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		for s, n := range before {
			if len(ids[s]) <= n {
				return edge.E(edge.NotFound, "%v", ids)
			}
		}
		return nil
	})
	mu.Lock()
	defer mu.Unlock()
	for s, l := range ids {
		for _, id := range l {
			if id != l[0] {
				t.Errorf("%s came as %q", s, l)
			}
		}
	}
}
