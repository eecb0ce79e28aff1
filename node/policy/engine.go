package policy

import (
	"embed"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"
	publicast "github.com/cedar-policy/cedar-go/ast"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"

	"github.com/aielon/edge/node/edge"
)

//go:embed policies/*.cedar
var files embed.FS

// An Engine is a compiled set of policies. It does not change, so any number of goroutines may ask it.
type Engine struct {
	version   uint64
	settings  Settings
	validator *validate.Validator
	roles     map[string]Role
	groups    []string
	builtin   []rule
	extra     []rule // of the site
	broken    []Broken
	lanes     map[edge.Permission]*lane
}

// A lane is what matters for one permission: those rules whose head names it.
type lane struct {
	Permission
	uid    types.EntityUID
	action types.Entity
	attrs  attrs
	always []rule            // for whoever asks
	byRole map[string][]rule // for those who hold the role
	known  map[cedar.PolicyID]rule
	roles  []string // those with a rule that permits it, for hints
	memo   *memo
}

// Broken is a policy of the site that was accepted once and cannot be read any more.
type Broken struct {
	ID  string
	Err error
}

// New compiles the built-in policies. It fails with Invalid, with file and line, where one of them is not right.
func New() (*Engine, error) {
	v, err := newValidator()
	if err != nil {
		return nil, err
	}
	e := &Engine{settings: DefaultSettings(), validator: v, groups: groupNames(), roles: map[string]Role{}}
	for _, r := range Roles() {
		e.roles[r.Name] = r
	}
	e.lanes = newLanes()
	if err := e.loadFiles(files); err != nil {
		return nil, err
	}
	e.index()
	return e, nil
}

// Version is the version of the site's policies and settings that e was compiled from; 0 for the built-in ones alone.
func (e *Engine) Version() uint64 { return e.version }

// Broken lists the site's policies that cannot be read any more. Such a permission counts for nothing, and such a
// prohibition forbids everything but what mends it.
func (e *Engine) Broken() []Broken { return slices.Clone(e.broken) }

func newLanes() map[edge.Permission]*lane {
	lanes := map[edge.Permission]*lane{}
	for _, p := range Permissions() {
		l := &lane{Permission: p, uid: actionUID(string(p.Name))}
		var parents []types.EntityUID
		for _, g := range p.Groups() {
			parents = append(parents, actionUID(g))
		}
		l.action = types.Entity{UID: l.uid, Parents: types.NewEntityUIDSet(parents...)}
		lanes[p.Name] = l
	}
	return lanes
}

// loadFiles reads the built-in policies in order of name. Their ids begin with the name of their file.
func (e *Engine) loadFiles(from fs.FS) error {
	names, err := fs.Glob(from, "policies/*.cedar")
	if err != nil {
		return edge.E(edge.Internal, "the built-in policies cannot be listed: %w", err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(from, name)
		if err != nil {
			return edge.E(edge.Internal, "the built-in policies cannot be read: %w", err)
		}
		rules, err := e.load(name, text)
		if err != nil {
			return err
		}
		if err := e.admit(strings.TrimSuffix(path.Base(name), ".cedar"), rules); err != nil {
			return err
		}
	}
	return nil
}

// admit takes in the rules of one built-in file.
func (e *Engine) admit(file string, rules []rule) error {
	_, isRole := e.roles[file]
	for _, r := range rules {
		r.floor = file == "floor"
		switch {
		case !strings.HasPrefix(string(r.id), file+"."):
			return edge.E(edge.Invalid, "%s: @id must begin with %q", r.at, file+".")
		case slices.ContainsFunc(e.builtin, func(o rule) bool { return o.id == r.id }):
			return edge.E(edge.Invalid, "%s: %s is there twice", r.at, r.id)
		case r.floor != r.forbid:
			return edge.E(edge.Invalid, "%s: the floor forbids, and the roles permit", r.at)
		case r.floor && r.reason == "" || !r.floor && r.doc == "":
			return edge.E(edge.Invalid, "%s: a prohibition needs @reason and a permission @doc", r.at)
		case isRole && r.role() != file || !isRole && !r.floor && file != "everyone":
			return edge.E(edge.Invalid, "%s: this file is for the role %s", r.at, file)
		}
		e.builtin = append(e.builtin, r)
	}
	return nil
}

// index sorts the rules into the lanes. A site's prohibition stays out of lanes that are anchors.
func (e *Engine) index() {
	for _, l := range e.lanes {
		l.always, l.byRole, l.known, l.roles, l.memo = nil, map[string][]rule{}, map[cedar.PolicyID]rule{}, nil, &memo{}
		seen := look{seen: map[types.String][]types.String{}}
		for _, set := range [][]rule{e.builtin, e.extra} {
			for _, r := range set {
				if r.names(l) && !(l.Anchor && r.site && r.forbid) {
					seen.at(r.tree())
					l.add(r)
				}
			}
		}
		l.attrs = seen.attrs()
	}
}

// add takes in a rule. Its head names the lane's action, so that need not be asked again with every decision.
func (l *lane) add(r rule) {
	t := *r.tree()
	t.Action = ast.ScopeTypeAll{}
	r.policy = cedar.NewPolicyFromAST((*publicast.Policy)(&t))
	l.known[r.id] = r
	role := r.role()
	if role == "" {
		l.always = append(l.always, r)
		return
	}
	l.byRole[role] = append(l.byRole[role], r)
	if !r.forbid && !slices.Contains(l.roles, role) {
		l.roles = append(l.roles, role)
	}
}
