package sim

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/edge"
)

var rewrite = flag.Bool("rewrite", false, "write what the scripts print into them as what is expected")

// TestScripts plays testdata/*.txt: blocks of commands, "----", and what they must print.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			in, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var out string
			synctest.Test(t, func(t *testing.T) { out = play(t, string(in)) })
			if out == string(in) {
				return
			}
			if *rewrite {
				if err := os.WriteFile(name, []byte(out), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Errorf("%s went another way (-rewrite accepts it):\n%s", name, diff(string(in), out))
		})
	}
}

// diff shows the lines that differ, in order.
func diff(want, got string) string {
	var b strings.Builder
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		var x, y string
		if i < len(w) {
			x = w[i]
		}
		if i < len(g) {
			y = g[i]
		}
		if x != y {
			fmt.Fprintf(&b, "%d: want %q\n%d: got  %q\n", i+1, x, i+1, y)
		}
	}
	return b.String()
}

// play runs a script and returns it with what was printed in place of what was expected.
func play(t *testing.T, script string) string {
	p := &player{t: t, names: map[string]*Node{}}
	defer p.end()
	var out strings.Builder
	expected := false
	for s := bufio.NewScanner(strings.NewReader(script)); s.Scan(); {
		line := s.Text()
		switch {
		case line == "----":
			fmt.Fprintf(&out, "----\n%s", p.said.String())
			p.said.Reset()
			expected = true
		case line == "":
			expected = false
			out.WriteString("\n")
		case expected: // printed anew
		case strings.HasPrefix(line, "#"):
			out.WriteString(line + "\n")
		default:
			out.WriteString(line + "\n")
			p.do(strings.Fields(line))
		}
	}
	return out.String()
}

// A player plays one script.
type player struct {
	t     *testing.T
	c     *Cluster
	names map[string]*Node
	said  strings.Builder

	mu   sync.Mutex // guards fate
	fate []string   // of the next appends of any leader
}

func (p *player) end() {
	if p.c != nil {
		if err := p.c.Close(); err != nil {
			p.t.Error(err)
		}
	}
}

func (p *player) print(format string, args ...any) { fmt.Fprintf(&p.said, format+"\n", args...) }

