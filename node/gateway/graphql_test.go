package gateway

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql/introspection"

	"github.com/aielon/edge/node/api/nodev1"
	"github.com/aielon/edge/node/gateway/call"
)

func gql(query string) string {
	b, _ := json.Marshal(map[string]string{"query": query})
	return string(b)
}

func TestGraphQL(t *testing.T) {
	b := newBench(t)
	for _, tc := range []struct {
		name, token, query string
		want               string
	}{
		{"mutation", "good", `mutation { setSetting(key:"hours", value:"8-18") { key value version by changed } }`,
			`{"data":{"setSetting":{"key":"hours","value":"8-18","version":"1","by":"amina","changed":null}},"extensions":{"index":"1"}}`},
		{"query", "good", `{ setting(key:"hours") { value ... on Setting { v: version } __typename } }`,
			`{"data":{"setting":{"value":"8-18","v":"1","__typename":"Setting"}},"extensions":{"index":"1"}}`},
		{"two", "good", `{ a: setting(key:"hours") { value } b: setting(key:"no") { value } status { role } __typename }`,
			`{"errors":[{"message":"there is no setting \"no\"","path":["b"],"extensions":{"code":"not_found","kind":"not_found","status":404}}],"data":{"a":{"value":"8-18"},"b":null,"status":{"role":"graphql"},"__typename":"Query"},"extensions":{"index":"1"}}`},
		{"in their order", "good", `mutation { a: setSetting(key:"o", value:"1") { value } b: setSetting(key:"o", value:"2", ifVersion:"9") { value } c: setSetting(key:"o", value:"3") { value } }`,
			`"data":{"a":{"value":"1"},"b":null,"c":{"value":"3"}},"extensions":{"index":"4"}}`},
		{"nobody", "", `{ setting(key:"hours") { value } ledger { joined } }`,
			`{"errors":[{"message":"sign in first","path":["setting"],"extensions":{"code":"unauthenticated","kind":"denied","status":401}}],"data":{"setting":null,"ledger":{"joined":false}}}`},
		{"not allowed", "guest", `mutation { setSetting(key:"hours", value:"x") { value } }`, `"message":"you may not do that","path":["setSetting"],"extensions":{"code":"permission_denied","kind":"denied","status":403}}],"data":{"setSetting":null}`},
		{"out of bounds", "good", `{ settings(pageSize: 1000000000) { nextPageToken } }`, `"message":"page_size is 1000000000, it must lie between 0 and 1000"`},
		{"no number", "good", `{ settings(pageSize: 1.5) { nextPageToken } }`, `Int cannot represent non-integer value`},
		{"skipped", "good", `{ setting(key:"hours") @skip(if: true) { value } }`, `{"data":{}}`},
		{"nothing to say", "good", `mutation { removeMember(node:"` + strings.Repeat("a", 64) + `") { ok } }`, `{"data":{"removeMember":{"ok":true}}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := b.do("POST", "/graphql", tc.token, gql(tc.query), "Accept", "application/graphql-response+json")
			if !strings.Contains(w.Body.String(), tc.want) {
				t.Fatalf("%d %s\nwant %s", w.Code, w.Body, tc.want)
			}
		})
	}
}

func TestGraphQLKeepsWhatItIsTold(t *testing.T) {
	b := newBench(t)
	q := gql(`mutation { a: setSetting(key:"k", value:"1") { value } b: setSetting(key:"k", value:"2") { value } }`)
	first := b.do("POST", "/graphql", "good", q, "Idempotency-Key", "k1")
	again := b.do("POST", "/graphql", "good", q, "Idempotency-Key", "k1")
	if first.Body.String() != again.Body.String() || b.site.index != 2 || again.Header().Get(call.Index) != "2" {
		t.Fatalf("%s\n%s\nthe site is at %d", first.Body, again.Body, b.site.index)
	}
	if w := b.do("POST", "/graphql", "good", `{"query":"{setting(key:\"k\"){value}}","extensions":{"readAfter":"999"}}`); !strings.Contains(w.Body.String(), "does not know") {
		t.Fatalf("%s", w.Body)
	}
	if w := b.do("POST", "/graphql", "good", `{"query":"query($k: String!){setting(key:$k){value}}","variables":{"k":"k"}}`); !strings.Contains(w.Body.String(), `{"value":"2"}`) {
		t.Fatalf("%s", w.Body)
	}
}

// TestGraphQLBadInput is the row "GraphQL" of the table of bad inputs: each is refused before anything is done.
func TestGraphQLBadInput(t *testing.T) {
	b := newBench(t)
	many := func(n int, f func(i int) string) string {
		var s strings.Builder
		for i := range n {
			s.WriteString(f(i))
		}
		return s.String()
	}
	bomb := "{ status { ...F0 } } " + many(60, func(i int) string {
		return fmt.Sprintf("fragment F%d on Status { a: link { held } ...F%d ... { ...F%d } } ", i, i+1, i+1)
	}) + "fragment F60 on Status { site }"
	deep := "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }"
	variables := `{"query":"{status{site}}","variables":{` + strings.TrimSuffix(many(101, func(i int) string { return fmt.Sprintf(`"v%d":1,`, i) }), ",") + `}}`
	for _, tc := range []struct {
		name, token, body string
		status            int
		want              string
	}{
		{"deep", "good", gql("{ status " + strings.Repeat("{ link ", 100) + "{ held }" + strings.Repeat("}", 101)), 400, `Cannot query field`},
		{"deep introspection", "good", gql(deep), 400, `introspection depth`},
		{"aliases", "good", gql("{ " + many(10000, func(i int) string { return fmt.Sprintf("a%d: status { site } ", i) }) + "}"), 400, `token limit`},
		{"calls", "good", gql("{ " + many(21, func(i int) string { return fmt.Sprintf("a%d: status { site } ", i) }) + "}"), 507, `the operation has 21 calls, it may have 20`},
		{"fields", "good", gql("{ status { " + many(390, func(i int) string { return fmt.Sprintf("a%d:site ", i) }) + "} ...F ...F b: status { ...G } c: status { ...G } } fragment F on Query { x: status { ...G } } fragment G on Status {" + many(200, func(i int) string { return fmt.Sprintf("b%d:site ", i) }) + "}"), 507, `fields, it may have 1000`},
		{"fragment bomb", "good", gql(bomb), 507, `the operation has`},
		{"fragment cycle", "good", gql("{ status { ...A } } fragment A on Status { ...B } fragment B on Status { ...A }"), 400, `itself`},
		{"batch", "good", "[" + strings.TrimSuffix(strings.Repeat(gql("{status{site}}")+",", 1000), ",") + "]", 400, `one by one`},
		{"introspection", "guest", gql("{ __schema { types { name } } }"), 403, `signed in`},
		{"introspection in a fragment", "", gql("{ ...F } fragment F on Query { x: __type(name:\"Status\") { name } }"), 403, `signed in`},
		{"suggestion of a field", "", gql("{ statu { site } }"), 400, `Cannot query field \"statu\" on type \"Query\".`},
		{"suggestion of an argument", "", gql(`{ setting(ke:"a") { value } }`), 400, `Unknown argument \"ke\"`},
		{"suggestion of a type", "", gql(`{ ... on Statu { site } }`), 400, `Unknown type \"Statu\"`},
		{"directives", "good", gql("{ status { site " + strings.Repeat("@skip(if:false) ", 200) + "} }"), 400, `can only be used once`},
		{"answer in parts", "good", gql("{ status { ... @defer { site } } }"), 400, `Unknown directive`},
		{"variable of another type", "good", `{"query":"query($n:Int){settings(pageSize:$n){nextPageToken}}","variables":{"n":"ten"}}`, 400, `cannot use string as Int`},
		{"variable that is missing", "good", `{"query":"query($k:String!){setting(key:$k){value}}"}`, 400, `must be defined`},
		{"variables", "good", variables, 507, `101 variables`},
		{"variables that are a list", "good", `{"query":"{status{site}}","variables":[1]}`, 400, `not the JSON`},
		{"huge list", "good", `{"query":"mutation($f:[String!]){registerDevice(id:\"a\",publish:{filters:$f}){token}}","variables":{"f":["a"` + strings.Repeat(`,"a"`, 40) + `]}}`, 200, `holds 41 items`},
		{"huge body", "good", gql("{ status { site } } #" + strings.Repeat("a", 2<<20)), 413, `longer than`},
		{"persisted", "good", `{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + strings.Repeat("a", 64) + `"}}}`, 400, `PersistedQueryNotSupported`},
		{"poisoned", "good", `{"query":"{ledger{joined}}","extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + strings.Repeat("a", 64) + `"}}}`, 200, `{"data":{"ledger"`},
		{"nothing", "good", `{}`, 400, `no query`},
		{"two values", "good", gql("{status{site}}") + "{}", 400, `not the JSON`},
		{"secrets in a broken body", "good", `{"query":"mutation{joinHub(code:\"topsecret\")`, 400, `not the JSON`},
		{"two subscriptions", "good", gql("subscription { watchStatus { site } watchLedger { joined } }"), 400, `must select only one`},
		{"a stream at once", "good", gql("subscription { watchStatus { site } }"), 406, `answered by a stream`},
		{"deep JSON", "good", `{"query":"{status{site}}","variables":{"a":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}}`, 400, `not the JSON`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			began := time.Now()
			w := b.do("POST", "/graphql", tc.token, tc.body, "Accept", "application/graphql-response+json")
			got := w.Body.String()
			if w.Code != tc.status || !strings.Contains(got, tc.want) {
				t.Fatalf("%d %.400s\nwant %d with %s", w.Code, got, tc.status, tc.want)
			}
			if strings.Contains(got, "Did you mean") || strings.Contains(got, "topsecret") {
				t.Fatalf("it tells too much: %s", got)
			}
			if took := time.Since(began); took > time.Second {
				t.Fatalf("it took %v", took)
			}
		})
	}
	if b.site.index != 0 {
		t.Fatalf("something was done: the site is at %d", b.site.index)
	}
}

func TestGraphQLOverHTTP(t *testing.T) {
	b := newBench(t)
	get := func(q string) string { return "/graphql?query=" + url.QueryEscape(q) }
	for _, tc := range []struct {
		name, method, path, body string
		head                     []string
		status                   int
		kind, want               string
	}{
		{"get", "GET", get("{status{site}}"), "", nil, 200, "application/json", `{"data":{"status":{"site":"clinic"}}}`},
		{"head", "HEAD", get("{status{site}}"), "", nil, 405, "application/json", ``},
		{"get with variables", "GET", get("query($k:String!){setting(key:$k){value}}") + "&variables=" + url.QueryEscape(`{"k":"no"}`), "", nil, 200, "application/json", `there is no setting`},
		{"get that changes something", "GET", get(`mutation{setSetting(key:"a",value:"b"){key}}`), "", nil, 405, "application/json", `use POST`},
		{"followed by get that changes something", "GET", get(`subscription{createBackup{name}}`), "", []string{"Accept", "text/event-stream"}, 405, "application/graphql-response+json", `use POST`},
		{"form", "POST", "/graphql", `query={status{site}}`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "application/json", `must be JSON`},
		{"no type", "POST", "/graphql", gql("{status{site}}"), []string{"Content-Type", ""}, 415, "application/json", `must be JSON`},
		{"another charset", "POST", "/graphql", gql("{status{site}}"), []string{"Content-Type", "application/json; charset=utf-16"}, 415, "application/json", `must be JSON`},
		{"not accepted", "POST", "/graphql", gql("{status{site}}"), []string{"Accept", "text/html"}, 406, "application/json", `answers come as`},
		{"of old", "POST", "/graphql", gql("{statu{site}}"), []string{"Accept", "application/json"}, 200, "application/json", `"errors"`},
		{"anything", "POST", "/graphql", gql("{status{site}}"), []string{"Accept", "*/*"}, 200, "application/json", `{"data"`},
		{"best", "POST", "/graphql", gql("{status{site}}"), []string{"Accept", "application/json;q=0.5, application/graphql-response+json"}, 200, "application/graphql-response+json", `{"data"`},
		{"foreign page", "POST", "/graphql", gql("{status{site}}"), []string{"Origin", "https://evil.example"}, 403, "application/problem+json", `another site`},
		{"token in the address", "GET", get("{status{site}}") + "&token=x", "", nil, 400, "application/problem+json", `secret`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := b.do(tc.method, tc.path, "good", tc.body, tc.head...)
			kind, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
			if w.Code != tc.status || kind != tc.kind || !strings.Contains(w.Body.String(), tc.want) {
				t.Fatalf("%d %q %s\nwant %d %s with %s", w.Code, kind, w.Body, tc.status, tc.kind, tc.want)
			}
		})
	}
}

func TestGraphQLShowsItselfToWhoMay(t *testing.T) {
	b := newBench(t)
	w := b.do("POST", "/graphql", "good", gql(introspection.NewQuery(introspection.QueryOptions{OneOf: true})))
	var got struct {
		Data struct {
			Schema struct {
				QueryType struct{ Name string }
				Types     []struct {
					Name, Kind  string
					Fields      []struct{ Name, Description string }
					InputFields []struct{ Name string }
				}
			} `json:"__schema"`
		}
		Errors []any
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Errors) > 0 || got.Data.Schema.QueryType.Name != "Query" {
		t.Fatalf("%v %.300s", err, w.Body)
	}
	seen := map[string]int{}
	for _, x := range got.Data.Schema.Types {
		seen[x.Name] = len(x.Fields) + len(x.InputFields)
		if x.Name == "Device" && x.Fields[1].Description != "What people call it." {
			t.Fatalf("%+v", x.Fields)
		}
	}
	if seen["Device"] != 12 || seen["TopicsInput"] != 1 || seen["__Type"] == 0 {
		t.Fatalf("%v", seen)
	}
}

func TestGraphQLFollowsByEvents(t *testing.T) {
	b := newBench(t)
	srv := httptest.NewServer(b.h)
	defer srv.Close()
	defer srv.CloseClientConnections()
	r, _ := http.NewRequest("POST", srv.URL+"/graphql", strings.NewReader(gql("subscription { watchStatus { site link { held } } }")))
	for name, v := range map[string]string{"Authorization": "Bearer good", "Accept": "text/event-stream", "Content-Type": "application/json"} {
		r.Header.Set(name, v)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	next := func() (text string) {
		for lines.Scan() {
			if l := lines.Text(); l == "" && text != "" {
				return text
			} else if l != "" && l != ":" {
				text += l + "|"
			}
		}
		return text
	}
	b.status <- &nodev1.Status{Site: "a", Link: &nodev1.Link{Held: true}}
	if got := next(); got != `event: next|data: {"data":{"watchStatus":{"site":"a","link":{"held":true}}}}|` {
		t.Fatalf("%q", got)
	}
	close(b.status)
	if got := next(); got != "event: complete|data:|" {
		t.Fatalf("%q", got)
	}
	if w := b.do("POST", "/graphql", "", gql("subscription { watchStatus { site } }"), "Accept", "text/event-stream"); !strings.Contains(w.Body.String(), `event: next`+"\n"+`data: {"errors":[{"message":"sign in first"`) || !strings.HasSuffix(w.Body.String(), "event: complete\ndata:\n\n") {
		t.Fatalf("%s", w.Body)
	}
}
