package nodetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/aielon/edge/node/api/nodev1"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/nodetest/proc"
)

// A door is a node as somebody with a session or a token sees it.
type door struct {
	*siteNode
	token string
}

// rest makes one request and returns the status and the answer.
func (d door) rest(ctx context.Context, method, path string, in any) (int, string, error) {
	var b []byte
	if in != nil {
		var err error
		if b, err = json.Marshal(in); err != nil {
			return 0, "", err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+d.n.DoorAddr()+path, bytes.NewReader(b))
	if err != nil {
		return 0, "", err
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if d.token != "" {
		r.Header.Set("Authorization", "Bearer "+d.token)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	return res.StatusCode, string(out), err
}

// do makes a request that has to go well, sooner or later.
func (d door) do(t *testing.T, method, path string, in, out any) {
	t.Helper()
	answer := ""
	eventually(t, method+" "+path, func(ctx context.Context) error {
		status, body, err := d.rest(ctx, method, path, in)
		if err != nil || status != 200 {
			return fmt.Errorf("%d %s %v", status, body, err)
		}
		answer = body
		return nil
	})
	if err := json.Unmarshal([]byte(answer), out); err != nil {
		t.Fatalf("%s %s: %v of %s", method, path, err, answer)
	}
}

type entered struct {
	Session string
	Person  struct{ ID string }
}

// owner sets up the site of a node.
func (s *siteNode) owner(t *testing.T) (in entered) {
	t.Helper()
	code, err := s.n.SetupCode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	door{s, ""}.do(t, "POST", "/v1/setup", map[string]any{"code": code, "login": "mira", "password": "purple camel teacup"}, &in)
	return in
}

// invite lets somebody in who has a role.
func (d door) invite(t *testing.T, login, role string) (in entered) {
	t.Helper()
	var made struct{ Code string }
	d.do(t, "POST", "/v1/invitations", map[string]any{"roles": []string{role}}, &made)
	door{d.siteNode, ""}.do(t, "POST", "/v1/invitations/accept", map[string]any{"code": made.Code, "login": login, "password": "seven quiet lanterns"}, &in)
	return in
}

// A listener is something that is open: it reads until it is closed and tells how that was put.
type listener struct {
	name string
	over chan string
}

// listen opens all that stays open, with one token at one node, and makes sure that each has begun.
func listen(t *testing.T, at *siteNode, token string) (all []listener) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	add := func(name string, read func() error) {
		t.Helper()
		if err := read(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		l := listener{name, make(chan string, 1)}
		all = append(all, l)
		go func() {
			err := error(nil)
			for err == nil {
				err = read()
			}
			l.over <- err.Error()
		}()
	}
	for name, path := range map[string]string{"SSE": "/v1/status:watch", "readings over SSE": "/v1/readings:watch"} {
		body := stream(t, ctx, "GET", at, path, token, "text/event-stream", "")
		if name == "SSE" {
			add(name, body)
			continue
		}
		add(name, func() func() error { // nothing is measured, so that nothing comes
			first := true
			return func() error {
				if first {
					first = false
					return nil
				}
				return body()
			}
		}())
	}
	add("GraphQL subscription", stream(t, ctx, "POST", at, "/graphql", token, "text/event-stream", `{"query":"subscription { watchStatus { site } }"}`))
	add("JSON-RPC over WebSocket", socket(t, ctx, at, "/ws", token, `{"jsonrpc":"2.0","id":1,"method":"node.watch_status"}`))
	add("GraphQL over WebSocket", socket(t, ctx, at, "/graphql", token, `{"type":"connection_init"}`, `{"id":"1","type":"subscribe","payload":{"query":"subscription { watchStatus { site } }"}}`))
	add("gRPC", grpcStream(t, ctx, at, token))
	return all
}

func stream(t *testing.T, ctx context.Context, method string, at *siteNode, path, token, accept, body string) func() error {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+at.n.DoorAddr()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Accept", accept)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if res.StatusCode != 200 {
		t.Fatalf("%s: %s", path, res.Status)
	}
	buf := make([]byte, 4096)
	return func() error {
		_, err := res.Body.Read(buf)
		return err
	}
}

func socket(t *testing.T, ctx context.Context, at *siteNode, path, token string, say ...string) func() error {
	t.Helper()
	c, _, err := websocket.Dial(ctx, "ws://"+at.n.DoorAddr()+path, &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}, HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	c.SetReadLimit(1 << 20)
	for _, text := range say {
		if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	return func() error {
		_, _, err := c.Read(ctx)
		return err
	}
}

func grpcStream(t *testing.T, ctx context.Context, at *siteNode, token string) func() error {
	t.Helper()
	conn, err := grpc.NewClient(at.n.DoorAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s, err := conn.NewStream(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token), &grpc.StreamDesc{ServerStreams: true}, "/aielon.node.v1.Node/WatchStatus")
	if err == nil {
		err = s.SendMsg(&nodev1.WatchStatusRequest{})
	}
	if err == nil {
		err = s.CloseSend()
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() error { return s.RecvMsg(new(nodev1.Status)) }
}

// allOver waits until everything is closed, as soon as it has to be.
func allOver(t *testing.T, all []listener, began time.Time) {
	t.Helper()
	for _, l := range all {
		select {
		case how := <-l.over:
			t.Logf("%-24s closed after %v: %s", l.name, time.Since(began).Round(10*time.Millisecond), how)
		case <-time.After(time.Until(began.Add(within))):
			t.Errorf("%s is still open after %v", l.name, time.Since(began).Round(10*time.Millisecond))
		}
	}
}

// refusedAt makes sure that a token opens nothing at a node any more.
func refusedAt(t *testing.T, at *siteNode, token string, want int) {
	t.Helper()
	status, body, err := door{at, token}.rest(t.Context(), "GET", "/v1/status", nil)
	if err != nil || status != want {
		t.Errorf("afterwards it is answered %d %s %v, want %d", status, body, err, want)
	}
}

// TestRevocation opens everything that stays open at one node of a site of three, and takes away at another what
// it was opened with.
func TestRevocation(t *testing.T) {
	t.Parallel() // it mostly waits
	all := []*siteNode{newSiteNode(t), newSiteNode(t), newSiteNode(t)}
	all[0].start(t)
	all[0].set(t, "before", "anybody joined")
	for _, s := range all[1:] {
		s.joinTo(t, all[0])
	}
	for _, s := range all {
		s.voters(t, 3)
	}
	owner := door{all[0], all[0].owner(t).Session}
	there := all[1]
	knows := func(t *testing.T, at *siteNode, token string) { // a node may be a moment behind
		t.Helper()
		door{at, token}.do(t, "GET", "/v1/status", nil, new(any))
	}
	t.Run("people", func(t *testing.T) {
		for name, tc := range map[string]struct {
			method, path string
			in           any
			want         int
		}{
			"role taken":       {"PUT", "/v1/people/%s/roles", map[string]any{"roles": []string{"member"}}, 403},
			"person suspended": {"POST", "/v1/people/%s/suspend", map[string]any{}, 401},
			"person removed":   {"DELETE", "/v1/people/%s", nil, 401},
			"sessions ended":   {"POST", "/v1/people/%s/revoke-sessions", map[string]any{}, 401},
			"session ended":    {"DELETE", "/v1/sessions/", nil, 401},
		} {
			login := "p" + strings.ReplaceAll(name, " ", "-")
			who := owner.invite(t, login, "operator")
			var in entered
			door{there, ""}.do(t, "POST", "/v1/sign-in", map[string]any{"login": login, "password": "seven quiet lanterns"}, &in)
			path := tc.path
			if strings.Contains(path, "%s") {
				path = fmt.Sprintf(path, who.Person.ID)
			} else {
				path += publicID(t, door{there, in.Session})
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				open := listen(t, there, in.Session)
				began := time.Now()
				owner.do(t, tc.method, path, tc.in, new(any))
				allOver(t, open, began)
				refusedAt(t, there, in.Session, tc.want)
			})
		}
		t.Run("program's token ended", func(t *testing.T) {
			var made struct {
				Token  struct{ ID string }
				Secret string
			}
			owner.do(t, "POST", "/v1/tokens", map[string]any{"name": "display", "roles": []string{"operator"}}, &made)
			knows(t, there, made.Secret)
			t.Parallel()
			open := listen(t, there, made.Secret)
			began := time.Now()
			owner.do(t, "DELETE", "/v1/tokens/"+made.Token.ID, nil, new(any))
			allOver(t, open, began)
			refusedAt(t, there, made.Secret, 401)
		})
	})
	t.Run("devices", func(t *testing.T) { devicesRevoked(t, owner, there) })
	t.Run("policy", func(t *testing.T) { policyForDevices(t, owner, there) })
	t.Run("cut off", func(t *testing.T) { cutOff(t, owner, all) })
}

// publicID is the name under which others may end a session: never its secret.
func publicID(t *testing.T, self door) string {
	t.Helper()
	var mine struct {
		Sessions []struct {
			ID      string
			Current bool
		}
	}
	self.do(t, "GET", "/v1/me/sessions", nil, &mine)
	for _, s := range mine.Sessions {
		if s.Current {
			return s.ID
		}
	}
	t.Fatalf("the session is not among %+v", mine)
	return ""
}

// devicesRevoked takes from devices, at one node, what their MQTT sessions at another were opened with.
func devicesRevoked(t *testing.T, owner door, there *siteNode) {
	for name, revoke := range map[string]func(id string){
		"removed": func(id string) { owner.do(t, "DELETE", "/v1/devices/"+id, nil, new(any)) },
		"rotated": func(id string) {
			owner.do(t, "POST", "/v1/devices/"+id+"/rotate", map[string]any{}, new(any))
		},
	} {
		t.Run(name, func(t *testing.T) {
			id := "pump-" + name
			var c struct{ Token string }
			owner.do(t, "POST", "/v1/devices", map[string]any{"id": id, "name": id, "any_client": true}, &c)
			p := mqttAs(t, there, id, c.Token)
			if code, why, err := p.Publish(id+"/temperature", "1"); code != 0 || err != nil {
				t.Fatalf("0x%02x %s %v", code, why, err)
			}
			revoke(id)
			soon(t, name, "cut off", func() string {
				code, _, err := p.Publish(id+"/temperature", "1")
				if err != nil {
					return "cut off"
				}
				return fmt.Sprintf("0x%02x", code)
			})
			if _, err := proc.NewPublisher(there.n.MQTTAddr(), id, c.Token); err == nil {
				t.Error("it came in again")
			}
		})
	}
}

func mqttAs(t *testing.T, at *siteNode, id, secret string) (p *proc.Publisher) {
	t.Helper()
	eventually(t, "the device comes in", func(context.Context) (err error) {
		p, err = proc.NewPublisher(at.n.MQTTAddr(), id, secret)
		return err
	})
	t.Cleanup(func() { p.Close() })
	return p
}

// policyForDevices has the site's own policies count at the broker, beside what a device's topics are.
func policyForDevices(t *testing.T, owner door, there *siteNode) {
	var c struct{ Token string }
	owner.do(t, "POST", "/v1/devices", map[string]any{"id": "scale", "name": "scale", "any_client": true}, &c)
	p := mqttAs(t, there, "scale", c.Token)
	says := func() string {
		code, _, err := p.Publish("scale/weight", "1")
		return fmt.Sprintf("0x%02x %v", code, err)
	}
	if got := says(); got != "0x00 <nil>" {
		t.Fatal(got)
	}
	var made struct{ Version string }
	owner.do(t, "PUT", "/v1/policies/scale", map[string]any{"text": `forbid (principal is Device, action == Action::"readings.publish", resource) when { resource.id like "scale/*" && context.door == "mqtt" };`}, &made)
	soon(t, "forbidden by a policy", "0x87 <nil>", says)
	eventually(t, "the refusal is on record", func(ctx context.Context) error {
		status, body, err := door{there, owner.token}.rest(ctx, "GET", "/v1/audit/records?denied=true&op=readings.publish", nil)
		if err != nil || status != 200 || !strings.Contains(body, "scale/weight") || !strings.Contains(body, "site.scale") {
			return edge.E(edge.NotFound, "%d %s %v", status, body, err)
		}
		return nil
	})
}

// cutOff leaves one node alone. What it decides by itself counts there at once.
func cutOff(t *testing.T, owner door, all []*siteNode) {
	alone := all[1]
	owner.invite(t, "two", "operator")
	var a, b entered
	for _, in := range []*entered{&a, &b} {
		door{alone, ""}.do(t, "POST", "/v1/sign-in", map[string]any{"login": "two", "password": "seven quiet lanterns"}, in)
	}
	id := publicID(t, door{alone, b.Session})
	open, other := listen(t, alone, a.Session), listen(t, alone, b.Session)
	all[0].stop()
	all[2].stop()
	began := time.Now()
	door{alone, a.Session}.do(t, "DELETE", "/v1/me/sessions/"+id, nil, new(any))
	allOver(t, other, began)
	refusedAt(t, alone, b.Session, 401)
	began = time.Now()
	door{alone, a.Session}.do(t, "POST", "/v1/sign-out", map[string]any{}, new(any))
	allOver(t, open, began)
	refusedAt(t, alone, a.Session, 401)
}
