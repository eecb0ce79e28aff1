package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/node/gateway/guard"
	"github.com/aielon/edge/node/gateway/method"
	"github.com/aielon/edge/node/policy"
)

// Whom and what the matrix is about: the caller, somebody else who is a member, and an owner.
const (
	caller = "caller"
	other  = "somebody"
	boss   = "boss"
)

// callers lets whoever shows "as:<role>" be somebody with that role alone, proven as well as anybody can.
type callers struct{}

func (callers) Authenticate(_ context.Context, c auth.Credentials) (auth.Caller, error) {
	name, ok := strings.CutPrefix(c.Bearer, "as:")
	if !ok {
		return auth.Caller{}, nil
	}
	for _, r := range policy.Roles() {
		if r.Name == name {
			return auth.Caller{Actor: edge.Actor{Kind: r.Kinds[0], ID: caller}, Roles: []string{name}, Strength: auth.Passkey, Since: time.Now(), Until: time.Now().Add(time.Hour)}, nil
		}
	}
	return auth.Caller{}, errors.New("there is no such role")
}

// tally counts audit records.
type tally struct {
	mu              sync.Mutex // guards what follows
	denied, allowed map[string]int
}

func (r *tally) Append(_ context.Context, rec audit.Record) (edge.Pos, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rec.Denied {
		r.denied[rec.Op]++
	} else {
		r.allowed[rec.Op]++
	}
	_, err := rec.ToEvent()
	return edge.Pos{}, err
}

// reviewed reads the matrix of package policy, which a person has reviewed: by role and permission what may be done
// to one's own and to others' things of the four classes. A letter is a yes, a dash a no, and a dot a no that does not
// even tell that there is such a thing. That it is what a table written by hand says, and
// what Decide says, is tested there.
func reviewed(t *testing.T) map[string]string {
	f, err := os.Open("../policy/testdata/matrix.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cells := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		part := strings.Fields(lines.Text()) // role permission own PS.. other PS..
		if len(part) != 6 || part[2] != "own" || part[4] != "other" {
			t.Fatalf("not a line of the matrix: %q", lines.Text())
		}
		cells[part[0]+" "+part[1]] = part[3] + part[5]
	}
	return cells
}

// A cell is one question to one door.
type cell struct {
	role, object, gives string
	m                   *method.Method
}

// expected is the kind of what is to be answered, from the reviewed matrix and the schemas' rules alone.
func (c cell) expected(cells map[string]string, classes map[string]edge.Class) edge.Kind {
	rule := c.m.Rule
	switch {
	case rule.GetOpen():
		return letIn
	case c.role == "":
		return edge.Denied
	case rule.GetNeeds() == "":
		return letIn
	}
	own := c.object == caller && slices.Contains(owned, rule.GetObject()) || rule.GetNeeds() == "identity.self" || rule.GetNeeds() == "identity.whoami"
	at := int(max(edge.Class(rule.GetClass()), classes[rule.GetNeeds()]))
	if !own {
		at += 4
	}
	row := cells[c.role+" "+rule.GetNeeds()]
	switch {
	case len(row) != 8:
		return edge.Internal // the matrix lacks it
	case row[at] == '.' && c.object != "":
		return edge.NotFound
	case row[at] == '.' || row[at] == '-':
		return edge.Denied
	case c.role != "owner" && c.promotes():
		return edge.Denied
	}
	return letIn
}

// owned are the types of things that somebody owns. Here each has the id of whom it belongs to.
var owned = []string{"device", "person", "account", "transfer", "decision", "review", "release", "rule-set", "zakat-case", "allotment", "payment", "invoice"}

// letIn is the kind of the error that all methods answer here.
const letIn = edge.Unavailable

// promotes reports whether only an owner may do it, by what becomes of roles.
func (c cell) promotes() bool {
	switch c.m.Rule.GetRoles() {
	case api.Roles_ROLES_GIVEN:
		return c.gives == "owner"
	case api.Roles_ROLES_LENT:
		return c.gives != c.role // nobody has a role here that they could lend besides their own
	case api.Roles_ROLES_CHANGED:
		return c.object == caller || (c.object == boss) != (c.gives == "owner") // an owner who stays one is not touched
	case api.Roles_ROLES_HELD:
		return c.object == boss
	}
	return false
}

