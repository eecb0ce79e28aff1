//go:build fault

package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/node/nodetest/proc"
)

// TestFlip turns single bits over in copies of the data directory of a stopped and of a killed node, and
// starts the program on each. It must answer as before, or refuse in words, or say that data is damaged.
func TestFlip(t *testing.T) {
	flips, r := full(400), dice(t)
	w := newWorld(t, outfit{})
	w.connect(6, 200)
	for _, d := range w.devices {
		d.Run(0, time.Millisecond)
	}
	w.people = newPeople(t, w.node, 4)
	time.Sleep(3 * time.Second)
	w.node.Kill() // once in the middle, so that there are tables and more than one log
	w.node.Up()
	time.Sleep(6 * time.Second)
	w.each((*proc.Device).Stop)
	w.people.check()
	w.drained(time.Minute)
	w.hub.Kill() // the copies must not tell it anything
	truth := ask(w.node)
	if truth.trouble != "" {
		t.Fatal(truth.trouble)
	}
	w.node.Kill()
	killed := filepath.Join(t.TempDir(), "killed")
	copyData(t, w.node.Data, killed)
	w.node.Up()
	if err := w.node.Stop(30 * time.Second); err != nil {
		t.Fatal(err)
	}
	f := &flipper{t: t, r: r, truth: truth, outcomes: map[string]map[string]int{}}
	f.images = []image{{"killed", killed, kinds(t, killed)}, {"stopped", w.node.Data, kinds(t, w.node.Data)}}
	for i := range flips {
		f.once(i)
	}
	total := map[string]int{}
	for _, kind := range slices.Sorted(maps.Keys(f.outcomes)) {
		fmt.Printf("|  %s | %v | |\n", kind, f.outcomes[kind])
		for o, n := range f.outcomes[kind] {
			total[o] += n
		}
	}
	row(t, "%d flips in %d kinds of files, %d records and %d other answers compared after each: %v", flips, len(f.outcomes), truth.records, len(truth.answers), total)
}