// node finds n1, n2, ..., a name given by "name", "leader", or "follower", the first that does not lead.
func (p *player) node(name string) *Node {
	if n, ok := p.names[name]; ok {
		return n
	}
	for range 200 {
		for _, n := range p.c.Nodes() {
			on := n.Site() != nil
			if name == fmt.Sprintf("n%d", n.Number) || name == "leader" && on && n.Leads() && !p.alone(n) || name == "follower" && on && !n.Leads() && !p.alone(n) {
				return n
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatalf("there is no %s", name)
	return nil
}

// alone reports whether a node was given a name; roles are looked for among the others.
func (p *player) alone(n *Node) bool {
	for _, m := range p.names {
		if m == n {
			return true
		}
	}
	return false
}

func (p *player) do(f []string) {
	if f[0] == "site" {
		p.begin(f)
		return
	}
	arg := func(i int) string {
		if i < len(f) {
			return f[i]
		}
		return ""
	}
	switch f[0] {
	case "name":
		p.names[f[1]] = p.node(f[2])
	case "add", "refuse":
		p.propose(p.node(f[1]), edge.Command{Type: f[0], Body: asJSON(addIn{f[2]})}, arg(3))
	case "put":
		p.propose(p.node(f[1]), edge.Command{Type: "put", Body: asJSON(putIn{f[2], f[3]})}, arg(4))
	case "count":
		p.ask(p.node(f[1]), f[2], arg(3) == "strict")
	case "fate":
		p.mu.Lock()
		p.fate = append(p.fate, f[1:]...)
		p.mu.Unlock()
	case "wait":
		d, err := time.ParseDuration(f[1])
		p.must(err)
		time.Sleep(d)
	case "equal":
		p.equal()
	case "journal":
		p.journal(p.node(f[1]))
	case "when":
		p.when(p.node(f[1]))
	default:
		p.breaks(f, arg)
	}
}

// breaks does what breaks nodes and network, and mends them.
func (p *player) breaks(f []string, arg func(int) string) {
	switch f[0] {
	case "cut":
		p.c.Net.Cut(p.node(f[1]).Number, p.node(f[2]).Number, true)
	case "isolate", "hold":
		n := p.node(f[1])
		for _, m := range p.c.Nodes() {
			do := p.c.Net.Cut
			if f[0] == "hold" {
				do = p.c.Net.Hold
			}
			do(m.Number, n.Number, m != n)
			do(n.Number, m.Number, m != n)
		}
	case "heal":
		p.c.Net.Heal()
	case "crash":
		p.must(p.node(f[1]).Crash())
	case "power-cut":
		p.must(p.node(f[1]).PowerCut())
	case "start":
		p.must(p.node(f[1]).Start())
	case "shrink":
		for _, n := range p.c.Nodes() {
			n.mem.shrink.Store(true)
		}
	case "clock":
		d, err := time.ParseDuration(f[2])
		p.must(err)
		p.node(f[1]).Skew(d)
	case "transfer":
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		p.must(p.node(f[1]).Transfer(ctx, p.node(f[2])))
	default:
		p.t.Fatalf("unknown command %q", f)
	}
}

func (p *player) must(err error) {
	if err != nil {
		p.print("error: %v", err)
	}
}

func (p *player) begin(f []string) {
	nodes := 3
	fmt.Sscanf(f[1], "nodes=%d", &nodes)
	c, err := New(Options{Nodes: nodes, Seed: 1, Mux: Mux(), LogCap: logCap(1), Invariant: func(edge.View) error { return nil },
		WrapLog: func(_ int, l edge.Log) edge.Log { return &fatedLog{l, p} }})
	if err != nil {
		p.t.Fatal(err)
	}
	p.c = c
}

// fatedLog lets a script decide what becomes of the next appends.
type fatedLog struct {
	edge.Log
	p *player
}

func (l *fatedLog) Append(ctx context.Context, entry []byte) (uint64, error) {
	l.p.mu.Lock()
	fate := ""
	if len(l.p.fate) > 0 {
		fate, l.p.fate = l.p.fate[0], l.p.fate[1:]
	}
	l.p.mu.Unlock()
	switch fate {
	case "lost":
		return 0, edge.E(edge.Unavailable, "leadership lost")
	case "through":
		l.Log.Append(ctx, entry)
		return 0, edge.E(edge.Unavailable, "leadership lost")
	case "twice":
		l.Log.Append(ctx, entry)
	}
	return l.Log.Append(ctx, entry)
}

func asJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func (p *player) propose(n *Node, c edge.Command, label string) {
	c.ID = edge.NewID()
	if label != "" {
		sum := sha256.Sum256([]byte(label))
		copy(c.ID[:], sum[:])
	}
	s := n.Site()
	if s == nil {
		p.print("off")
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	out, err := s.Propose(ctx, c)
	switch {
	case err != nil:
		p.print("%s", sentence(err))
	case out.Err != nil && out.Again:
		p.print("%s: %s, as before", out.Err.Kind, out.Err.Msg)
	case out.Err != nil:
		p.print("%s: %s", out.Err.Kind, out.Err.Msg)
	case out.Again:
		p.print("%s, as before", out.Reply)
	default:
		p.print("%s", out.Reply)
	}
}

// sentence is the part of an error that does not tell of timing.
func sentence(err error) string {
	head, _, _ := strings.Cut(err.Error(), ":")
	return fmt.Sprintf("%s: %s", edge.KindOf(err), head)
}

func (p *player) ask(n *Node, key string, strict bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	mode := site.Local
	if strict {
		mode = site.Strict
	}
	b, _, err := n.Site().Ask(ctx, "count", asJSON(addIn{key}), mode)
	if err != nil {
		p.print("%s", sentence(err))
		return
	}
	p.print("%s", b)
}

// equal waits until all nodes that are on are at one index, and compares all they hold.
func (p *player) equal() {
	var on []*Node
	for _, n := range p.c.Nodes() {
		if n.Site() != nil {
			on = append(on, n)
		}
	}
	for range 300 {
		same := true
		for _, n := range on {
			same = same && n.Site().Applied() == on[0].Site().Applied()
		}
		if same {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, n := range on {
		if dump(n) != dump(on[0]) {
			p.print("n%d differs from n%d", n.Number, on[0].Number)
			return
		}
	}
	p.print("%d nodes hold the same", len(on))
}

func (p *player) journal(n *Node) {
	for r, err := range n.Site().Journal(edge.Ledger).Read(context.Background(), edge.Pos{}) {
		if err != nil {
			p.print("%v", err)
			return
		}
		p.print("%d %s %s %s", r.Pos.Seq, r.Type, r.Subject, r.Body)
	}
}

// when prints the years in which the ledger's records happened, and whether they are in order.
func (p *player) when(n *Node) {
	var last time.Time
	years := map[int]int{}
	for r, err := range n.Site().Journal(edge.Ledger).Read(context.Background(), edge.Pos{}) {
		if err != nil || r.Time.Before(last) {
			p.print("%v after %v, %v", r.Time, last, err)
		}
		last = r.Time
		years[r.Time.Year()]++
	}
	p.print("%v", years)
}
