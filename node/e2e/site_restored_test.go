//go:build fault

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/testport"
	"github.com/aielon/edge/node/nodetest/proc"
)

// Two sites are two sites that send each other money over a hub, in processes, and clients who ask for it.
type twoSites struct {
	t                   *testing.T
	dir                 string
	hub, mosque, clinic *proc.Process
	door                string // of the hub
	token               string // of somebody who may see there what sites owe each other
	members             map[string][]string
	wg                  sync.WaitGroup
	stop                chan struct{}
	asked, refused      atomic.Int64
	held                atomic.Int64 // refusals because a site recovers
	mu                  sync.Mutex   // guards what follows
	wrong               []string
	controls            map[*proc.Process]*proc.Control
}

const eachMember = 100_000

func newTwoSites(t *testing.T) *twoSites {
	w := &twoSites{t: t, dir: t.TempDir(), door: testport.Addr(t), members: map[string][]string{}, controls: map[*proc.Process]*proc.Control{}, stop: make(chan struct{})}
	w.hub = proc.New(t, "hub", w.dir, filepath.Join(w.dir, "hub"), fmt.Sprintf("site = \"hub\"\nregion = \"fault\"\nrole = \"hub\"\n[door]\naddr = %q\n[mqtt]\naddr = \"\"\n[host]\nevery = \"0s\"\n[storage]\n%s[hub]\naddr = %q\njoin_addr = %q\nstore = \"badger\"\n",
		w.door, smallStorage, testport.Addr(t), testport.Addr(t)))
	w.mosque, w.clinic = w.site("mosque", "mosque"), w.site("clinic", "clinic")
	t.Cleanup(func() {
		if t.Failed() {
			for p := range w.controls {
				t.Logf("the end of what the %s said:\n%s", p.Name, p.Log(15))
			}
		}
	})
	w.hub.Up()
	w.signIn()
	for _, p := range []*proc.Process{w.mosque, w.clinic} {
		p.Up()
		c := w.to(p)
		if err := c.Join(w.to(w.hub), p.Name); err != nil {
			t.Fatal(err)
		}
		w.open(p.Name, c)
	}
	for _, p := range []*proc.Process{w.mosque, w.clinic} {
		w.until("keys at "+p.Name, func() error {
			var out struct{ Peers []struct{ Site string } }
			if err := w.to(p).Ask("wallet.list_peers", struct{}{}, &out); err != nil || len(out.Peers) != 2 {
				return fmt.Errorf("%v %v", out, err)
			}
			return nil
		})
	}
	return w
}

func (w *twoSites) site(name, site string) *proc.Process {
	return proc.New(w.t, name, w.dir, filepath.Join(w.dir, name), fmt.Sprintf("site = %q\nregion = \"fault\"\n[door]\naddr = %q\n[mqtt]\naddr = \"\"\n[host]\nevery = \"0s\"\n[storage]\n%s", site, testport.Addr(w.t), smallStorage))
}

func (w *twoSites) until(what string, ok func() error) {
	w.t.Helper()
	var err error
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if err = ok(); err == nil {
			return
		}
	}
	w.t.Fatalf("%s: %v", what, err)
}

// to is a client of a process.
func (w *twoSites) to(p *proc.Process) *proc.Control {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.controls[p]
	if c == nil {
		c = p.Control()
		w.controls[p] = c
		w.t.Cleanup(c.Close)
	}
	return c
}

// rest asks the hub's door.
func (w *twoSites) rest(method, path string, in, out any) error {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return err
		}
	}
	r, err := http.NewRequest(method, "http://"+w.door+path, &body)
	if err != nil {
		return err
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if w.token != "" {
		r.Header.Set("Authorization", "Bearer "+w.token)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(a.Body, 1000))
		return fmt.Errorf("%s: %s: %s", path, a.Status, text)
	}
	return json.NewDecoder(a.Body).Decode(out)
}

// signIn has somebody at the hub who may see totals.
func (w *twoSites) signIn() {
	var code, made struct{ Code string }
	var in struct{ Session string }
	err := w.to(w.hub).Call("POST", "/v1/setup-code", nil, &code)
	if err == nil {
		err = w.rest("POST", "/v1/setup", map[string]any{"code": code.Code, "login": "mira", "password": "purple camel teacup"}, &in)
	}
	if w.token = in.Session; err == nil {
		err = w.rest("POST", "/v1/invitations", map[string]any{"roles": []string{"wallet-officer"}}, &made)
	}
	if err == nil {
		w.token = ""
		err = w.rest("POST", "/v1/invitations/accept", map[string]any{"code": made.Code, "login": "till", "password": "seven quiet lanterns"}, &in)
	}
	if w.token = in.Session; err != nil {
		w.t.Fatal(err)
	}
}

