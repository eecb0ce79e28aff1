package node

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// streamOf is what a hub knows of one stream.
func (b *box) streamOf(id wire.StreamID) store.Stream {
	b.t.Helper()
	s, err := b.hub.store.Stream(b.t.Context(), id)
	if err != nil && !edge.IsKind(err, edge.NotFound) {
		b.t.Fatal(err)
	}
	return s
}

// joinHubTo makes b, a hub, one of the hubs below another.
func (b *box) joinHubTo(above *box) {
	b.t.Helper()
	inv, err := above.Invite(b.t.Context(), InviteRequest{Role: "hub"})
	if err == nil {
		_, err = b.JoinHub(b.t.Context(), JoinRequest{Addr: inv.Addr, Code: inv.Code})
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// TestHubOfHubs sends records from a node over a district's hub to a region's. Each is there once, under
// the name and the numbers its origin gave it, also after each of the three was started again.
func TestHubOfHubs(t *testing.T) {
	t.Parallel() // it mostly waits
	topCfg, midCfg, cfg := hubConfig(t), hubConfig(t), smallConfig(t)
	topCfg.Site, topCfg.Region = "top", "country"
	midCfg.Site = "district"
	top, mid, n := start(t, topCfg), start(t, midCfg), start(t, cfg)
	n.joinTo(mid)
	n.number(1)
	n.delivered()
	mid.joinHubTo(top)
	n.number(2)
	id := telemetryOf(n)
	arrived := func(count int) {
		t.Helper()
		eventually(t, "the records at the top", func() error {
			n.up.kick() // a hub that restarts asks for patience
			mid.up.kick()
			a, b := mid.streamOf(id), top.streamOf(id)
			if b.Cursor != n.journals.Journal(edge.Telemetry).Head() || a.Cursor != b.Cursor {
				link := "the district's uplink is not there yet"
				if u := mid.up.get(); u != nil {
					link = fmt.Sprint(u.Report(t.Context()))
				}
				return fmt.Errorf("the node is at %v, the hubs at %v and %v; %v; alarms %v", n.journals.Journal(edge.Telemetry).Head(), a.Cursor, b.Cursor, link, top.hub.h.Alarms())
			}
			return nil
		})
		got := numbers(top.hubHas(id))
		for i := 1; i <= count; i++ {
			if got[i] != 1 {
				t.Fatalf("the top has number %d %d times", i, got[i])
			}
		}
		if s := top.streamOf(id); s.Via != mid.ID() || s.ID.Origin != n.ID().String() || s.Counts.Accepted != uint64(len(records(t, n.journals.Journal(edge.Telemetry)))) || s.Counts.Skipped+s.Counts.Missing > 0 {
			t.Fatalf("at the top: %+v", s)
		}
	}
	arrived(2)
	mid.stop() // the node goes on alone
	n.number(3)
	mid = start(t, midCfg)
	arrived(3)
	top.stop()
	n.number(4)
	n.delivered()
	top = start(t, topCfg)
	arrived(4)
	n.stop()
	n = start(t, cfg)
	n.number(5)
	arrived(5)
	if x, err := top.hub.h.Node(mid.ID()); err != nil || !x.Hub || !x.Any {
		t.Errorf("the top knows the hub below as %+v, %v", x, err)
	}
	for _, a := range top.hub.h.Alarms() {
		t.Errorf("alarm %+v", a)
	}
	if x, err := mid.hub.h.Node(n.ID()); err != nil || x.Hub {
		t.Errorf("a node counts as a hub: %+v, %v", x, err)
	}
}

// TestHubsOwnRecords looks at a hub that has no hub above: what it gathers of itself is on the hub, once, and
// nothing waits for ever. When it joins a hub, that gets all of it.
func TestHubsOwnRecords(t *testing.T) {
	t.Parallel() // it mostly waits
	cfg, topCfg := hubConfig(t), hubConfig(t)
	cfg.Site, topCfg.Site, topCfg.Region = "district", "top", "country"
	h := start(t, cfg)
	all := func(from, to int) {
		t.Helper()
		for i := from; i <= to; i++ {
			h.number(i)
		}
		h.delivered()
		if l := h.ledger().Total; l.Lost != 0 || l.OnHub != l.Accepted || l.Accepted == 0 {
			t.Errorf("the page says %+v", l)
		}
		got := numbers(h.hubHas(telemetryOf(h)))
		for i := 1; i <= to; i++ {
			if got[i] != 1 {
				t.Fatalf("number %d is in the store %d times", i, got[i])
			}
		}
	}
	all(1, 20)
	h.stop()
	h = start(t, cfg)
	all(21, 30)
	top := start(t, topCfg)
	h.joinHubTo(top)
	all(31, 40)
	eventually(t, "all at the top", func() error {
		for _, s := range must(h.hub.h.Streams(t.Context())) {
			if above := top.streamOf(s.ID); above.Cursor != s.Cursor || above.Counts.Accepted != s.Counts.Accepted {
				return fmt.Errorf("%s: %v of %v", s.ID, above.Cursor, s.Cursor)
			}
		}
		return nil
	})
	if n := len(numbers(top.hubHas(telemetryOf(h)))); n != 40 {
		t.Errorf("the top has %d", n)
	}
	top.delivered()
	eventually(t, "the page of the hub below", func() error {
		if st := h.hub.status(t.Context()); st.Above != 0 {
			return fmt.Errorf("%d wait for the hub above", st.Above)
		}
		return nil
	})
}

// TestHubsOwnName keeps a site from taking the name of the hub's own.
func TestHubsOwnName(t *testing.T) {
	h, cfg := start(t, hubConfig(t)), smallConfig(t)
	cfg.Site = "hub"
	n := start(t, cfg)
	inv, err := h.Invite(t.Context(), InviteRequest{Role: "site"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.JoinHub(t.Context(), JoinRequest{Addr: inv.Addr, Code: inv.Code}); !edge.IsKind(err, edge.Conflict) {
		t.Errorf("joined: %v", err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestRestoredHub puts a hub back to what it had some time ago. What the node still keeps arrives once more
// by itself, once; what it keeps no longer is counted as lost and told in words, on the page and in the
// journal, also after the node was started again.
func TestRestoredHub(t *testing.T) {
	t.Parallel() // it mostly waits
	for name, empty := range map[string]bool{"an old backup": false, "nothing": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			restoredHub(t, empty)
		})
	}
}

func restoredHub(t *testing.T, empty bool) {
	hcfg, cfg := hubConfig(t), smallConfig(t)
	h, n := start(t, hcfg), start(t, cfg)
	n.joinTo(h)
	n.stop()
	n = start(t, cfg)
	id, last := telemetryOf(n), 0
	write := func(count, pad int) {
		for range count {
			last++
			if err := n.publish("fridge", "fridge/state", fmt.Sprintf(`{"number":%d,"pad":%q}`, last, strings.Repeat("x", pad))); err != nil {
				t.Fatal(err)
			}
		}
		n.delivered()
	}
	write(10, 1)
	h.stop()
	dir, saved := filepath.Join(hcfg.DataDir, "hub"), filepath.Join(t.TempDir(), "hub")
	if err := os.CopyFS(saved, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	h = start(t, hcfg)
	for range 10 { // more than there is room for: what is delivered goes
		write(12, 190<<10)
	}
	n.stop() // the node writes nothing more that could make it forget
	h.stop()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if !empty {
		if err := os.CopyFS(dir, os.DirFS(saved)); err != nil {
			t.Fatal(err)
		}
		private(t, dir)
	}
	h, n = start(t, hcfg), start(t, cfg)
	j := n.journals.Journal(edge.Telemetry)
	kept := 0
	for _, err := range j.Read(t.Context(), edge.Pos{}) {
		if err == nil {
			kept++
		}
	}
	had := map[bool]int{false: 10, true: 0}[empty]
	all := int(j.Totals().Accepted.Records) // long messages are more than one
	gone := all - had - kept
	if gone <= 0 || kept == 0 {
		t.Fatalf("nothing to see: %d of %d are kept", kept, all)
	}
	eventually(t, "what is kept at the hub", func() error {
		n.up.kick()
		if s := h.streamOf(id); s.Cursor != j.Head() {
			return fmt.Errorf("%v of %v", s.Cursor, j.Head())
		}
		return nil
	})
	s, got := h.streamOf(id), map[int]int{}
	for r, err := range h.hub.store.Read(t.Context(), id, edge.Pos{}) {
		if err == nil {
			for k, v := range numbers([]edge.Record{r}) {
				got[k] += v
			}
		}
	}
	if s.Counts.Accepted != uint64(had+kept) || s.Counts.Skipped != uint64(gone) {
		t.Errorf("the hub has %d numbers, want %d and %d records: %+v", len(got), had, kept, s.Counts)
	}
	for i := 1; i <= last; i++ {
		if got[i] > 1 || i <= had && got[i] != 1 || i == last && got[i] != 1 {
			t.Errorf("number %d is there %d times", i, got[i])
		}
	}
	for range 2 { // now, and after the node was started again
		n.delivered()
		row := n.ledger().Rows[slices.IndexFunc(n.ledger().Rows, func(r gateway.LedgerRow) bool { return r.Class == "telemetry" })]
		if row.Lost != uint64(gone) || row.Accepted != uint64(all) || row.OnHub != uint64(had+kept) {
			t.Errorf("the page says %+v, gone are %d", row, gone)
		}
		if r := n.reportGone(); r.Level != edge.Degraded || !strings.Contains(r.Msg, "are gone") {
			t.Errorf("in words: %+v", r)
		}
		n.stop()
		n = start(t, cfg)
	}
	n.delivered()
	told := 0
	for r, err := range h.hub.store.Read(t.Context(), wire.StreamID{Origin: n.ID().String(), Name: "readings.ledger"}, edge.Pos{}) {
		if err == nil && r.Type == TypeGone && r.Subject == "readings.telemetry" {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}

func TestSpans(t *testing.T) {
	list := joinSpans(nil, span{1, 10, 20}, span{1, 15, 30}, span{2, 5, 5}, span{2, 0, 3})
	if again := joinSpans(list, span{1, 10, 20}); len(list) != 2 || countOf(list) != 23 || countOf(again) != 23 {
		t.Errorf("%v %v", list, again)
	}
	for p, want := range map[edge.Pos]uint64{{}: 0, {Epoch: 1, Seq: 5}: 0, {Epoch: 1, Seq: 12}: 2, {Epoch: 1, Seq: 99}: 20, {Epoch: 2, Seq: 1}: 21, {Epoch: 3}: 23} {
		if got := reached(list, p); got != want {
			t.Errorf("up to %v are %d, want %d", p, got, want)
		}
	}
}

// TestSendAgainIsInterrupted kills the node while it writes records once more: before the commit, and after
// it but before that was noted. Each record is written once more, once.
func TestSendAgainIsInterrupted(t *testing.T) {
	for name, through := range map[string]bool{"the write was lost": false, "the write got through": true} {
		t.Run(name, func(t *testing.T) {
			n := start(t, smallConfig(t))
			for i := range 5 {
				n.number(i)
			}
			j := n.journals.Journal(edge.Telemetry)
			head, first := j.Head(), records(t, j)
			if err := n.setApart(t.Context(), j.Stream(), span{head.Epoch, 2, 5}); err != nil {
				t.Fatal(err)
			}
			if err := n.journals.NewEpoch(t.Context(), "test"); err != nil {
				t.Fatal(err)
			}
			if through {
				if _, err := n.journals.Append(t.Context(), first[2].Event, first[3].Event, first[4].Event); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 {
				if err := n.sendRest(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			got := numbers(records(t, j))
			for i := range 5 {
				if want := map[bool]int{false: 1, true: 2}[i >= 2]; got[i] != want {
					t.Errorf("number %d is there %d times, want %d", i, got[i], want)
				}
			}
			if row := n.goneOf(j.Stream()); row.Again != 3 {
				t.Errorf("the account says %+v", row)
			}
		})
	}
}
