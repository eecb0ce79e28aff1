package policy

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

func TestLoaderRefuses(t *testing.T) {
	e := newEngine(t)
	for name, c := range map[string]struct{ text, want string }{
		"no statement at all":       {"", "x: one statement is expected, here are 0"},
		"two statements":            {"permit (principal, action, resource);\npermit (principal, action, resource);", "here are 2"},
		"a broken statement":        {"permit (principal, action, resource)\nwhen { context.own", "x: this is not a policy"},
		"an unknown permission":     {"permit (\n  principal,\n  action == Action::\"node.explode\",\n  resource);", `x:3: there is no permission called "node.explode"`},
		"an unknown role":           {"permit (\n  principal in Role::\"doctor\", action, resource);", `x:2: there is no role called "doctor"`},
		"a role in the body":        {"permit (principal, action, resource)\nwhen { true }\nwhen { principal in Role::\"doctor\" };", `x:3: there is no role called "doctor"`},
		"a role in a set":           {"permit (principal, action, resource)\nwhen { principal in [Role::\"owner\",\n Role::\"doctor\"] };", `x:3: there is no role called "doctor"`},
		"a permission in the body":  {"permit (principal, action, resource)\nwhen { action in [Action::\"reads\", Action::\"x.y\"] };", `x:2: there is no permission called "x.y"`},
		"an unknown type":           {"permit (principal, action, resource)\nwhen { principal == User::\"a\" };", `x:2: there is nothing of type User`},
		"an unknown attribute":      {"permit (principal, action, resource) when { resource.klass == \"site\" };", "x:1: this policy does not fit"},
		"a comparison of two types": {"permit (principal, action, resource) when { context.hour == \"8\" };", "x:1: this policy does not fit"},
		"not a yes or no":           {"permit (principal, action, resource) when { context.hour };", "x:1: this policy does not fit"},
		"an address never asked":    {"permit (principal, action, resource) when { context.addr.isLoopback() };", "x:1: this policy does not fit"},
		"a tag never asked":         {"permit (principal, action, resource) when { resource.getTag(\"ward\") == \"2\" };", "x:1: this policy does not fit"},
		"an unknown annotation":     {"@role(\"owner\") permit (principal, action, resource);", "x:1: there is no @role"},
		"another id":                {"@id(\"y\") permit (principal, action, resource);", "x:1: the @id in the text is another one"},
		"a reason of two lines":     {"@reason(\"a\\nb\") forbid (principal, action, resource);", "@reason must be a sentence"},
		"too long":                  {"permit (principal, action, resource); //" + strings.Repeat("x", maxText), "a policy may have 4096 bytes"},
		"too deep":                  {"permit (principal, action, resource) when { " + strings.Repeat("(", 32) + "true" + strings.Repeat(")", 32) + " };", "brackets 32 deep"},
		"not text":                  {"permit (principal, action, resource); //\xff", "must be UTF-8"},
		"a template":                {"permit (principal == ?principal, action, resource);", "this is not a policy"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := e.Check(SitePolicy{ID: "x", Text: c.text})
			if !edge.IsKind(err, edge.Invalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want Invalid with %q", err, c.want)
			}
		})
	}
	for _, id := range []string{"", "A", "a b", "a/b", "-a", strings.Repeat("a", 65), "a\n"} {
		if _, err := e.Check(SitePolicy{ID: id, Text: "permit (principal, action, resource);"}); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("the id %q: got %v, want Invalid", id, err)
		}
	}
}

