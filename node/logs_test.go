package node_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestLogCalls holds every log call of the program to four rules: what serves requests logs with the context, where it
// has one, so that the line has the request's id; the message is a constant, so that lines can be
// counted and searched; keys are constants in snake_case; no value is of a type that holds what people sent or who they
// are: requests, headers, addresses with queries, credentials, messages of the doors, bytes.
func TestLogCalls(t *testing.T) {
	if testing.Short() {
		t.Skip("reads the whole program")
	}
	l := logLint{serving: serving}
	for _, p := range typed(t, "./...") {
		l.check(p)
	}
	for _, text := range l.found {
		t.Error(text)
	}
	if l.calls < 100 {
		t.Errorf("only %d log calls were seen", l.calls)
	}
}

func TestLogLintSees(t *testing.T) {
	const src = `package x
import ("log/slog"; "net/http"; "net/url"; "fmt"; "context")
func f(l *slog.Logger, r *http.Request, u url.URL, err error, b []byte, name string, p any) {
	l.Info("fine", "user_id", name, "error", err, slog.Int("n", 1), "peer", r.RemoteAddr, "part", b[0])
	l.With("part", "x").LogAttrs(context.Background(), slog.LevelInfo, "fine", slog.String("op", name))
	l.Info("hello " + name)
	l.Warn("w", "userID", name)
	l.Error("e", name, 1)
	l.DebugContext(context.Background(), "d", "request", r, "url", &u)
	slog.Info("s", slog.Any("header", r.Header), slog.Group("in", "body", b))
	l.With("panic", p).Info(fmt.Sprintf("x %s", name))
}
func g(ctx context.Context, l *slog.Logger) {
	l.InfoContext(ctx, "fine")
	l.Info("whose")
	l.LogAttrs(ctx, slog.LevelInfo, "fine")
}`
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "x.go", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := check(t, fset, "x", []*ast.File{f}, from(fset, exported(t, "log/slog", "net/http", "net/url", "fmt", "context")))
	l := logLint{serving: []string{"x.go"}}
	l.check(p)
	var lines []string
	for _, text := range l.found {
		lines = append(lines, strings.Split(text, ":")[1])
	}
	if want := []string{"6", "7", "8", "9", "9", "10", "10", "11", "11", "15"}; !slices.Equal(lines, want) {
		t.Errorf("found in the lines %q, want %q:\n%s", lines, want, strings.Join(l.found, "\n"))
	}
}

// A typedPackage is source with the types of all its expressions.
type typedPackage struct {
	fset  *token.FileSet
	files []*ast.File
	info  *types.Info
}

// exported are the compiler's files of what packages offer, of the named ones and all they need.
func exported(t *testing.T, names ...string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, p := range goList(t, append([]string{"-export", "-deps"}, names...)...) {
		out[p.ImportPath] = p.Export
	}
	return out
}

type listedFiles struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
	Module                  *struct{ Main bool }
}

func goList(t *testing.T, args ...string) (list []listedFiles) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Dir,Export,GoFiles,Module"}, args...)...)
	cmd.Dir, cmd.Stderr = "..", os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listedFiles
		if err := d.Decode(&p); err == io.EOF {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

func typed(t *testing.T, pattern string) (list []typedPackage) {
	t.Helper()
	all, exports := goList(t, "-export", "-deps", pattern), map[string]string{}
	for _, p := range all {
		exports[p.ImportPath] = p.Export
	}
	fset := token.NewFileSet()
	imports := from(fset, exports)
	for _, p := range all {
		if p.Module == nil || !p.Module.Main || strings.HasPrefix(p.ImportPath, module+"node/api/") || strings.HasSuffix(p.ImportPath, "v1") {
			continue
		}
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		list = append(list, check(t, fset, p.ImportPath, files, imports))
	}
	return list
}

// from imports packages from files of the compiler, each once.
func from(fset *token.FileSet, exports map[string]string) types.Importer {
	return importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
}

func check(t *testing.T, fset *token.FileSet, path string, files []*ast.File, imports types.Importer) typedPackage {
	t.Helper()
	c := types.Config{Importer: imports}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
	if _, err := c.Check(path, fset, files, info); err != nil {
		t.Fatal(err)
	}
	return typedPackage{fset, files, info}
}

type logLint struct {
	p       typedPackage
	serving []string // where requests are served
	calls   int
	found   []string
}

// serving are the folders of what serves requests.
var serving = []string{"node/gateway/", "node/auth/", "node/audit/", "node/policy/", "cluster/site/"}

func (l *logLint) check(p typedPackage) {
	l.p = p
	for _, f := range p.files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				l.call(n)
			case *ast.FuncDecl:
				if l.served(n) {
					ast.Inspect(n, l.forgets)
				}
			}
			return true
		})
	}
}

