package node

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A till is a node with money on it: an officer, two members, and their accounts.
type till struct {
	*box
	boss, officer, a, b signedIn
	desk, ofA, ofB, kwd string // accounts
	frozen, shut, roof  string
	sent                string // a transfer of 1000 to ofA
}

func newTill(t *testing.T) *till {
	x := &till{box: start(t, smallConfig(t))}
	mira := x.box.owner()
	x.boss = mira
	x.officer = x.invite(mira.Session, "till", `"wallet-officer"`)
	x.a, x.b = x.invite(mira.Session, "payer", `"member"`), x.invite(mira.Session, "payee", `"member"`)
	x.post("/v1/wallet/funds", `{"id":"sadaqah:roof","name":"Roof"}`)
	x.desk, x.roof = x.account(`"kind":"CASH","asset":"IDR","fund":"amanah"`), x.account(`"kind":"CASH","asset":"IDR","fund":"sadaqah:roof"`)
	x.ofA, x.ofB = x.account(`"kind":"MEMBER","asset":"IDR","owner":"`+x.a.Person.ID+`"`), x.account(`"kind":"MEMBER","asset":"IDR","owner":"`+x.b.Person.ID+`"`)
	x.kwd = x.account(`"kind":"MEMBER","asset":"KWD","owner":"` + x.a.Person.ID + `"`)
	x.frozen, x.shut = x.account(`"kind":"MEMBER","asset":"IDR","owner":"f"`), x.account(`"kind":"MEMBER","asset":"IDR","owner":"g"`)
	x.post("/v1/wallet/accounts/"+x.frozen+"/freeze", `{"reason":"for a test"}`)
	x.post("/v1/wallet/accounts/"+x.shut+"/close", `{}`)
	x.sent = x.fresh()
	x.post("/v1/wallet/transfers", fmt.Sprintf(`{"transfer":{"id":%q,"debit":%q,"credit":%q,"amount":"1000"}}`, x.sent, x.desk, x.ofA))
	return x
}

func (x *till) fresh() string { return edge.NewID().String() }

// post is what the officer does, and has to go well.
func (x *till) post(path, body string) (answer string) {
	x.t.Helper()
	code, answer := x.rest("POST", path, x.officer.Session, body)
	if code != 200 {
		x.t.Fatalf("%s: %d %s", path, code, answer)
	}
	return answer
}

func (x *till) account(what string) string {
	x.t.Helper()
	var a struct{ ID string }
	if err := json.Unmarshal([]byte(x.post("/v1/wallet/accounts", "{"+what+"}")), &a); err != nil {
		x.t.Fatal(err)
	}
	return a.ID
}

// told is what a door says of a refusal.
type told struct {
	status     int // of HTTP; 0 where the door has none
	kind, code string
}