func TestBuiltinFilesAreHeldToTheirRules(t *testing.T) {
	good := `@id("owner.a") @doc("d") permit (principal in Role::"owner", action, resource);`
	for name, c := range map[string]struct{ file, text, want string }{
		"an id of another file":     {"owner", strings.Replace(good, "owner.a", "member.a", 1), "owner.cedar:1: @id must begin"},
		"an id twice":               {"owner", good + "\n" + good, "owner.cedar:2: owner.a is there twice"},
		"a prohibition for a role":  {"owner", `@id("owner.a") @reason("r") forbid (principal in Role::"owner", action, resource);`, "the floor forbids"},
		"a permission on the floor": {"floor", `@id("floor.a") @doc("d") permit (principal, action, resource);`, "the floor forbids"},
		"a floor without a reason":  {"floor", `@id("floor.a") forbid (principal, action, resource);`, "needs @reason"},
		"no word on what it is":     {"owner", `@id("owner.a") permit (principal in Role::"owner", action, resource);`, "@doc"},
		"another role's rights":     {"owner", `@id("owner.a") @doc("d") permit (principal in Role::"member", action, resource);`, "for the role owner"},
		"a role that is none":       {"doctor", `@id("doctor.a") @doc("d") permit (principal, action, resource);`, "for the role doctor"},
	} {
		e := newEngine(t)
		e.builtin = nil
		err := e.loadFiles(fstest.MapFS{"policies/" + c.file + ".cedar": {Data: []byte(c.text)}})
		if !edge.IsKind(err, edge.Invalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// Every role has a file, every permission somebody, and names never change.
func TestTables(t *testing.T) {
	e := newEngine(t)
	seen := map[edge.Permission]bool{}
	for _, p := range Permissions() {
		if seen[p.Name] || strings.Count(string(p.Name), ".") != 1 || p.Doc == "" {
			t.Errorf("%+v: twice, or no name, or no words", p)
		}
		seen[p.Name] = true
		if l := e.lanes[p.Name]; len(l.roles) == 0 && !p.Open && p.Service() != "identity" {
			t.Errorf("nobody may %s", p.Name)
		}
		if p.See != "" && e.lanes[p.See] == nil {
			t.Errorf("%s is seen by %s, which does not exist", p.Name, p.See)
		}
		if p.See != "" && e.lanes[p.See].See != "" {
			t.Errorf("%s is seen by %s, which is itself seen by another", p.Name, p.See)
		}
		if p.Fresh && p.Strength == 0 {
			t.Errorf("%s wants a recent proof of no strength", p.Name)
		}
	}
	var people, areas []string
	for _, r := range Roles() {
		if slices.Contains(r.Kinds, edge.Person) {
			people = append(people, r.Name)
		}
		if r.Areas {
			areas = append(areas, r.Name)
		}
		if _, err := files.ReadFile("policies/" + r.Name + ".cedar"); err != nil {
			t.Errorf("the role %s has no file", r.Name)
		}
	}
	if !slices.Equal(people, auth.PeopleRoles()) || !slices.Equal(areas, auth.AreaRoles()) {
		t.Errorf("package auth gives other roles: %v, %v", people, areas)
	}
}

func FuzzSitePolicy(f *testing.F) {
	e := newEngine(f)
	names, err := files.ReadDir("policies")
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range names {
		text, err := files.ReadFile("policies/" + n.Name())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(closed)
	f.Add(`forbid (principal is Person, action in Action::"writes", resource) when { if context has addr then context.addr.isInRange(ip("10.0.0.0/8")) else [1,2].contains(context.hour) };`)
	f.Add(`permit (principal, action, resource) when { {a: {b: principal}}.a.b.id like "a*" && context.now.toDate() > datetime("2026-01-01") };`)
	f.Add(`permit (principal, action, resource) when { ` + strings.Repeat("(", 31) + "true" + strings.Repeat(")", 31) + ` };`)
	q := clinicianReads()
	f.Fuzz(func(t *testing.T, text string) {
		p := SitePolicy{ID: "x", Text: text}
		forbid, err := e.Check(p)
		if err != nil {
			if !edge.IsKind(err, edge.Invalid) {
				t.Fatalf("%v is of kind %v", err, edge.KindOf(err))
			}
			return
		}
		p.Forbid = forbid
		n, err := e.With(State{Version: 1, Settings: DefaultSettings(), Policies: []SitePolicy{p}})
		if err != nil || len(n.Broken()) > 0 {
			t.Fatalf("what was accepted cannot be loaded: %v, %v", err, n.Broken())
		}
		before, after := e.Decide(q), n.Decide(q)
		if forbid && after.Allow && !before.Allow || !forbid && before.Allow && !after.Allow {
			t.Fatalf("forbid is %v, and %+v became %+v", forbid, before, after)
		}
		n.Explain(q)
	})
}