// Every role, every method, one's own and others' objects, every door: what is let in is what was reviewed, and
// every refusal of somebody known is recorded.
func TestPermissionMatrix(t *testing.T) {
	cells, classes := reviewed(t), map[string]edge.Class{}
	for _, p := range policy.Permissions() {
		classes[string(p.Name)] = p.Class
	}
	base, err := policy.New()
	if err != nil {
		t.Fatal(err)
	}
	mask, err := audit.NewMask(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	records := &tally{denied: map[string]int{}, allowed: map[string]int{}}
	state := edgetest.New(edge.Actor{}, time.Now())
	g := guard.New(guard.Options{Engine: func() *policy.Engine { return base }, View: func(f func(edge.View) error) error { return f(state) }, Record: records,
		Mask: func() *audit.Mask { return mask }, Now: time.Now, Owner: func(_ edge.View, typ, id string) (string, bool, error) {
			return id, slices.Contains(owned[2:], typ), nil
		},
		Factors: func(auth.Caller) (bool, error) { return true, nil }, Online: func() bool { return true },
		Roles: func(who string) ([]string, error) {
			return map[string][]string{other: {"member"}, boss: {"owner"}}[who], nil
		}})
	methods, doors := gateway.Doors(t, g, callers{})
	list := questions(methods)
	var mu sync.Mutex // guards what follows
	asked, refused, skipped := 0, map[string]int{}, map[string]bool{}
	t.Run("doors", func(t *testing.T) {
		for name, door := range doors {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				n, no := 0, map[string]int{}
				for _, c := range list {
					if name == "GraphQL" && c.m.Desc.Output().FullName() == (&httpbody.HttpBody{}).ProtoReflect().Descriptor().FullName() {
						mu.Lock()
						skipped[c.m.Op] = true // the bytes of a file have no place in a graph
						mu.Unlock()
						continue
					}
					want := c.expected(cells, classes)
					n++
					if !c.ask(t, door, want) && c.role != "" {
						no[c.m.Op]++
					}
				}
				mu.Lock()
				defer mu.Unlock()
				asked += n
				for op, k := range no {
					refused[op] += k
				}
			})
		}
	})
	t.Logf("%d cells: %d questions at %d doors", asked, len(list), len(doors))
	if got := slices.Sorted(maps.Keys(skipped)); !slices.Equal(got, []string{"audit.export_audit", "node.download_backup", "node.get_bill_of_materials", "wallet.export_ledger", "wallet.get_statement"}) {
		t.Errorf("GraphQL was not asked for %v: only methods that answer with a file may be left out", got)
	}
	for op, n := range refused {
		if records.denied[op] < n { // strangers' refusals are there too, up to a number
			t.Errorf("%s was refused to %d who are known, and %d records say so", op, n, records.denied[op])
		}
	}
}

// questions are all that each door is asked.
func questions(methods *method.Table) (list []cell) {
	roles := []string{""} // nobody
	for _, r := range policy.Roles() {
		roles = append(roles, r.Name)
	}
	for _, m := range methods.All() {
		objects, gives := []string{""}, []string{""}
		if m.Rule.GetObjectField() != "" || len(m.Rule.GetObjectFields()) > 0 {
			objects = []string{caller, other}
		}
		if r := m.Rule.GetRoles(); r == api.Roles_ROLES_HELD || r == api.Roles_ROLES_CHANGED {
			objects = append(objects, boss)
		}
		if m.Rule.GetRolesField() != "" {
			gives = []string{"clinician", "owner"}
		}
		for _, role := range roles {
			for _, object := range objects {
				for _, give := range given(role, gives) {
					list = append(list, cell{role: role, object: object, gives: give, m: m})
				}
			}
		}
	}
	return list
}

// given is what whoever may hand out roles at all tries to hand out: each role there is.
func given(role string, few []string) []string {
	if len(few) == 1 || role != "owner" && role != "site-admin" {
		return few
	}
	var all []string
	for _, r := range policy.Roles() {
		all = append(all, r.Name)
	}
	return all
}

// ask puts the question to a door and reports whether it was let in.
func (c cell) ask(t *testing.T, door gateway.Door, want edge.Kind) (in bool) {
	token := ""
	if c.role != "" {
		token = "as:" + c.role
	}
	kind, detail := door(t, c.m, gateway.Sample(c.m, c.object, c.gives), token)
	in = kind == letIn.String() && detail == gateway.Reached
	if kind != want.String() || in != (want == letIn) {
		t.Errorf("%s, %s of %q, giving %q: told %s, %q; want %v", or(c.role, "nobody"), c.m.Op, c.object, c.gives, kind, detail, want)
	}
	if !in && detail == "" {
		t.Errorf("%s, %s: a refusal without words", or(c.role, "nobody"), c.m.Op)
	}
	return in
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// The matrix covers every method of every schema there is.
func TestMatrixMissesNothing(t *testing.T) {
	methods, _ := gateway.Doors(t, guard.New(guard.Options{}), callers{})
	have := map[string]bool{}
	for _, c := range questions(methods) {
		have[string(c.m.Desc.FullName())] = true
	}
	for _, name := range gateway.SchemaMethods(t) {
		if !have[name] {
			t.Errorf("%s is in the schemas and in no cell: add its file to package schemas", name)
		}
	}
}
