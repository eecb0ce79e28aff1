package webhook

import (
	"crypto/rand"
	"encoding/json"

	"github.com/aielon/edge/node/edge"
)

// Names of the operations.
const (
	OpAdd    = "webhooks.add"
	OpChange = "webhooks.change"
	OpRemove = "webhooks.remove"
	OpRotate = "webhooks.rotate"
	OpEnable = "webhooks.enable"
	OpSettle = "webhooks.settle"
	OpList   = "webhooks.list"
)

// Types of the events this package emits. Their subject is the endpoint.
const (
	TypeAdded    = "webhook.added"
	TypeChanged  = "webhook.changed"
	TypeRemoved  = "webhook.removed"
	TypeRotated  = "webhook.rotated"
	TypeEnabled  = "webhook.enabled"
	TypeDisabled = "webhook.disabled"
	TypeLost     = "webhook.lost" // messages were dropped; never sent itself, so that it cannot cause more of them
)

// Named names one endpoint.
type Named struct {
	ID string `json:"id"`
}

// List is all endpoints, without secrets.
type List struct {
	Endpoints []Endpoint `json:"endpoints"`
}

// Settlement is what the delivering node tells the site of one endpoint.
type Settlement struct {
	ID      string          `json:"id"`
	Marks   map[string]mark `json:"marks,omitempty"`
	Disable string          `json:"disable,omitempty"`
	Lost    uint64          `json:"lost,omitempty"` // messages dropped since it was last told
	Why     string          `json:"why,omitempty"`
}

// Register adds the operations to a site.
func Register(m *edge.Mux) {
	op := func(name, doc string) edge.Op {
		return edge.Op{Name: name, Doc: doc, Needs: "webhooks.manage", Class: edge.SiteOnly}
	}
	edge.Do(m, op(OpAdd, "Send events to an address. The secret is shown this once."), add)
	edge.Do(m, op(OpChange, "Change a webhook."), change)
	edge.Do(m, op(OpRemove, "Stop sending events to an address."), remove)
	edge.Do(m, op(OpRotate, "Give a webhook a new secret. The old one signs beside it for a day."), rotate)
	edge.Do(m, op(OpEnable, "Send again to a webhook that was disabled."), enable)
	edge.Do(m, edge.Op{Name: OpSettle, Doc: "Tell how far deliveries have come. For nodes.", Needs: "webhooks.settle", Class: edge.SiteOnly}, settle)
	edge.Ask(m, edge.Op{Name: OpList, Doc: "List webhooks.", Needs: "webhooks.read", Class: edge.SiteOnly}, list)
}

func add(tx edge.Tx, in Endpoint) (Endpoint, error) {
	if in.ID != "" || in.Secrets != nil || in.Disabled != "" || !in.Created.IsZero() || !in.Enabled.IsZero() {
		return Endpoint{}, edge.E(edge.Invalid, "id, secret, time and state of a webhook are given by the site")
	}
	if err := in.check(); err != nil {
		return Endpoint{}, err
	}
	all, err := endpoints(tx)
	if err != nil {
		return Endpoint{}, err
	}
	if len(all) >= MaxEndpoints {
		return Endpoint{}, edge.E(edge.Exhausted, "there are already %d webhooks", len(all)).WithHint("remove one that is not needed")
	}
	in.ID, in.Created, in.Secrets = edge.NewID().String(), tx.Now(), []Secret{{Value: newSecret()}}
	return in, save(tx, in, TypeAdded)
}

func change(tx edge.Tx, in Endpoint) (Endpoint, error) {
	e, err := load(tx, in.ID)
	if err != nil {
		return Endpoint{}, err
	}
	if in.Secrets != nil {
		return Endpoint{}, edge.E(edge.Invalid, "a webhook's secret is not given but made").WithHint("rotate it")
	}
	in.Secrets, in.Created, in.Disabled, in.Enabled = e.Secrets, e.Created, e.Disabled, e.Enabled
	if err := in.check(); err != nil {
		return Endpoint{}, err
	}
	return in.public(), save(tx, in, TypeChanged)
}

func remove(tx edge.Tx, in Named) (struct{}, error) {
	e, err := load(tx, in.ID)
	if err != nil {
		return struct{}{}, err
	}
	tx.Delete([]byte(endpointPrefix + e.ID))
	tx.Delete([]byte(marksPrefix + e.ID))
	return struct{}{}, emit(tx, TypeRemoved, e.ID, nil)
}

