package node

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"strings"

	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/hardware/registry"
	"github.com/aielon/edge/node/api/identityv1"
	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/auth/identity"
	"github.com/aielon/edge/node/edge"
	fulltext "github.com/aielon/edge/node/search"
)

// Kinds of documents in the index. Audit records of the site and of this node are one kind to callers; in the index
// they are two, because each is rebuilt by itself.
const (
	kindPerson = "person"
	kindDevice = "device"
	kindAudit  = "audit"
	kindOwn    = "audit.node"
)

// maxAuditFound is how many audit records of each ledger journal are in the index: the newest. With their rows they
// take about 15 MB.
const maxAuditFound = 10_000

// siteFeed is what the site's ledger journal tells of people and devices.
func (n *Node) siteFeed() fulltext.Feed {
	return fulltext.Feed{Name: peopleFollower, Kinds: []string{kindPerson, kindDevice},
		Changes: n.siteOps,
		All: func(_ context.Context, v edge.View) iter.Seq2[fulltext.Document, error] {
			return chain(mapped(identity.Everybody(v), personDocument), mapped(registry.All(v), deviceDocument))
		}}
}

// auditFeed is what a ledger journal, the site's or this node's own, tells of what was done.
func (n *Node) auditFeed(j edge.Journal, kind string) fulltext.Feed {
	return fulltext.Feed{Name: searchFollower, Kinds: []string{kind},
		Changes: func(r edge.Record) ([]fulltext.Op, error) { return n.auditOps(r, kind), nil },
		All: func(ctx context.Context, _ edge.View) iter.Seq2[fulltext.Document, error] {
			return n.auditDocuments(ctx, j, kind)
		}}
}

// siteOps is what a record of the site's ledger changes. It is the state that counts, not the event: events tell
// that something changed and never who somebody is. Of most records it is nothing, which costs no look at the state.
func (n *Node) siteOps(r edge.Record) (ops []fulltext.Op, err error) {
	if id, ok := identity.SubjectPerson(r.Event); ok {
		err = n.withView(func(v edge.View) error {
			p, err := identity.Find(v, id)
			ops, err = putOrDrop(kindPerson, id, personDocument, p, err)
			return err
		})
	} else if id, ok := registry.SubjectDevice(r.Event); ok {
		err = n.withView(func(v edge.View) error {
			d, err := registry.Find(v, id)
			ops, err = putOrDrop(kindDevice, id, deviceDocument, d, err)
			return err
		})
	}
	return ops, err
}

// putOrDrop is the change that a thing as it is now calls for: none of it any more where there is none.
func putOrDrop[T any](kind, id string, document func(T) fulltext.Document, x T, err error) ([]fulltext.Op, error) {
	if edge.IsKind(err, edge.NotFound) {
		return []fulltext.Op{{Kind: kind, ID: id}}, nil
	}
	if err != nil {
		return nil, err
	}
	d := document(x)
	return []fulltext.Op{{Put: &d}}, nil
}

func personDocument(p *identityv1.Person) fulltext.Document {
	d := fulltext.Document{Kind: kindPerson, ID: p.GetId(), Title: p.GetDisplayName(), Class: edge.Personal, Owner: p.GetId(), Time: p.GetCreated().AsTime()}
	if d.Title == "" {
		d.Title = p.GetLogin()
	}
	return described(d, fulltext.Field{Name: "login", Text: p.GetLogin()}, fulltext.Field{Name: "roles", Text: strings.Join(p.GetRoles(), ", ")})
}

func deviceDocument(x registry.Device) fulltext.Document {
	d := fulltext.Document{Kind: kindDevice, ID: x.ID, Title: x.Name, Class: edge.SiteOnly, Time: x.Registered}
	if d.Title == "" {
		d.Title = x.ID
	}
	return described(d, fulltext.Field{Name: "id", Text: x.ID, Kind: fulltext.Code}, fulltext.Field{Name: "kind", Text: x.Kind})
}

// auditOps is the audit record in a record of a ledger, where there is one. One that cannot be read is left out: that
// is for the audit to tell, not for the search to stop at.
func (n *Node) auditOps(r edge.Record, kind string) []fulltext.Op {
	d, ok := auditDocument(r, kind)
	if !ok {
		return nil
	}
	return []fulltext.Op{{Put: &d}}
}

func (n *Node) auditDocuments(ctx context.Context, j edge.Journal, kind string) iter.Seq2[fulltext.Document, error] {
	return func(yield func(fulltext.Document, error) bool) {
		for r, err := range newest(ctx, j, maxAuditFound) {
			if err != nil {
				yield(fulltext.Document{}, err)
				return
			}
			if d, ok := auditDocument(r, kind); ok && !yield(d, nil) {
				return
			}
		}
	}
}

// auditDocument is an audit record to be found by what was done, by whom, to what. Its id in the index is a slot, in
// which a newer record takes the place of an older one: so the index holds so many and never more.
func auditDocument(r edge.Record, kind string) (fulltext.Document, bool) {
	if !audit.Is(r.Event) {
		return fulltext.Document{}, false
	}
	a, err := audit.FromEvent(r.Event)
	if err != nil {
		return fulltext.Document{}, false
	}
	d := fulltext.Document{Kind: kind, ID: fmt.Sprint(r.Pos.Seq % maxAuditFound), Title: a.Op, Class: r.Class, Time: r.Time}
	if a.Actor.Kind == edge.Person {
		d.Owner = a.Actor.ID
	}
	code := func(name, text string) fulltext.Field {
		return fulltext.Field{Name: name, Text: text, Kind: fulltext.Code}
	}
	return described(d, code("operation", a.Op), code("actor", a.Actor.ID), fulltext.Field{Name: "type", Text: a.Object.Type}, code("object", a.Object.ID),
		code("request", a.Request), code("command", a.Command), fulltext.Field{Name: "reason", Text: a.Reason}, fulltext.Field{Name: "outcome", Text: a.Outcome},
		code("position", position(r.Pos))), true
}

// described gives a document the fields that are not empty.
func described(d fulltext.Document, fields ...fulltext.Field) fulltext.Document {
	for _, f := range fields {
		if f.Text != "" {
			d.Fields = append(d.Fields, f)
		}
	}
	return d
}

// hitLink is where the portal shows a hit.
func hitLink(d fulltext.Document) string {
	switch d.Kind {
	case kindPerson:
		return "/people/" + url.PathEscape(d.ID)
	case kindDevice:
		return "/devices/" + url.PathEscape(d.ID)
	}
	journal := site.Stream(edge.Ledger)
	if d.Kind == kindOwn {
		journal = ownLedger
	}
	return "/audit/" + journal + "/" + field(d, "position") // epoch/number
}

func field(d fulltext.Document, name string) string {
	for _, f := range d.Fields {
		if f.Name == name {
			return f.Text
		}
	}
	return ""
}

func mapped[T any](list iter.Seq2[T, error], f func(T) fulltext.Document) iter.Seq2[fulltext.Document, error] {
	return func(yield func(fulltext.Document, error) bool) {
		for x, err := range list {
			if err != nil {
				yield(fulltext.Document{}, err)
				return
			}
			if !yield(f(x), nil) {
				return
			}
		}
	}
}

func chain(lists ...iter.Seq2[fulltext.Document, error]) iter.Seq2[fulltext.Document, error] {
	return func(yield func(fulltext.Document, error) bool) {
		for _, l := range lists {
			for d, err := range l {
				if !yield(d, err) {
					return
				}
			}
		}
	}
}