// served reports whether a function is where requests are served, and has a context.
func (l *logLint) served(f *ast.FuncDecl) bool {
	name := l.p.fset.Position(f.Pos()).Filename
	return slices.ContainsFunc(l.serving, func(s string) bool { return strings.Contains(name, s) }) && slices.ContainsFunc(f.Type.Params.List, func(p *ast.Field) bool {
		return len(p.Names) > 0 && p.Names[0].Name != "_" && l.p.info.Types[p.Type].Type.String() == "context.Context"
	})
}

// forgets reports a log call that leaves out the context.
func (l *logLint) forgets(n ast.Node) bool {
	if c, ok := n.(*ast.CallExpr); ok {
		if sel, ok := c.Fun.(*ast.SelectorExpr); ok {
			f, ok := l.p.info.Uses[sel.Sel].(*types.Func)
			if skip, says := before[sel.Sel.Name]; ok && says && skip == 0 && f.Pkg() != nil && f.Pkg().Path() == "log/slog" {
				l.report(c, "the context is left out, and the request's id with it")
			}
		}
	}
	return true
}

// before is how many arguments come before the message; where there is none, before the keys.
var before = map[string]int{"Debug": 0, "Info": 0, "Warn": 0, "Error": 0, "DebugContext": 1, "InfoContext": 1, "WarnContext": 1, "ErrorContext": 1, "Log": 2, "LogAttrs": 2}

func (l *logLint) call(c *ast.CallExpr) {
	sel, ok := c.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	f, ok := l.p.info.Uses[sel.Sel].(*types.Func)
	if !ok || f.Pkg() == nil || f.Pkg().Path() != "log/slog" {
		return
	}
	if on := f.Signature().Recv(); on != nil && on.Type().String() != "*log/slog.Logger" {
		return
	}
	skip, says := before[f.Name()]
	switch {
	case says:
		l.calls++
		if len(c.Args) > skip && l.text(c.Args[skip]) == "" {
			l.report(c.Args[skip], "the message is not a constant")
		}
		l.pairs(c.Args[min(skip+1, len(c.Args)):])
	case f.Name() == "With":
		l.pairs(c.Args)
	case f.Name() == "Group":
		l.key(c.Args[0])
		l.pairs(c.Args[1:])
	case f.Signature().Results().Len() == 1 && f.Signature().Results().At(0).Type().String() == "log/slog.Attr" && len(c.Args) == 2:
		l.key(c.Args[0])
		l.value(c.Args[1])
	}
}

// pairs are keys and values in turn, between which attributes may stand; those are looked at as calls of their own.
func (l *logLint) pairs(args []ast.Expr) {
	for i := 0; i < len(args); i++ {
		if t := l.p.info.Types[args[i]].Type.String(); strings.HasSuffix(t, "log/slog.Attr") || t == "[]any" {
			continue
		}
		l.key(args[i])
		if i++; i < len(args) {
			l.value(args[i])
		}
	}
}

func (l *logLint) text(e ast.Expr) string {
	if v := l.p.info.Types[e].Value; v != nil && v.Kind() == constant.String {
		return constant.StringVal(v)
	}
	return ""
}

var snake = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

func (l *logLint) key(e ast.Expr) {
	if k := l.text(e); !snake.MatchString(k) {
		l.report(e, fmt.Sprintf("the key %q is not a constant in snake_case", k))
	}
}

// passesOn is where the words of a library go to our log.
const passesOn = "cluster/raftlog/hclog.go"

// personal are types of which no value is logged.
var personal = []string{"net/http.Request", "net/http.Header", "net/http.Cookie", "net/url.URL", "net/url.Values", module + "node/auth.Credentials", module + "node/auth.Caller",
	module + "node/gateway/call.Request", module + "node/edge.Command", module + "node/edge.Event", module + "node/audit.Record", "[]byte", "[]uint8", "any", "interface{}", "encoding/json.RawMessage"}

func (l *logLint) value(e ast.Expr) {
	t := l.p.info.Types[e].Type
	_, isMessage := types.Unalias(t).(*types.Basic)
	if m, _, _ := types.LookupFieldOrMethod(t, true, nil, "ProtoReflect"); !isMessage && m != nil {
		l.report(e, "a message of the doors is logged")
		return
	}
	if !hides(t) && holds(t, 0) { // as JSON it would be written down with all it holds
		l.report(e, "a value with a secret inside is logged")
	}
	name := t.String()
	for strings.HasPrefix(name, "*") {
		name = name[1:]
	}
	if slices.Contains(personal, name) || slices.Contains(personal, strings.TrimPrefix(name, "[]")) {
		l.report(e, "a value of type "+name+" is logged")
	}
}

func (l *logLint) report(e ast.Expr, what string) {
	at := l.p.fset.Position(e.Pos())
	if strings.HasSuffix(at.Filename, passesOn) {
		return
	}
	l.found = append(l.found, fmt.Sprintf("%s:%d: %s", at.Filename, at.Line, what))
}