func rotate(tx edge.Tx, in Named) (Endpoint, error) {
	e, err := load(tx, in.ID)
	if err != nil {
		return Endpoint{}, err
	}
	old := e.Secrets[0]
	old.Until = tx.Now().Add(Rotation)
	e.Secrets = []Secret{{Value: newSecret()}, old}
	shown := e
	shown.Secrets = e.Secrets[:1]
	return shown, save(tx, e, TypeRotated)
}

func enable(tx edge.Tx, in Named) (Endpoint, error) {
	e, err := load(tx, in.ID)
	if err != nil {
		return Endpoint{}, err
	}
	e.Disabled, e.Enabled = "", tx.Now()
	return e.public(), save(tx, e, TypeEnabled)
}

// settle moves marks forward, never back: a node that has just lost the lead may come late.
func settle(tx edge.Tx, in Settlement) (struct{}, error) {
	if tx.Actor().Kind != edge.Node {
		return struct{}{}, edge.E(edge.Denied, "only a node of the site can say how far deliveries have come")
	}
	e, err := load(tx, in.ID)
	if err != nil {
		return struct{}{}, err
	}
	if err := moveMarks(tx, in); err != nil {
		return struct{}{}, err
	}
	if in.Lost > 0 {
		if err := emit(tx, TypeLost, e.ID, map[string]any{"messages": in.Lost, "why": in.Why}); err != nil {
			return struct{}{}, err
		}
	}
	if in.Disable == "" || e.Disabled != "" {
		return struct{}{}, nil
	}
	e.Disabled = in.Disable
	return struct{}{}, save(tx, e, TypeDisabled)
}

func moveMarks(tx edge.Tx, in Settlement) error {
	if len(in.Marks) == 0 {
		return nil
	}
	have, err := marksOf(tx, in.ID)
	if err != nil {
		return err
	}
	rows := map[string]mark{}
	for s, p := range have {
		rows[s] = markOf(p)
	}
	for s, m := range in.Marks {
		if len(m.Sum) != 32 || len(s) > edge.MaxType {
			return edge.E(edge.Invalid, "a mark is not a position of a journal")
		}
		if before(have[s], m.pos()) {
			rows[s] = m
		}
	}
	b, err := json.Marshal(rows)
	if err != nil {
		return edge.E(edge.Internal, "marks cannot be encoded: %w", err)
	}
	tx.Set([]byte(marksPrefix+in.ID), b)
	return nil
}

func list(v edge.View, _ struct{}) (List, error) {
	all, err := endpoints(v)
	if err != nil {
		return List{}, err
	}
	l := List{Endpoints: []Endpoint{}}
	for _, e := range all {
		l.Endpoints = append(l.Endpoints, e.public())
	}
	return l, nil
}

func load(v edge.View, id string) (e Endpoint, err error) {
	if _, err := edge.ParseID(id); err != nil {
		return e, edge.E(edge.NotFound, "there is no such webhook")
	}
	b, err := v.Get([]byte(endpointPrefix + id))
	if edge.IsKind(err, edge.NotFound) {
		return e, edge.E(edge.NotFound, "there is no such webhook")
	}
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return e, edge.E(edge.Corrupt, "the webhook %s cannot be read: %w", id, err)
	}
	return e, nil
}

// save writes an endpoint and says so, in an event without its secrets.
func save(tx edge.Tx, e Endpoint, what string) error {
	b, err := json.Marshal(e)
	if err != nil {
		return edge.E(edge.Internal, "a webhook cannot be encoded: %w", err)
	}
	tx.Set([]byte(endpointPrefix+e.ID), b)
	return emit(tx, what, e.ID, e.public())
}

func emit(tx edge.Tx, what, id string, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return edge.E(edge.Internal, "an event cannot be encoded: %w", err)
	}
	tx.Emit(edge.Event{Type: what, Subject: id, Class: edge.SiteOnly, Urgency: edge.Ledger, Body: b})
	return nil
}

// newSecret draws 32 bytes. Commands are evaluated once, so chance may take part.
func newSecret() string {
	var b [32]byte
	rand.Read(b[:])
	return secretPrefix + secretText.EncodeToString(b[:])
}
