package node

import (
	"context"
	"fmt"
	"math"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/api/auditv1"
	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/node/journal"
)

// A ledgerJournal is one of the two journals that hold audit records.
type ledgerJournal interface {
	edge.Journal
	backward
}

// auditBook answers who did what, from the node's own ledger journal and the site's.
type auditBook struct {
	n        *Node
	journals [2]ledgerJournal
	watchers chan struct{} // holds one for each who listens
	checks   chan struct{} // holds one for each who verifies or exports
}

// Bounds on those who follow the audit, and on those who read all of it.
const (
	maxAuditWatchers = 32
	maxAuditChecks   = 2
)

func (n *Node) auditMethods(l *gateway.Locals) {
	b := &auditBook{n: n, journals: [2]ledgerJournal{n.journals.Journal(edge.Ledger), n.siteJournal(edge.Ledger)},
		watchers: make(chan struct{}, maxAuditWatchers), checks: make(chan struct{}, maxAuditChecks)}
	gateway.Local(l, b.list)
	gateway.Local(l, b.proven)
	gateway.LocalStream(l, b.watch)
	gateway.Local(l, b.state)
	gateway.LocalStream(l, b.verify)
	gateway.LocalStream(l, b.export)
}

var (
	_ ledgerJournal = (*journal.Journal)(nil)
	_ ledgerJournal = (*journal.Reader)(nil)
)

// enter takes a place among those who do something costly at a time.
func enter(room chan struct{}, what string) (leave func(), err error) {
	select {
	case room <- struct{}{}:
		return func() { <-room }, nil
	default:
		return nil, edge.E(edge.Unavailable, "%d others %s at this node, which is as many as may", cap(room), what).WithHint("try again in a while")
	}
}

// list returns audit records of both journals, newest first.
func (b *auditBook) list(ctx context.Context, in *auditv1.ListAuditRecordsRequest) (*auditv1.ListAuditRecordsResponse, error) {
	size, err := edge.PageSize(in.GetPageSize(), 100, 1000)
	if err != nil {
		return nil, err
	}
	w := auditWish{actor: in.GetActor(), op: in.GetOp(), object: audit.Object{Type: in.GetObjectType(), ID: b.n.trail.mask.ID(in.GetObjectId())}, hidden: b.n.trail.mask.Hidden(in.GetObjectId()), kind: in.GetKind(), request: in.GetRequest(), denied: in.GetDenied()}
	q := search{name: fmt.Sprintf("audit %q", fmt.Sprint(w)), size: size, journals: [2]backward{b.journals[0], b.journals[1]}, wants: w.wants}
	if q.since, err = bound(in.GetSince(), "since", math.MinInt64); err != nil {
		return nil, err
	}
	if q.until, err = bound(in.GetUntil(), "until", math.MaxInt64); err != nil {
		return nil, err
	}
	found, next, err := q.run(ctx, in.GetPageToken())
	if err != nil {
		return nil, err
	}
	out := &auditv1.ListAuditRecordsResponse{NextPageToken: next}
	for _, rec := range found {
		out.Records = append(out.Records, auditMessage(b.journals[rec.i].Stream(), rec.Record))
	}
	return out, nil
}

// An auditWish narrows down which audit records are meant. What is empty does not.
type auditWish struct {
	actor, op, kind, request string
	object                   audit.Object
	hidden                   string // the object's id as it stands where it was hidden
	denied                   bool
}

// wants reads as much of a record as it must. What cannot be read is shown to whoever asks for everything.
func (w auditWish) wants(rec edge.Record) bool {
	if !audit.Is(rec.Event) || w.kind != "" && rec.Type != "audit."+w.kind {
		return false
	}
	if w == (auditWish{kind: w.kind}) {
		return true
	}
	r, err := audit.FromEvent(rec.Event)
	is := func(want, got string) bool { return want == "" || want == got }
	return err == nil && is(w.actor, r.Actor.ID) && (is(w.request, r.Request) || w.request == r.Command) && is(w.object.Type, r.Object.Type) && (is(w.object.ID, r.Object.ID) || w.hidden == r.Object.ID) &&
		(w.op == "" || w.op == r.Op || strings.HasPrefix(r.Op, w.op+".")) && (r.Denied || !w.denied)
}

// auditMessage is a record as the schema has it. One that cannot be read, which a newer version may have written, is
// told with what stands outside of its body.
func auditMessage(stream string, rec edge.Record) *auditv1.AuditRecord {
	out := &auditv1.AuditRecord{Kind: strings.TrimPrefix(rec.Type, "audit."), Time: timestamppb.New(rec.Time), Journal: stream, Position: position(rec.Pos)}
	r, err := audit.FromEvent(rec.Event)
	if err != nil {
		out.ObjectType, out.ObjectId, _ = strings.Cut(valid(rec.Subject), "/")
		out.Outcome = "unreadable"
		return out
	}
	out.ActorKind, out.Actor, out.Site, out.Session = kindName(r.Actor.Kind), r.Actor.ID, r.Actor.Site, r.Session
	out.Door, out.Address, out.Request, out.Command, out.Op = r.Door, r.Address, r.Request, r.Command, r.Op
	out.ObjectType, out.ObjectId, out.Class = r.Object.Type, r.Object.ID, className(r.Class)
	out.Money, out.Denied, out.Policies, out.Reason, out.Emergency, out.Outcome = r.Money, r.Denied, r.Policies, r.Reason, r.Glass, r.Outcome
	return out
}

func kindName(k edge.ActorKind) string {
	return [...]string{edge.Nobody: "nobody", edge.Person: "person", edge.Device: "device", edge.Node: "node", edge.Service: "service"}[min(k, edge.Service)]
}

func className(c edge.Class) string {
	return [...]string{edge.Public: "public", edge.SiteOnly: "site", edge.Personal: "personal", edge.Clinical: "clinical"}[min(c, edge.Clinical)]
}

// watch sends audit records as they are made. Who is too slow goes on with the newest.
func (b *auditBook) watch(ctx context.Context, in *auditv1.WatchAuditRecordsRequest, send func(*auditv1.AuditRecord) error) error {
	leave, err := enter(b.watchers, "follow the audit")
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := auditWish{actor: in.GetActor(), op: in.GetOp(), denied: in.GetDenied()}
	found, ended := make(chan *auditv1.AuditRecord, watchRoom), make(chan error, len(b.journals))
	for _, j := range b.journals {
		at := j.Head()
		message := func(rec edge.Record) *auditv1.AuditRecord { return auditMessage(j.Stream(), rec) }
		go func() { ended <- tail[*auditv1.AuditRecord]{j, w.wants, message, found}.run(ctx, at) }()
	}
	return deliver(ctx, found, ended, send)
}
