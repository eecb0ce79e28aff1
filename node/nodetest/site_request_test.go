package nodetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aielon/edge/node/edge"
)

// A page is what a node logs.
type page struct {
	mu  sync.Mutex // guards out
	out bytes.Buffer
}

// Write implements io.Writer.
func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

// lines are those that hold all of some words.
func (p *page) lines(words ...string) (found []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
next:
	for line := range strings.Lines(p.out.String()) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue next
			}
		}
		found = append(found, line)
	}
	return found
}

// named makes one request under a name and returns what came: the status, the name in the answer's header and in its
// problem details.
func (d door) named(t *testing.T, id, method, path, in string) (status int, header, instance string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+d.n.DoorAddr()+path, strings.NewReader(in))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+d.token)
	r.Header["X-Request-Id"] = []string{id}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var p struct{ Instance string }
	json.Unmarshal(body, &p)
	return res.StatusCode, res.Header.Get("X-Request-Id"), p.Instance
}

// TestRequestsKeepTheirName: what somebody asks through the door of a node that does not lead has one name everywhere:
// in the answer, in that node's log, in the log of the node that leads, and in the audit of both.
func TestRequestsKeepTheirName(t *testing.T) {
	t.Parallel() // it mostly waits
	all := []*siteNode{newSiteNode(t), newSiteNode(t), newSiteNode(t)}
	logs := make([]page, len(all))
	for i, s := range all {
		s.log = slog.New(slog.NewTextHandler(&logs[i], &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	all[0].start(t)
	eventually(t, "ready", func(ctx context.Context) error { return all[0].n.WaitReady(ctx) })
	owner := all[0].owner(t)
	for _, s := range all[1:] {
		s.joinTo(t, all[0])
	}
	lead := all[0].voters(t, 3)
	var follower, leader int
	for i, s := range all {
		if s.voters(t, 3); s.id() == lead {
			leader = i
		} else {
			follower = i
		}
	}
	at := all[follower]
	boss := door{at, owner.Session}
	desk := door{at, boss.invite(t, "omar", "front-desk").Session}
	for _, c := range []struct {
		id          string
		as          door
		device      string
		status      int
		atLeader    bool
		what, audit string
	}{
		{"allowed-1", boss, "fridge-7", 200, false, "", "change ok; decision "},
		{"denied-1", desk, "fridge-8", 403, false, "permission_denied", "decision denied"},
		{"refused-1", boss, "fridge-7", 409, true, "already_exists", "decision "},
	} {
		status, header, instance := c.as.named(t, c.id, "POST", "/v1/devices", `{"id":"`+c.device+`"}`)
		if status != c.status || header != c.id || status != 200 && instance != c.id {
			t.Errorf("%s: %d, named %q and %q", c.id, status, header, instance)
		}
		if got := logs[follower].lines("a call was not served", "request="+c.id); len(got) != min(1, len(c.what)) {
			t.Errorf("%s: the node asked logs %q", c.id, got)
		}
		if got := logs[leader].lines("request="+c.id, "what=devices.register_device", "node="+at.n.ID().Short()); len(got) > 0 != c.atLeader {
			t.Errorf("%s: the leading node logs %q", c.id, got)
		}
		eventually(t, c.id+" in the audit", func(ctx context.Context) error { return boss.audited(ctx, c.id, c.audit) })
	}
	for _, id := range []string{"two words", strings.Repeat("x", edge.MaxRequest+1), "e\"il", "Ünal", ""} {
		status, header, instance := desk.named(t, id, "POST", "/v1/devices", `{"id":"fridge-9"}`)
		if status != 403 || header == id || !edge.IsRequest(header) || header != instance || id != "" && len(logs[follower].lines(id)) > 0 {
			t.Errorf("%q: %d, named %q and %q", id, status, header, instance)
		}
	}
}

// audited makes sure of the kinds and outcomes of a request's records, newest first within each journal.
func (d door) audited(ctx context.Context, id, want string) error {
	status, body, err := d.rest(ctx, "GET", "/v1/audit/records?request="+id, nil)
	if err != nil || status != 200 {
		return fmt.Errorf("%d %s %v", status, body, err)
	}
	var p struct {
		Records []struct{ Kind, Outcome, Request, Command string }
	}
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		return err
	}
	var got []string
	for _, r := range p.Records {
		if got = append(got, r.Kind+" "+r.Outcome); r.Request != id || r.Command == "" || r.Command != p.Records[0].Command {
			return fmt.Errorf("%+v", p.Records)
		}
	}
	if s := strings.Join(got, "; "); s != want {
		return fmt.Errorf("%q and not %q", s, want)
	}
	return nil
}