// open opens three accounts with money on them.
func (w *twoSites) open(site string, c *proc.Control) {
	w.t.Helper()
	do := func(op string, in any) string {
		w.t.Helper()
		b, err := c.Do(edge.NewID(), op, in)
		var a struct{ ID string }
		if err == nil {
			err = json.Unmarshal(b, &a)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		return a.ID
	}
	desk := do("wallet.open_account", map[string]any{"kind": "CASH", "asset": "IDR", "fund": "amanah"})
	for n := range 3 {
		m := do("wallet.open_account", map[string]any{"kind": "MEMBER", "asset": "IDR", "owner": fmt.Sprint("p", n)})
		do("wallet.create_transfer", map[string]any{"transfer": map[string]any{"debit": desk, "credit": m, "amount": strconv.Itoa(eachMember)}})
		w.members[site] = append(w.members[site], m)
	}
}

// client sends money from one site to the other, sets some aside, and spends at the one what the other set aside, until
// told to stop. p is asked again each time, since a site may come back in another process.
func (w *twoSites) client(p func() *proc.Process, here, there string, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	member := func(site string) string { return w.members[site][r.IntN(3)] }
	for {
		select {
		case <-w.stop:
			return
		case <-time.After(time.Duration(5+r.IntN(30)) * time.Millisecond):
		}
		c := w.to(p())
		id, sum := edge.NewID(), strconv.Itoa(1+r.IntN(50))
		op, in := "wallet.send_across", map[string]any{"id": edge.NewID(), "debit": member(here), "to_site": there, "to_account": member(there), "amount": sum}
		switch r.IntN(4) {
		case 0:
			op, in = "wallet.open_allotment", map[string]any{"id": edge.NewID(), "account": member(here), "site": there, "amount": sum, "expires": time.Now().Add(20 * time.Second).UTC()}
		case 1:
			if in = w.visit(c, member(here), r); in == nil {
				continue
			}
			op = "wallet.spend_allotment"
		}
		w.ask(c, id, op, in)
	}
}

// visit is a spending of something the other site set aside, or nil.
func (w *twoSites) visit(c *proc.Control, credit string, r *rand.Rand) map[string]any {
	var out struct {
		Allotments []struct{ ID, Home, Left string }
	}
	if c.Ask("wallet.list_allotments", map[string]any{"from_others": true, "page_size": 500}, &out) != nil || len(out.Allotments) == 0 {
		return nil
	}
	a := out.Allotments[r.IntN(len(out.Allotments))]
	left, _ := strconv.Atoi(a.Left)
	if left == 0 {
		return nil
	}
	return map[string]any{"id": a.ID, "home": a.Home, "spend": edge.NewID(), "credit": credit, "amount": strconv.Itoa(1 + r.IntN(left))}
}

// ask asks a few times for one thing. Refusals are as they should be.
func (w *twoSites) ask(c *proc.Control, id edge.ID, op string, in any) {
	for range 3 {
		_, err := c.Do(id, op, in)
		p, said := errors.AsType[*proc.Problem](err)
		switch {
		case err == nil:
			w.asked.Add(1)
			return
		case said && p.Status < 500:
			w.refused.Add(1)
			return
		case said && p.Status == 503:
			w.held.Add(1)
		case said:
			w.mu.Lock()
			w.wrong = append(w.wrong, op+": "+p.Error())
			w.mu.Unlock()
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// settled waits until nothing is on its way and both ends agree at the hub.
func (w *twoSites) settled(sites ...*proc.Process) {
	w.t.Helper()
	w.until("both ends to agree", func() error {
		for _, p := range sites {
			var out struct{ Crossings []any }
			if err := w.to(p).Ask("wallet.list_crossings", map[string]any{"status": "QUEUED"}, &out); err != nil || len(out.Crossings) > 0 {
				return fmt.Errorf("%d wait at %s: %v", len(out.Crossings), p.Name, err)
			}
		}
		var out struct {
			Pairs []struct {
				AtA, AtB, Difference string
				CaughtUp, Wrong      bool
			}
		}
		if err := w.rest("GET", "/v1/wallet/clearing", nil, &out); err != nil || len(out.Pairs) != 1 {
			return fmt.Errorf("%+v %v", out, err)
		}
		if p := out.Pairs[0]; !p.CaughtUp || p.Wrong || p.Difference != "0" {
			return fmt.Errorf("%+v", p)
		}
		return nil
	})
}

// close asks for all that was set aside, so that it comes to an end.
func (w *twoSites) close(p *proc.Process) {
	w.t.Helper()
	w.until("allotments of "+p.Name, func() error {
		var out struct {
			Allotments []struct{ ID, State, Left string }
		}
		c := w.to(p)
		if err := c.Ask("wallet.list_allotments", map[string]any{"page_size": 500}, &out); err != nil {
			return err
		}
		open := 0
		for _, a := range out.Allotments {
			if a.State != "ALLOTMENT_CLOSED" {
				open++
				c.Do(edge.NewID(), "wallet.close_allotment", map[string]any{"id": a.ID})
			}
		}
		if open > 0 {
			return fmt.Errorf("%d are open", open)
		}
		return nil
	})
}

// has is what members of a site have together.
func (w *twoSites) has(p *proc.Process, site string) (sum int) {
	w.t.Helper()
	for _, m := range w.members[site] {
		var a struct{ Balance struct{ Posted string } }
		if err := w.to(p).Ask("wallet.get_account", map[string]any{"id": m}, &a); err != nil {
			w.t.Fatal(err)
		}
		n, _ := strconv.Atoi(a.Balance.Posted)
		sum += n
	}
	return sum
}

// setBack makes a backup of the mosque, lets it go on for a while, kills it, and has it live again from the backup in another
// process; in every other round the hub is gone meanwhile.
func (w *twoSites) setBack(now *atomic.Pointer[proc.Process], round int, after time.Duration) {
	t, old := w.t, now.Load()
	archive, key := filepath.Join(w.dir, fmt.Sprint("backup-", round)), filepath.Join(w.dir, fmt.Sprint("key-", round))
	if err := w.to(old).Backup(archive); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(old.Data, "keys", "storage.key"))
	if err == nil {
		err = os.WriteFile(key, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(after)
	old.Kill()
	if round%2 == 1 {
		w.hub.Kill()
	}
	next := w.site(fmt.Sprint("mosque-", round), "mosque")
	if err := next.Restore(archive, key); err != nil {
		t.Fatal(err)
	}
	now.Store(next) // people ask before it is there
	next.Up()
	if round%2 == 1 {
		time.Sleep(2 * time.Second)
		w.hub.Up()
	}
	w.until("the recovery", func() error {
		var out struct{ Recovering bool }
		if err := w.to(next).Ask("wallet.list_peers", struct{}{}, &out); err != nil || out.Recovering {
			return fmt.Errorf("%+v %v", out, err)
		}
		return nil
	})
}

// sound asserts what must hold of each site at the end.
func (w *twoSites) sound(sites ...*proc.Process) {
	t := w.t
	for _, p := range sites {
		var out struct{ Troubles []map[string]any }
		if err := w.to(p).Ask("wallet.list_troubles", struct{}{}, &out); err != nil || len(out.Troubles) > 0 {
			t.Errorf("%s: %v %v", p.Name, out, err)
		}
		if out, err := p.Command("wallet", "check"); err != nil {
			t.Errorf("%s: %v: %s", p.Name, err, out)
		}
		if n := p.Panics(); n > 0 {
			t.Errorf("%s panicked %d times", p.Name, n)
		}
	}
}

// TestSiteRestoredDeals kills one of two sites that deal with each other and restores it from a backup that is older than
// much of what it told the other, while people at both go on asking, from its first moment, and while the hub is gone for
// a part of that. Nothing is spent or sent twice, and at the end the sums of both agree at the hub.
func TestSiteRestoredDeals(t *testing.T) {
	r, began := dice(t), time.Now()
	w := newTwoSites(t)
	rounds := full(3)
	var now atomic.Pointer[proc.Process]
	now.Store(w.mosque)
	for range 2 {
		one, two := r.Uint64(), r.Uint64()
		w.wg.Go(func() { w.client(now.Load, "mosque", "clinic", one) })
		w.wg.Go(func() { w.client(func() *proc.Process { return w.clinic }, "clinic", "mosque", two) })
	}
	t.Cleanup(w.wg.Wait)
	end := sync.OnceFunc(func() { close(w.stop) })
	t.Cleanup(end)
	for round := range rounds {
		time.Sleep(2 * time.Second)
		w.setBack(&now, round, time.Duration(2000+r.IntN(2000))*time.Millisecond)
	}
	time.Sleep(time.Second)
	end()
	w.wg.Wait()
	last := now.Load()
	w.close(last)
	w.close(w.clinic)
	w.settled(last, w.clinic)
	if sum := w.has(last, "mosque") + w.has(w.clinic, "clinic"); sum != 6*eachMember {
		t.Errorf("all members together have %d, and brought %d", sum, 6*eachMember)
	}
	w.sound(last, w.clinic)
	for _, s := range w.wrong {
		t.Error(s)
	}
	row(t, "%d restores, %d transfers, allotments and spendings done, %d refused, %d had to wait, %v", rounds, w.asked.Load(), w.refused.Load(), w.held.Load(), time.Since(began).Round(time.Second))
}
