package node

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/edge"
)

// rest asks the door as a program does, and returns the status and the body.
func (b *box) rest(method, path, token, body string, head ...string) (int, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, "http://"+b.DoorAddr()+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, string(out)
}

// must is rest where it has to go well; the answer is read into out.
func (b *box) must(method, path, token, body string, out any) {
	b.t.Helper()
	status, answer := b.rest(method, path, token, body)
	if status != 200 {
		b.t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal([]byte(answer), out); err != nil {
		b.t.Fatalf("%s %s: %v of %s", method, path, err, answer)
	}
}

type signedIn struct {
	Session string
	Person  struct{ ID string }
}

// owner sets the site up and returns its first administrator.
func (b *box) owner() (in signedIn) {
	b.t.Helper()
	code, err := b.SetupCode(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	b.must("POST", "/v1/setup", "", `{"code":"`+code+`","login":"mira","password":"purple camel teacup"}`, &in)
	return in
}

// invite lets somebody in who has the roles.
func (b *box) invite(by, login string, roles string) (in signedIn) {
	b.t.Helper()
	var made struct{ Code string }
	b.must("POST", "/v1/invitations", by, `{"roles":[`+roles+`]}`, &made)
	b.must("POST", "/v1/invitations/accept", "", `{"code":"`+made.Code+`","login":"`+login+`","password":"seven quiet lanterns"}`, &in)
	return in
}

type auditPage struct {
	Records []struct {
		Kind, Actor, Op, Reason, Outcome, Journal, ObjectType, ObjectID, Request string
		Denied                                                                   bool
		Time                                                                     time.Time
	}
	NextPageToken string
}

// What people change is in the site's journal, what they are refused in the node's own; a list shows both, newest
// first, page by page, narrowed down.
func TestAuditOverREST(t *testing.T) {
	b := start(t, smallConfig(t))
	owner := b.owner()
	desk := b.invite(owner.Session, "omar", `"front-desk"`)
	b.must("PUT", "/v1/settings/colour", owner.Session, `{"value":"red"}`, nil)
	if status, body := b.rest("PUT", "/v1/settings/colour", desk.Session, `{"value":"blue"}`); status != 403 {
		t.Fatalf("%d %s", status, body)
	}
	if status, _ := b.rest("GET", "/v1/audit/records", desk.Session, ""); status != 403 {
		t.Errorf("the desk reads the audit: %d", status)
	}
	var all, page auditPage
	b.must("GET", "/v1/audit/records?page_size=1000", owner.Session, "", &all)
	journals := map[string]int{}
	for i, r := range all.Records {
		journals[r.Journal]++
		if i > 0 && r.Time.After(all.Records[i-1].Time.Add(time.Second)) {
			t.Errorf("%v comes after %v", r, all.Records[i-1])
		}
	}
	if journals["site.ledger"] == 0 || journals["readings.ledger"] == 0 {
		t.Errorf("records of %v", journals)
	}
	seen, requests := 0, map[string]string{}
	for token := ""; ; token = page.NextPageToken {
		page = auditPage{}
		b.must("GET", "/v1/audit/records?page_size=3&op=node&page_token="+token, owner.Session, "", &page)
		for _, r := range page.Records {
			if seen++; !strings.HasPrefix(r.Op, "node.") {
				t.Errorf("not asked for: %v", r)
			}
			requests[r.Request] += r.Kind + " "
		}
		if page.NextPageToken == "" {
			break
		}
	}
	joined := 0
	for _, kinds := range requests {
		if kinds == "change decision " { // what was done, and before that who was let in to do it
			joined++
		}
	}
	if seen != 3 || joined != 1 {
		t.Errorf("%d records of the node's operations: %v", seen, requests)
	}
	for query, want := range map[string]string{
		"denied=true&actor=" + desk.Person.ID + "&op=node.set_setting": "node.set_setting decision true not_permitted denied",
		"kind=change&op=node.set_setting":                              "node.set_setting change false  ok",
		"kind=change&object_type=setting&object_id=colour":             "node.set_setting change false  ok",
		"actor=nobody-there":                                           "",
	} {
		page = auditPage{}
		b.must("GET", "/v1/audit/records?"+query, owner.Session, "", &page)
		got := ""
		for _, r := range page.Records {
			got += strings.Join([]string{r.Op, r.Kind, map[bool]string{true: "true", false: "false"}[r.Denied], r.Reason, r.Outcome}, " ")
		}
		if got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	if status, body := b.rest("GET", "/v1/audit/records?kind=secret", owner.Session, ""); status != 400 {
		t.Errorf("%d %s", status, body)
	}
}

func TestAuditProofsOverREST(t *testing.T) {
	b := start(t, smallConfig(t))
	owner := b.owner()
	b.must("PUT", "/v1/settings/colour", owner.Session, `{"value":"red"}`, nil)
	eventually(t, "the audit follows", b.caughtUp)
	for _, l := range []*audit.Log{b.trail.own, b.trail.site} {
		if err := l.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var state struct {
		Level string
		Trees []struct {
			Journal, Size, Signed string
			Checkpoint            struct{ Signed []struct{ Node string } }
		}
	}
	b.must("GET", "/v1/audit/state", owner.Session, "", &state)
	by := map[string]string{}
	for _, tree := range state.Trees {
		if len(tree.Checkpoint.Signed) == 1 && tree.Size == tree.Signed {
			by[tree.Journal] = tree.Checkpoint.Signed[0].Node
		}
	}
	if id := b.ID().String(); state.Level != "ok" || by["site.ledger"] != id || by["readings.ledger"] != id {
		t.Errorf("%+v", state)
	}
	b.provesOne(owner.Session)
	status, lines := b.rest("GET", "/v1/audit/verify", owner.Session, "", "Accept", "application/x-ndjson")
	if status != 200 || strings.Count(lines, `"holds":true`) != 2 || strings.Contains(lines, "error") {
		t.Errorf("%d %s", status, lines)
	}
	if _, lines = b.rest("GET", "/v1/audit/verify?witnesses="+edge.NodeID{7}.String(), owner.Session, "", "Accept", "application/x-ndjson"); strings.Contains(lines, `"holds":true`) {
		t.Errorf("a witness there never was is not missed: %s", lines)
	}
	status, file := b.rest("GET", "/v1/audit/export?proofs=true", owner.Session, "")
	if got, err := audit.CheckExport(strings.NewReader(file), []edge.NodeID{b.ID()}); status != 200 || err != nil || got.Proved < 2 {
		t.Errorf("%d %v %+v", status, err, got)
	}
}

// provesOne shows that a record comes with a proof that holds without the node, and a newer one without.
func (b *box) provesOne(token string) {
	b.t.Helper()
	type one struct {
		State, Text, Origin string
		Leaf                []byte
		Proof               []tlog.Hash
		Record              struct{ Op, Position string }
		Checkpoint          struct {
			Size, Root string
			Signed     []struct{ Node string }
		}
	}
	get := func(query string) (got one) {
		var page struct {
			Records []struct{ Journal, Position string }
		}
		b.must("GET", "/v1/audit/records?"+query, token, "", &page)
		r := page.Records[0]
		b.must("GET", "/v1/audit/records/"+r.Journal+"/"+r.Position, token, "", &got)
		if got.Record.Position != r.Position {
			b.t.Errorf("asked for %s, got %s", r.Position, got.Record.Position)
		}
		return got
	}
	got := get("kind=change&op=node.set_setting")
	size, _ := strconv.ParseInt(got.Checkpoint.Size, 10, 64)
	_, number, _ := strings.Cut(got.Record.Position, "/")
	at, _ := strconv.ParseInt(number, 10, 64)
	root, err := tlog.ParseHash(got.Checkpoint.Root)
	if err != nil || got.State != "proven" || len(got.Checkpoint.Signed) != 1 || tlog.CheckRecord(got.Proof, size, root, at-1, tlog.RecordHash(got.Leaf)) != nil {
		b.t.Errorf("%v: %+v", err, got)
	}
	b.must("PUT", "/v1/settings/colour", token, `{"value":"green"}`, nil)
	if got := get("kind=change&op=node.set_setting"); got.State != "waiting" || got.Text == "" || len(got.Proof) > 0 {
		b.t.Errorf("newer than the checkpoint: %+v", got)
	}
	for path, want := range map[string]int{"site.ledger/1/999999": 404, "site.ledger/1/0": 404, "site.community/1/1": 404, "site.ledger/ffffffffffffffff/9223372036854775807": 404, "site.ledger/x/1": 400, "site.ledger/1/9999999999999999999": 404} {
		if status, body := b.rest("GET", "/v1/audit/records/"+path, token, ""); status != want {
			b.t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

func TestAuditIsWatched(t *testing.T) {
	b := start(t, smallConfig(t))
	owner := b.owner()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, "GET", "http://"+b.DoorAddr()+"/v1/audit/records:watch?op=node", nil)
	r.Header.Set("Authorization", "Bearer "+owner.Session)
	r.Header.Set("Accept", "application/x-ndjson")
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.StatusCode != 200 {
		t.Fatal(res, err)
	}
	defer res.Body.Close()
	b.must("PUT", "/v1/settings/colour", owner.Session, `{"value":"vermilion"}`, nil)
	line, err := bufio.NewReader(res.Body).ReadString('\n')
	if err != nil || !strings.Contains(line, `"op":"node.set_setting"`) || !strings.Contains(line, owner.Person.ID) || strings.Contains(line, "vermilion") {
		t.Errorf("%v: %s", err, line)
	}
}

// What a site adds to its policies counts at once at its doors, and can be asked about.
func TestPoliciesOverREST(t *testing.T) {
	b := start(t, smallConfig(t))
	owner := b.owner()
	desk := b.invite(owner.Session, "omar", `"front-desk"`)
	if status, _ := b.rest("GET", "/v1/devices", desk.Session, ""); status != 403 {
		t.Fatalf("the desk sees devices: %d", status)
	}
	b.must("PUT", "/v1/policies/desk", owner.Session, `{"text":"permit (principal in Role::\"front-desk\", action == Action::\"devices.read\", resource);"}`, nil)
	eventually(t, "the policy counts", func() error {
		if status, body := b.rest("GET", "/v1/devices", desk.Session, ""); status != 200 {
			return edge.E(edge.Unavailable, "%d %s", status, body)
		}
		return nil
	})
	var why struct {
		Allowed  bool
		Policies []string
	}
	b.must("POST", "/v1/policies/explain", owner.Session, `{"permission":"devices.read","roles":["front-desk"]}`, &why)
	if !why.Allowed || len(why.Policies) != 1 || why.Policies[0] != "site.desk" {
		t.Errorf("%+v", why)
	}
	if status, body := b.rest("PUT", "/v1/policies/desk", owner.Session, `{"text":"permit (principal, action, resource);"}`); status != 409 {
		t.Errorf("written over unseen: %d %s", status, body)
	}
	if status, body := b.rest("PUT", "/v1/policies/bad", owner.Session, `{"text":"permit (principal in Role::\"doctor\", action, resource);"}`); status != 400 || !strings.Contains(body, "bad:1") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := b.rest("DELETE", "/v1/policies/desk", owner.Session, "", "If-Match", `"1"`); status != 200 {
		t.Errorf("%d %s", status, body)
	}
}
