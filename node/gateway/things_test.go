package gateway_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/node/gateway/guard"
	"github.com/aielon/edge/node/policy"
)

// Through a door, a member moves sums from accounts of its own and from no other, in one request or in many parts: one
// account of another's among all keeps the whole from being done.
func TestThingsOfOthers(t *testing.T) {
	engine, err := policy.New()
	if err != nil {
		t.Fatal(err)
	}
	mask, err := audit.NewMask(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	state := edgetest.New(edge.Actor{}, time.Now())
	g := guard.New(guard.Options{Engine: func() *policy.Engine { return engine }, View: func(f func(edge.View) error) error { return f(state) }, Record: &tally{denied: map[string]int{}, allowed: map[string]int{}},
		Mask: func() *audit.Mask { return mask }, Now: time.Now, Factors: func(auth.Caller) (bool, error) { return true, nil }, Online: func() bool { return true },
		Roles: func(string) ([]string, error) { return nil, nil },
		Owner: func(_ edge.View, typ, id string) (string, bool, error) {
			owner, _, _ := strings.Cut(id, "-")
			return map[string]string{"mine": caller, "others": other}[owner], typ == "account", nil
		}})
	ask, done := gateway.SampleLedger(t, g, callers{})
	move := func(from string) string { return `{"from":"` + from + `-1","to":"others-1","amount":"1"}` }
	batch := func(last string) string {
		return `{"moves":[` + strings.Repeat(move("mine")+",", 7) + move(last) + `]}`
	}
	const one, all = "/v1/sample/moves", "/v1/sample/moves:batch"
	for _, tc := range []struct {
		who, path, body string
		status          int
	}{
		{"", one, move("mine"), 401},
		{"member", one, move("mine"), 200},
		{"member", one, move("others"), 404},
		{"member", one, move("nobody"), 404},
		{"wallet-officer", one, move("others"), 200},
		{"member", all, batch("mine"), 200},
		{"member", all, batch("others"), 404},
		{"member", all, batch("nobody"), 404},
		{"member", all, strings.Replace(batch("mine"), "]", `],"feeFrom":"others-1"`, 1), 404},
		{"wallet-officer", all, batch("others"), 200},
		{"member", "/aielon.sample.v1.Ledger/MoveAll", batch("others"), 404},
		{"auditor", all, batch("others"), 403},
	} {
		was, token := done(), ""
		if tc.who != "" {
			token = "as:" + tc.who
		}
		w := ask("POST", tc.path, token, tc.body)
		if w.Code != tc.status || (done() > was) != (tc.status == 200) {
			t.Errorf("%s, %s %s: %d %s, %d commands", tc.who, tc.path, tc.body, w.Code, w.Body, done()-was)
		}
	}
	others, nobody := ask("GET", "/v1/sample/accounts/others-1", "as:member", "", "X-Request-Id", "abcdefgh"), ask("GET", "/v1/sample/accounts/nobody-1", "as:member", "", "X-Request-Id", "abcdefgh")
	if others.Code != 404 || others.Body.String() != nobody.Body.String() {
		t.Errorf("it shows whether there is such an account: %s %s", others.Body, nobody.Body)
	}
	if w := ask("GET", "/v1/sample/accounts/mine-1", "as:member", ""); w.Code != 200 {
		t.Errorf("one's own account: %d %s", w.Code, w.Body)
	}
}
