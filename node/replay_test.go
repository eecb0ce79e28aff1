package node

import (
	"encoding/base32"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/auth/passkey/passkeytest"
	"github.com/aielon/edge/node/auth/totp"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/testport"
)

const lanterns = "seven quiet lanterns" // the password of everybody box.invite lets in

// A replay is something that opens once, or opened until it was ended. Its use returns the status and the words.
type replay struct {
	name, op string
	want     []int                                                   // statuses of a refusal
	first    func(b *box, owner string) (again func() (int, string)) // uses it up, and returns how to use it again
}

func replays(code string) []replay {
	bearer := func(b *box, secret string) (int, string) { return b.rest("GET", "/v1/status", secret, "") }
	session := func(end func(b *box, owner string, in signedIn), use func(b *box, secret string) (int, string)) func(*box, string) func() (int, string) {
		return func(b *box, owner string) func() (int, string) {
			in := b.invite(owner, "u"+strings.ToLower(edge.NewID().String()[20:]), `"operator"`)
			if status, text := bearer(b, in.Session); status != 200 {
				b.t.Fatalf("it opens nothing in the first place: %d %s", status, text)
			}
			end(b, owner, in)
			return func() (int, string) { return use(b, in.Session) }
		}
	}
	cookie := func(b *box, secret string) (int, string) {
		return b.rest("GET", "/v1/status", "", "", "Cookie", "session="+secret)
	}
	upgrade := func(b *box, secret string) (int, string) {
		return b.rest("GET", "/ws", secret, "", "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	}
	signOut := func(b *box, _ string, in signedIn) { b.must("POST", "/v1/sign-out", in.Session, `{}`, nil) }
	return []replay{
		{"session after sign-out", "node.get_status", []int{401}, session(signOut, bearer)},
		{"cookie after sign-out", "node.get_status", []int{401}, session(signOut, cookie)},
		{"WebSocket after sign-out", "node.connect", []int{401}, session(signOut, upgrade)},
		{"session of somebody suspended", "node.get_status", []int{401}, session(func(b *box, owner string, in signedIn) {
			b.must("POST", "/v1/people/"+in.Person.ID+"/suspend", owner, `{}`, nil)
		}, bearer)},
		{"session after all of a person were ended", "node.get_status", []int{401}, session(func(b *box, owner string, in signedIn) {
			b.must("POST", "/v1/people/"+in.Person.ID+"/revoke-sessions", owner, `{}`, nil)
		}, bearer)},
		{"token after it was ended", "node.get_status", []int{401}, func(b *box, owner string) func() (int, string) {
			var made struct {
				Token  struct{ ID string }
				Secret string
			}
			b.must("POST", "/v1/tokens", owner, `{"name":"display","roles":["operator"]}`, &made)
			b.must("GET", "/v1/status", made.Secret, "", nil)
			b.must("DELETE", "/v1/tokens/"+made.Token.ID, owner, "", nil)
			return func() (int, string) { return bearer(b, made.Secret) }
		}},
		{"set-up code", "identity.set_up", []int{403, 409}, func(b *box, owner string) func() (int, string) {
			return func() (int, string) {
				return b.rest("POST", "/v1/setup", "", `{"code":"`+code+`","login":"third.owner","password":"`+lanterns+`"}`)
			}
		}},
		{"invitation", "identity.accept_invitation", []int{403}, func(b *box, owner string) func() (int, string) {
			var made struct{ Code string }
			b.must("POST", "/v1/invitations", owner, `{"roles":["member"]}`, &made)
			use := func(login string) (int, string) {
				return b.rest("POST", "/v1/invitations/accept", "", `{"code":"`+made.Code+`","login":"`+login+`","password":"`+lanterns+`"}`)
			}
			if status, text := use("guest.one"); status != 200 {
				b.t.Fatalf("%d %s", status, text)
			}
			return func() (int, string) { return use("guest.two") }
		}},
		{"code of the app", "identity.finish_sign_in", []int{401, 403}, func(b *box, owner string) func() (int, string) {
			login, in := "totp", b.invite(owner, "totp", `"operator"`)
			secret, _ := b.secondFactor(in.Session)
			code, err := totp.Code(secret, time.Now().Add(30*time.Second)) // the one before was used to begin with it
			if err != nil {
				b.t.Fatal(err)
			}
			if status, text := b.finish(b.ticket(login), code); status != 200 {
				b.t.Fatalf("%d %s", status, text)
			}
			return func() (int, string) { return b.finish(b.ticket(login), code) }
		}},
		{"recovery code", "identity.finish_sign_in", []int{401, 403}, func(b *box, owner string) func() (int, string) {
			login, in := "recovers", b.invite(owner, "recovers", `"operator"`)
			_, codes := b.secondFactor(in.Session)
			if status, text := b.finish(b.ticket(login), codes[0]); status != 200 {
				b.t.Fatalf("%d %s", status, text)
			}
			return func() (int, string) { return b.finish(b.ticket(login), codes[0]) }
		}},
		{"ticket between password and code", "identity.finish_sign_in", []int{401, 403}, func(b *box, owner string) func() (int, string) {
			login, in := "ticketed", b.invite(owner, "ticketed", `"operator"`)
			_, codes := b.secondFactor(in.Session)
			ticket := b.ticket(login)
			if status, text := b.finish(ticket, codes[0]); status != 200 {
				b.t.Fatalf("%d %s", status, text)
			}
			return func() (int, string) { return b.finish(ticket, codes[1]) }
		}},
		{"answer of a passkey", "identity.finish_passkey_sign_in", []int{401, 403}, func(b *box, owner string) func() (int, string) {
			answer := b.passkey(b.invite(owner, "keyed", `"operator"`).Session)
			var begun struct{ Ceremony, Options string }
			b.must("POST", "/v1/sign-in/passkey/begin", "", `{}`, &begun)
			body, _ := json.Marshal(map[string]string{"ceremony": begun.Ceremony, "answer": answer(begun.Options)})
			use := func() (int, string) { return b.rest("POST", "/v1/sign-in/passkey/finish", "", string(body)) }
			if status, text := use(); status != 200 {
				b.t.Fatalf("%d %s", status, text)
			}
			return use
		}},
		{"secret of a device that was removed", "mqtt.connect", []int{int(0x86)}, func(b *box, owner string) func() (int, string) {
			var made struct{ Token string }
			b.must("POST", "/v1/devices", owner, `{"id":"pump","name":"pump","any_client":true}`, &made)
			if code, _ := b.mqtt("pump", made.Token); code != 0 {
				b.t.Fatalf("0x%02x", code)
			}
			b.must("DELETE", "/v1/devices/pump", owner, "", nil)
			return func() (int, string) { return b.mqtt("pump", made.Token) }
		}},
		{"session of a person at the broker", "mqtt.connect", []int{int(0x86)}, func(b *box, owner string) func() (int, string) {
			return func() (int, string) { return b.mqtt("mira", owner) }
		}},
	}
}

// secondFactor gives whoever a session is of an app for codes, and returns its secret and the recovery codes.
func (b *box) secondFactor(session string) (secret []byte, codes []string) {
	b.t.Helper()
	var begun struct{ Secret string }
	b.must("POST", "/v1/me/totp/begin", session, `{}`, &begun)
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(begun.Secret, " ", ""))
	if err != nil {
		b.t.Fatal(err)
	}
	code, err := totp.Code(secret, time.Now())
	if err != nil {
		b.t.Fatal(err)
	}
	var out struct{ Codes []string }
	b.must("POST", "/v1/me/totp/confirm", session, `{"code":"`+code+`"}`, &out)
	return secret, out.Codes
}

func (b *box) ticket(login string) string {
	b.t.Helper()
	var in struct{ Needs, Ticket string }
	b.must("POST", "/v1/sign-in", "", `{"login":"`+login+`","password":"`+lanterns+`"}`, &in)
	if in.Needs != "code" {
		b.t.Fatalf("%+v", in)
	}
	return in.Ticket
}

func (b *box) finish(ticket, code string) (int, string) {
	return b.rest("POST", "/v1/sign-in/code", "", `{"ticket":"`+ticket+`","code":"`+code+`"}`)
}

// passkey gives whoever a session is of a passkey, and returns what signs in with it.
func (b *box) passkey(session string) (answer func(options string) string) {
	b.t.Helper()
	_, port, _ := net.SplitHostPort(b.DoorAddr())
	a, err := passkeytest.New("http://localhost:"+port, "localhost")
	if err != nil {
		b.t.Fatal(err)
	}
	var begun struct{ Ceremony, Options string }
	b.must("POST", "/v1/me/passkeys/begin", session, `{}`, &begun)
	made, err := a.Register([]byte(begun.Options))
	if err != nil {
		b.t.Fatal(err)
	}
	body, _ := json.Marshal(map[string]string{"ceremony": begun.Ceremony, "answer": string(made), "name": "phone"})
	b.must("POST", "/v1/me/passkeys/finish", session, string(body), nil)
	return func(options string) string {
		out, err := a.SignIn([]byte(options))
		if err != nil {
			b.t.Fatal(err)
		}
		return string(out)
	}
}

// mqtt connects to the broker and returns the code of CONNACK (MQTT 5 section 3.2.2.2).
func (b *box) mqtt(id, secret string) (int, string) {
	b.t.Helper()
	c, err := net.Dial("tcp", b.MQTTAddr())
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	body := []byte{0, 4, 'M', 'Q', 'T', 'T', 5, 0xc2, 0, 60, 0}
	for _, s := range []string{id + "-1", id, secret} {
		body = append(append(body, byte(len(s)>>8), byte(len(s))), s...)
	}
	c.Write(append([]byte{0x10, byte(len(body))}, body...)) // shorter than 128 bytes
	var ack [4]byte
	if _, err := c.Read(ack[:]); err != nil {
		b.t.Fatal(err)
	}
	return int(ack[3]), fmt.Sprintf("% x", ack)
}

// What was used up or ended opens nothing, and that somebody tried is on record.
func TestNothingOpensTwice(t *testing.T) {
	t.Parallel() // it mostly waits
	b := start(t, smallConfig(t))
	code, err := b.SetupCode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var in signedIn
	b.must("POST", "/v1/setup", "", `{"code":"`+code+`","login":"mira","password":"purple camel teacup"}`, &in)
	owner := in.Session
	for _, tc := range replays(code) {
		wait(t.Context(), 200*time.Millisecond) // within the budget of this address
		t.Run(tc.name, func(t *testing.T) {
			again := tc.first(b, owner)
			began := time.Now().Add(-time.Second)
			before := b.refusals(owner, tc.op)
			status, text := again()
			for status == 429 { // the address has asked too much: that is no answer yet
				wait(t.Context(), 100*time.Millisecond)
				status, text = again()
			}
			ok := false
			for _, want := range tc.want {
				ok = ok || status == want
			}
			if !ok {
				t.Fatalf("it was answered %d %s, want %v", status, text, tc.want)
			}
			eventually(t, "the record", func() error {
				if n := b.refusals(owner, tc.op); n != before+1 {
					return edge.E(edge.NotFound, "%d records of %s after %v, %d before", n, tc.op, began, before)
				}
				return nil
			})
		})
	}
}

// A join code lets one machine in, once, for as long as it lasts.
func TestJoinCodes(t *testing.T) {
	cfg := smallConfig(t)
	cfg.Cluster.Addr = testport.Addr(t)
	b := start(t, cfg)
	owner := b.owner().Session
	join := func(code string) error {
		other := smallConfig(t)
		other.Cluster.Addr = testport.Addr(t)
		_, err := Join(t.Context(), other, JoinRequest{Addr: cfg.Cluster.Addr, Code: code})
		return err
	}
	brief, err := b.Invite(t.Context(), InviteRequest{Role: "node", Life: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	inv, err := b.Invite(t.Context(), InviteRequest{Role: "node"})
	if err != nil {
		t.Fatal(err)
	}
	if err := join(inv.Code); err != nil {
		t.Fatal(err)
	}
	wait(t.Context(), time.Until(brief.Expires)+100*time.Millisecond)
	for i, tc := range []struct{ name, code string }{{"used", inv.Code}, {"expired", brief.Code}} {
		if err := join(tc.code); !edge.IsKind(err, edge.Denied) {
			t.Errorf("%s: %v", tc.name, err)
		}
		eventually(t, "the record", func() error {
			if n := b.refusals(owner, "join.spend"); n != i+1 {
				return edge.E(edge.NotFound, "%d records", n)
			}
			return nil
		})
	}
}

// refusals counts the records of what was refused.
func (b *box) refusals(owner, op string) (n int) {
	b.t.Helper()
	var page auditPage
	b.must("GET", "/v1/audit/records?denied=true&page_size=200&op="+op, owner, "", &page)
	for _, r := range page.Records {
		if r.Denied && r.Op == op && r.Outcome == "denied" {
			n++
		}
	}
	return n
}