// doors are three ways to ask for a transfer.
func (x *till) doors() map[string]func(token string, in *walletv1.NewTransfer) told {
	conn, err := grpc.NewClient(x.DoorAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(func() { conn.Close() })
	text := func(in *walletv1.NewTransfer) []byte {
		b, err := protojson.Marshal(in)
		if err != nil {
			x.t.Fatal(err)
		}
		return b
	}
	return map[string]func(string, *walletv1.NewTransfer) told{
		"REST": func(token string, in *walletv1.NewTransfer) told {
			code, answer := x.rest("POST", "/v1/wallet/transfers", token, `{"transfer":`+string(text(in))+`}`)
			return restTold(x.t, code, answer)
		},
		"GraphQL": func(token string, in *walletv1.NewTransfer) (got told) {
			q, err := json.Marshal(map[string]any{"query": "mutation($t: NewTransferInput!){createTransfer(transfer:$t){id status}}", "variables": map[string]any{"t": json.RawMessage(text(in))}})
			if err != nil {
				x.t.Fatal(err)
			}
			_, answer := x.rest("POST", "/graphql", token, string(q))
			var out struct {
				Errors []struct {
					Extensions struct {
						Status     int
						Kind, Code string
					}
				}
			}
			if err := json.Unmarshal([]byte(answer), &out); err != nil {
				x.t.Fatal(answer)
			}
			if len(out.Errors) == 0 {
				return told{status: 200}
			}
			e := out.Errors[0].Extensions
			return told{e.Status, e.Kind, e.Code}
		},
		"gRPC": func(token string, in *walletv1.NewTransfer) told {
			ctx := metadata.AppendToOutgoingContext(x.t.Context(), "authorization", "Bearer "+token)
			err := conn.Invoke(ctx, "/aielon.wallet.v1.Ledger/CreateTransfer", &walletv1.CreateTransferRequest{Transfer: in}, &walletv1.Transfer{})
			return grpcTold(x.t, err)
		},
	}
}

func restTold(t testing.TB, code int, answer string) told {
	if code < 400 {
		return told{status: code}
	}
	var p struct{ Title, Code string }
	if err := json.Unmarshal([]byte(answer), &p); err != nil {
		t.Fatal(answer)
	}
	return told{code, p.Title, p.Code}
}

func grpcTold(t testing.TB, err error) told {
	if err == nil {
		return told{}
	}
	for _, d := range status.Convert(err).Details() {
		if p, ok := d.(*api.Problem); ok {
			return told{0, p.GetKind(), p.GetCode()}
		}
	}
	t.Fatalf("%v says no problem", err)
	return told{}
}

// stand is where all accounts are, and that all of it recomputes.
func (x *till) stand() string {
	x.t.Helper()
	rep, err := x.auditOf().Money().Check(x.t.Context(), nil)
	if err != nil || len(rep.Problems) > 0 {
		x.t.Fatal(rep.Problems, err)
	}
	code, answer := x.rest("GET", "/v1/wallet/accounts", x.officer.Session, "")
	if code != 200 {
		x.t.Fatal(code, answer)
	}
	return fmt.Sprint(rep.Entries) + answer
}

// What cannot be done is refused alike at every door, by its own code, and moves nothing.
func TestMoneyRefused(t *testing.T) {
	x := newTill(t)
	doors := x.doors()
	from := func(debit, credit, sum string) func() *walletv1.NewTransfer {
		return func() *walletv1.NewTransfer {
			return &walletv1.NewTransfer{Id: x.fresh(), Debit: debit, Credit: credit, Amount: sum}
		}
	}
	sum := func(s string) func() *walletv1.NewTransfer { return from(x.desk, x.ofA, s) }
	with := func(make func() *walletv1.NewTransfer, change func(*walletv1.NewTransfer)) func() *walletv1.NewTransfer {
		return func() *walletv1.NewTransfer { in := make(); change(in); return in }
	}
	officer, a := x.officer.Session, x.a.Session
	for _, tc := range []struct {
		name, token string
		in          func() *walletv1.NewTransfer
		status      int
		kind, code  string
	}{
		{"negative", officer, sum("-1"), 400, "invalid", "amount_invalid"},
		{"negative zero", officer, sum("-0"), 400, "invalid", "amount_invalid"},
		{"nothing", officer, sum("0"), 400, "invalid", "amount_invalid"},
		{"empty", officer, sum(""), 400, "invalid", "amount_invalid"},
		{"fraction", officer, sum("1.5"), 400, "invalid", "scale_mismatch"},
		{"fraction with a comma", officer, sum("1,5"), 400, "invalid", "amount_invalid"},
		{"exponent", officer, sum("1e3"), 400, "invalid", "amount_invalid"},
		{"NaN", officer, sum("NaN"), 400, "invalid", "amount_invalid"},
		{"infinite", officer, sum("Infinity"), 400, "invalid", "amount_invalid"},
		{"hexadecimal", officer, sum("0x10"), 400, "invalid", "amount_invalid"},
		{"sign", officer, sum("+5"), 400, "invalid", "amount_invalid"},
		{"space", officer, sum(" 5"), 400, "invalid", "amount_invalid"},
		{"Arabic digits", officer, sum("١٠٠"), 400, "invalid", "amount_invalid"},
		{"full-width digits", officer, sum("１００"), 400, "invalid", "amount_invalid"},
		{"beyond 128 bits", officer, sum("340282366920938463463374607431768211456"), 400, "invalid", "amount_invalid"},
		{"sixty digits", officer, sum(strings.Repeat("9", 60)), 400, "invalid", "invalid_request"},
		{"the most there is", officer, sum("340282366920938463463374607431768211455"), 422, "refused", "amount_overflow"},
		{"more than is there", a, from(x.ofA, x.ofB, "1001"), 422, "refused", "insufficient_funds"},
		{"to oneself", officer, from(x.ofA, x.ofA, "1"), 400, "invalid", "invalid_request"},
		{"from no account", officer, from("", x.ofA, "1"), 400, "invalid", "invalid_request"},
		{"to none there", officer, from(x.desk, edge.NewID().String(), "1"), 404, "not_found", "account_not_found"},
		{"to what is no id", officer, from(x.desk, "x", "1"), 400, "invalid", "invalid_request"},
		{"another currency", officer, from(x.desk, x.kwd, "1"), 422, "refused", "currency_mismatch"},
		{"a currency not meant", officer, with(sum("1"), func(in *walletv1.NewTransfer) { in.Asset = "USD" }), 422, "refused", "currency_mismatch"},
		{"another fund", officer, from(x.roof, x.ofA, "1"), 422, "refused", "fund_restricted"},
		{"frozen", officer, from(x.desk, x.frozen, "1"), 422, "refused", "account_frozen"},
		{"closed", officer, from(x.desk, x.shut, "1"), 422, "refused", "account_closed"},
		{"somebody else's money", a, from(x.ofB, x.ofA, "1"), 404, "not_found", ""},
		{"the house's money", a, from(x.desk, x.ofA, "1"), 404, "not_found", ""},
		{"somebody else's in a second leg", a, func() *walletv1.NewTransfer {
			return &walletv1.NewTransfer{Id: x.fresh(), Legs: []*walletv1.Leg{{Debit: x.ofA, Credit: x.desk, Amount: "1"}, {Debit: x.ofB, Credit: x.ofA, Amount: "1"}}}
		}, 404, "not_found", ""},
		{"nobody", "", from(x.ofA, x.ofB, "1"), 401, "denied", ""},
		{"replay with another amount", officer, with(sum("999"), func(in *walletv1.NewTransfer) { in.Id = x.sent }), 409, "conflict", "idempotency_conflict"},
		{"replay with another payee", officer, with(from(x.desk, x.ofB, "1000"), func(in *walletv1.NewTransfer) { in.Id = x.sent }), 409, "conflict", "idempotency_conflict"},
		{"too many legs", officer, func() *walletv1.NewTransfer {
			in := &walletv1.NewTransfer{Id: x.fresh()}
			for range 257 {
				in.Legs = append(in.Legs, &walletv1.Leg{Debit: x.desk, Credit: x.ofA, Amount: "1"})
			}
			return in
		}, 400, "invalid", "invalid_request"},
	} {
		before := x.stand()
		for door, ask := range doors {
			got := ask(tc.token, tc.in())
			want := told{tc.status, tc.kind, tc.code}
			if got.status == 0 {
				want.status = 0
			}
			if tc.code == "" { // GraphQL has one of its own where there is none
				got.code = ""
			}
			if got != want {
				t.Errorf("%s, %s: %+v, want %+v", tc.name, door, got, want)
			}
		}
		if after := x.stand(); after != before {
			t.Errorf("%s: something has changed\n%s\n%s", tc.name, before, after)
		}
	}
}

// A request is known by its key: the same again is answered alike, and another one under it refused.
func TestMoneyReplayed(t *testing.T) {
	x := newTill(t)
	pay := func(key, sum string) (int, string, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+x.DoorAddr()+"/v1/wallet/transfers", strings.NewReader(fmt.Sprintf(`{"transfer":{"debit":%q,"credit":%q,"amount":%q}}`, x.ofA, x.ofB, sum)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+x.a.Session)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var out struct{ ID, Code string }
		if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, out.ID + out.Code, res.Header.Get("Idempotency-Replayed")
	}
	status, id, again := pay("k-1", "10")
	if status != 200 || again != "" {
		t.Fatal(status, id, again)
	}
	before := x.stand()
	if s, i, r := pay("k-1", "10"); s != 200 || i != id || r != "true" {
		t.Error(s, i, r)
	}
	if s, code, _ := pay("k-1", "11"); s != 409 || code != "idempotency_conflict" {
		t.Error(s, code)
	}
	if after := x.stand(); after != before {
		t.Errorf("something has changed\n%s\n%s", before, after)
	}
}
