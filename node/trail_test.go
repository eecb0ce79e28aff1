package node

import (
	"bytes"
	"slices"
	"testing"

	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/edge"
)

// What the operator changes is in the site's ledger, what was refused in the node's own; both are proved while the
// node runs and, byte for byte the same, after it was stopped.
func TestTrail(t *testing.T) {
	b := start(t, smallConfig(t))
	by := edge.Actor{Kind: edge.Person, ID: "p-1", Site: "clinic"}
	body := []byte(`{"key":"colour","value":"red"}`)
	c := edge.Command{ID: edge.NewID(), Type: OpSettingSet, Actor: by, Body: body}
	if out, err := b.site.Propose(t.Context(), c); err != nil || out.Err != nil {
		t.Fatal(err, out.Err)
	}
	r := audit.Record{Kind: audit.Decision, Actor: by, Request: edge.NewID().String(), Op: "patients.read", Object: audit.Object{Type: "patient", ID: "x"}, Class: edge.Clinical, Denied: true, Reason: "role.missing", Outcome: "denied"}
	if _, err := b.trail.local.Append(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the audit follows", func() error { return b.caughtUp() })
	for _, l := range []*audit.Log{b.trail.own, b.trail.site} {
		if err := l.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	running := b.auditOf()
	checkTrail(t, running, c.ID)
	var before, after bytes.Buffer
	q := AuditRequest{Proofs: true}
	if err := running.Export(t.Context(), &before, q); err != nil {
		t.Fatal(err)
	}
	if got, err := audit.CheckExport(bytes.NewReader(before.Bytes()), []edge.NodeID{b.ID()}); err != nil || got.Proved < 2 {
		t.Errorf("%v %+v", err, got)
	}
	if _, err := OpenAudit(t.Context(), b.cfg); !edge.IsKind(err, edge.Unavailable) {
		t.Errorf("the audit of a running node was opened: %v", err)
	}
	b.stop()
	stopped, err := OpenAudit(t.Context(), b.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer stopped.Close()
	checkTrail(t, stopped, c.ID)
	if err := stopped.Export(t.Context(), &after, q); err != nil || !bytes.HasPrefix(after.Bytes(), before.Bytes()[:bytes.IndexByte(before.Bytes(), '\n')]) {
		t.Errorf("%v", err)
	}
	if list, err := stopped.Verify(t.Context(), AuditRequest{Witnesses: []edge.NodeID{{7}}}); err != nil || list[0].Err() == nil || list[1].Err() == nil {
		t.Errorf("a witness there never was is not missed: %v", err)
	}
}

func (b *box) caughtUp() error {
	for l, head := range map[*audit.Log]edge.Pos{b.trail.own: b.trail.own.Head(), b.trail.site: b.trail.site.Head()} {
		if at := l.Mark(auditFollower); at != head && head.Seq > 0 {
			return edge.E(edge.Unavailable, "%s: %v of %v", l.Stream(), at, head)
		}
	}
	return nil
}

func checkTrail(t *testing.T, a *Audit, change edge.ID) {
	t.Helper()
	list, err := a.Verify(t.Context(), AuditRequest{})
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %d journals", err, len(list))
	}
	for _, r := range list {
		if r.Err() != nil {
			t.Errorf("%q", r.Problems)
		}
	}
	own, site := newestEpoch(list[0]), newestEpoch(list[1])
	if own.Kinds[audit.Decision] != 1 || own.Denied != 1 || site.Kinds[audit.Change] != 1 || len(own.Checkpoints) == 0 || len(site.Checkpoints) == 0 {
		t.Errorf("%+v\n%+v", own, site)
	}
	var out bytes.Buffer
	if err := a.Export(t.Context(), &out, AuditRequest{}); err != nil || !bytes.Contains(out.Bytes(), []byte(change.String())) || bytes.Contains(out.Bytes(), []byte("red")) {
		t.Errorf("%v\n%s", err, out.Bytes())
	}
}

func newestEpoch(r audit.Report) audit.EpochReport {
	full := slices.DeleteFunc(slices.Clone(r.Epochs), func(e audit.EpochReport) bool { return e.Records == 0 })
	if len(full) == 0 {
		return audit.EpochReport{}
	}
	return full[len(full)-1]
}

func TestNoAuditWithoutANode(t *testing.T) {
	c := smallConfig(t)
	if _, err := OpenAudit(t.Context(), c); !edge.IsKind(err, edge.NotFound) || exists(c.DataDir) {
		t.Errorf("%v", err)
	}
}