// kinds sorts the files of a data directory by what they are.
func kinds(t *testing.T, dir string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		if i, err := e.Info(); err != nil || i.Size() == 0 || e.Name() == "lock" || e.Name() == "LOCK" || e.Name() == "BALLAST" {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		kind := strings.Split(rel, string(filepath.Separator))[0] + " " + e.Name()
		if x := filepath.Ext(e.Name()); strings.ContainsAny(e.Name(), "0123456789") && x != "" {
			kind = strings.Split(rel, string(filepath.Separator))[0] + " *" + x
		}
		if strings.Contains(kind, os.Getenv("FAULT_KIND")) { // FAULT_KIND=MANIFEST: these only
			out[kind] = append(out[kind], rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

type image struct {
	name, dir string
	kinds     map[string][]string
}

// answers is what a node says of what it keeps.
type answers struct {
	answers map[string]string
	records int
	trouble string // what it refuses or calls damaged
}

// ask reads everything a node has to say. An answer that is an error is a trouble and not an answer.
func ask(p *proc.Process) answers {
	a := answers{answers: map[string]string{}}
	c := p.Control()
	defer c.Close()
	note := func(err error) bool {
		if err != nil && a.trouble == "" {
			a.trouble = err.Error()
		}
		return err != nil
	}
	st, err := c.Status()
	if note(err) {
		return a
	}
	a.answers["self"] = fmt.Sprint(st.Node, st.Site, st.Region, st.Role, st.Link.Joined)
	for _, r := range st.Ledger.Rows { // how much the hub has is written down a little later, on purpose
		a.answers["ledger "+r.Class] = fmt.Sprint(r.Accepted, r.OnHub+r.Waiting, r.Shed, r.Lost)
	}
	var devices []any
	note(c.Call("GET", "/v1/devices", nil, &devices))
	a.answers["devices"] = fmt.Sprint(devices)
	for i := range 4 {
		s, err := c.Get(key(i))
		note(err)
		a.answers[key(i)] = fmt.Sprint(s)
	}
	for _, stream := range []string{"readings.telemetry", "readings.critical", "site.ledger"} {
		lines, err := c.Journal(stream, 0, 1<<30)
		note(err)
		if n := len(lines); n > 0 && strings.HasPrefix(lines[n-1], `{"Error"`) {
			note(fmt.Errorf("%s", lines[n-1]))
		}
		a.records += len(lines)
		a.answers[stream] = strings.Join(lines, "\n")
	}
	return a
}

type flipper struct {
	t        *testing.T
	r        *rand.Rand
	truth    answers
	images   []image
	outcomes map[string]map[string]int
}

// once flips a bit in a file whose kind comes round by turns.
func (f *flipper) once(i int) {
	im := f.images[i%len(f.images)]
	names := slices.Sorted(maps.Keys(im.kinds))
	kind := names[i/len(f.images)%len(names)]
	file := im.kinds[kind][f.r.IntN(len(im.kinds[kind]))]
	dir, err := os.MkdirTemp("", "flip")
	if err != nil {
		f.t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	copyData(f.t, im.dir, filepath.Join(dir, "data"))
	bit := flipBit(f.t, filepath.Join(dir, "data", file), f.r)
	p := proc.New(f.t, "flipped", dir, filepath.Join(dir, "data"), fmt.Sprintf("site = \"clinic\"\nregion = \"fault\"\n[door]\naddr = \"\"\n[mqtt]\naddr = \"\"\n[host]\nevery = \"0s\"\n[storage]\n%s", smallStorage))
	outcome, what := f.try(p)
	p.Kill()
	if f.outcomes[kind] == nil {
		f.outcomes[kind] = map[string]int{}
	}
	f.outcomes[kind][outcome]++
	if outcome == "does not get ready" {
		f.t.Logf("bit %d of %s of a %s node: %s: %s", bit, file, im.name, outcome, what)
	}
	if outcome == "SILENTLY WRONG" || outcome == "crashed" {
		f.t.Errorf("bit %d of %s of a %s node: %s: %s", bit, file, im.name, outcome, what)
	}
}

// try starts a node on a damaged copy.
func (f *flipper) try(p *proc.Process) (outcome, what string) {
	p.Start()
	if _, err := p.WaitReady(20 * time.Second); err != nil {
		switch {
		case p.Panics() > 0:
			return "crashed", p.Log(30)
		case !p.Running() && strings.Contains(p.Log(8), "aielon-edge: "):
			return "refused to start", ""
		}
		return "does not get ready", err.Error()
	}
	c := p.Control()
	defer c.Close()
	if err := c.CaughtUp(10 * time.Second); err != nil {
		return "refused to answer", ""
	}
	got := ask(p)
	if p.Panics() > 0 {
		return "crashed", p.Log(30)
	}
	if got.trouble != "" {
		return "refused to answer", ""
	}
	for name, want := range f.truth.answers {
		if got.answers[name] != want {
			if damageSaid(p) {
				return "wrong, but said so", ""
			}
			return "SILENTLY WRONG", fmt.Sprintf("%s: %s", name, difference(want, got.answers[name]))
		}
	}
	return "as before", ""
}

// damageSaid reports whether the node says of itself that something is damaged.
func damageSaid(p *proc.Process) bool {
	c := p.Control()
	defer c.Close()
	st, err := c.Status()
	return err != nil || slices.ContainsFunc(st.Parts, func(x gateway.PartStatus) bool { return x.Level == "failed" })
}

func difference(a, b string) string {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	cut := func(s string) string { return s[max(0, i-60):min(len(s), i+120)] }
	return fmt.Sprintf("%d and %d bytes; %q became %q", len(a), len(b), cut(a), cut(b))
}

// flipBit turns one bit over, where the file has anything but zeros behind it.
func flipBit(t *testing.T, name string, r *rand.Rand) int {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	used := len(bytes.TrimRight(b, "\x00"))
	if used == 0 {
		used = min(len(b), 4096)
	}
	i := r.IntN(used * 8)
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{b[i/8] ^ 1<<(i%8)}, int64(i/8)); err != nil {
		t.Fatal(err)
	}
	return i
}

// copyData copies a data directory without its ballast and with the holes of its files.
func copyData(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, path)
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		if !e.Type().IsRegular() || e.Name() == "BALLAST" {
			return nil
		}
		return copySparse(path, filepath.Join(to, rel))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func copySparse(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.WriteFile(to, bytes.TrimRight(b, "\x00"), 0o600); err != nil {
		return err
	}
	return os.Truncate(to, int64(len(b)))
}
