package node

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/aielon/edge/node/auth/passkey/passkeytest"
)

// A ceremony is what the node asks a passkey to sign.
type ceremony struct{ Ceremony, Options string }

// answer is what goes back, as the body of the method that ends the ceremony.
func (c ceremony) answer(t *testing.T, sign func([]byte) ([]byte, error)) string {
	t.Helper()
	signed, err := sign([]byte(c.Options))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]string{"ceremony": c.Ceremony, "answer": string(signed)})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// An asker calls one method and returns the answer or the refusal as JSON.
type asker func(method, params string) (ok bool, answer string)

func (b *box) restAsker(token string) asker {
	routes := map[string]string{"identity.create_invitation": "/v1/invitations", "identity.begin_passkey_sign_in": "/v1/sign-in/passkey/begin", "identity.prove": "/v1/me/prove"}
	return func(method, params string) (bool, string) {
		status, answer := b.rest("POST", routes[method], token, params)
		return status == 200, answer
	}
}

func (b *box) connectAsker(token string) asker {
	names := map[string]string{"identity.create_invitation": "Identity/CreateInvitation", "identity.begin_passkey_sign_in": "SignIn/BeginPasskeySignIn", "identity.prove": "Me/Prove"}
	return func(method, params string) (bool, string) {
		status, answer := b.rest("POST", "/aielon.identity.v1."+names[method], token, params)
		var out struct{ Details []struct{ Value string } }
		if err := json.Unmarshal([]byte(answer), &out); err != nil {
			b.t.Fatalf("%v of %s", err, answer)
		}
		for _, d := range out.Details {
			text, _ := base64.RawStdEncoding.DecodeString(d.Value)
			answer += string(text)
		}
		return status == 200, answer
	}
}

func (b *box) socketAsker(token string) asker {
	b.t.Helper()
	c, _, err := websocket.Dial(b.t.Context(), "ws://"+b.DoorAddr()+"/ws", &websocket.DialOptions{Subprotocols: []string{"jsonrpc"}, HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { c.CloseNow() })
	return func(method, params string) (bool, string) {
		b.t.Helper()
		if err := c.Write(b.t.Context(), websocket.MessageText, fmt.Appendf(nil, `{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, method, params)); err != nil {
			b.t.Fatal(err)
		}
		_, text, err := c.Read(b.t.Context())
		if err != nil {
			b.t.Fatal(err)
		}
		var out struct{ Result, Error json.RawMessage }
		if err := json.Unmarshal(text, &out); err != nil {
			b.t.Fatalf("%v of %s", err, text)
		}
		return out.Error == nil, string(out.Result) + string(out.Error)
	}
}

// TestPasskeyProvesAtEveryDoor: who signed in by password alone is asked for a second proof where one is needed; a
// passkey gives it, over REST, Connect and a WebSocket that is open, and then the same call goes through.
func TestPasskeyProvesAtEveryDoor(t *testing.T) {
	b := start(t, smallConfig(t))
	me := b.owner()
	_, port, err := net.SplitHostPort(b.DoorAddr())
	if err != nil {
		t.Fatal(err)
	}
	key, err := passkeytest.New("http://localhost:"+port, "localhost")
	if err != nil {
		t.Fatal(err)
	}
	var c ceremony
	b.must("POST", "/v1/me/passkeys/begin", me.Session, `{}`, &c)
	b.must("POST", "/v1/me/passkeys/finish", me.Session, c.answer(t, key.Register), nil)
	for door, open := range map[string]func(string) asker{"REST": b.restAsker, "Connect": b.connectAsker, "WebSocket": b.socketAsker} {
		t.Run(door, func(t *testing.T) {
			var in signedIn
			b.must("POST", "/v1/sign-in", "", `{"login":"mira","password":"purple camel teacup"}`, &in)
			ask := open(in.Session)
			const invite = `{"roles":["member"]}`
			if ok, answer := ask("identity.create_invitation", invite); ok || !strings.Contains(answer, `second-factor`) {
				t.Fatalf("by password alone: %s", answer)
			}
			if ok, answer := ask("identity.prove", `{"ceremony":"AAAA","answer":"{}"}`); ok {
				t.Fatalf("nonsense proves: %s", answer)
			}
			ok, answer := ask("identity.begin_passkey_sign_in", `{}`)
			var c ceremony
			if err := json.Unmarshal([]byte(answer), &c); !ok || err != nil {
				t.Fatalf("%s %v", answer, err)
			}
			proof := c.answer(t, key.SignIn)
			if ok, answer := ask("identity.prove", proof); !ok {
				t.Fatalf("the passkey: %s", answer)
			}
			if ok, answer := ask("identity.create_invitation", invite); !ok {
				t.Errorf("after the passkey: %s", answer)
			}
			if ok, answer := ask("identity.prove", proof); ok {
				t.Errorf("one signature proves twice: %s", answer)
			}
		})
	}
}
