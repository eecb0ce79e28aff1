package webhook

import (
	"crypto/rand"
	"encoding/json"

	"github.com/aielon/edge/node/api/webhooksv1"
	"github.com/aielon/edge/node/edge"
)

// OpSettle is the command by which the node that delivers tells the site how far it is, and MaySettle what it needs,
// which only nodes of the site hold. The body is a Settlement as JSON. All else has a schema, aielon.webhooks.v1.
const (
	OpSettle                  = "webhooks.settle"
	MaySettle edge.Permission = "webhooks.settle"
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

// Settlement is what the delivering node tells the site of one endpoint.
type Settlement struct {
	ID      string          `json:"id"`
	Marks   map[string]mark `json:"marks,omitempty"`
	Disable string          `json:"disable,omitempty"`
	Lost    uint64          `json:"lost,omitempty"` // messages dropped since it was last told
	Why     string          `json:"why,omitempty"`
}

// Register adds to a site the operations of the schema that the site answers, and the one that is between nodes.
func Register(m *edge.Mux) {
	edge.Handle(m, create)
	edge.Handle(m, change)
	edge.Handle(m, remove)
	edge.Handle(m, rotate)
	edge.Handle(m, enable)
	edge.Handle(m, disable)
	edge.Answer(m, get)
	edge.Answer(m, list)
	edge.Do(m, edge.Op{Name: OpSettle, Doc: "Tell how far deliveries have come. For nodes.", Needs: MaySettle, Class: edge.SiteOnly}, settle)
}

func create(tx edge.Tx, in *webhooksv1.CreateWebhookRequest) (*webhooksv1.IssuedWebhook, error) {
	e := Endpoint{URL: in.GetUrl(), Description: in.GetDescription(), Types: in.GetTypes(), Class: edge.Class(in.GetClass()), Ordered: in.GetOrdered(),
		AllowPrivate: in.GetAllowPrivate(), AllowPlain: in.GetAllowPlain()}
	if err := e.check(); err != nil {
		return nil, err
	}
	all, err := endpoints(tx)
	if err != nil {
		return nil, err
	}
	if len(all) >= MaxEndpoints {
		return nil, edge.E(edge.Exhausted, "there are already %d webhooks", len(all)).WithHint("remove one that is not needed")
	}
	e.ID, e.Created, e.Secrets = edge.NewID().String(), tx.Now(), []Secret{{Value: newSecret()}}
	return e.issued(), save(tx, e, TypeAdded)
}

// change sets what is given; what is left out stays.
func change(tx edge.Tx, in *webhooksv1.ChangeWebhookRequest) (*webhooksv1.Webhook, error) {
	e, err := load(tx, in.GetId())
	if err != nil {
		return nil, err
	}
	set(&e.URL, in.Url)
	set(&e.Description, in.Description)
	set(&e.Ordered, in.Ordered)
	set(&e.AllowPrivate, in.AllowPrivate)
	set(&e.AllowPlain, in.AllowPlain)
	if in.Class != nil {
		e.Class = edge.Class(in.GetClass())
	}
	if in.GetTypes() != nil {
		e.Types = in.GetTypes().GetTypes()
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	return e.message(), save(tx, e, TypeChanged)
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func remove(tx edge.Tx, in *webhooksv1.RemoveWebhookRequest) (*webhooksv1.RemoveWebhookResponse, error) {
	e, err := load(tx, in.GetId())
	if err != nil {
		return nil, err
	}
	tx.Delete([]byte(endpointPrefix + e.ID))
	tx.Delete([]byte(marksPrefix + e.ID))
	return &webhooksv1.RemoveWebhookResponse{}, emit(tx, TypeRemoved, e.ID, nil)
}

func rotate(tx edge.Tx, in *webhooksv1.RotateWebhookRequest) (*webhooksv1.IssuedWebhook, error) {
	e, err := load(tx, in.GetId())
	if err != nil {
		return nil, err
	}
	old := e.Secrets[0]
	old.Until = tx.Now().Add(Rotation)
	e.Secrets = []Secret{{Value: newSecret()}, old}
	return e.issued(), save(tx, e, TypeRotated)
}

func enable(tx edge.Tx, in *webhooksv1.EnableWebhookRequest) (*webhooksv1.Webhook, error) {
	e, err := load(tx, in.GetId())
	if err != nil {
		return nil, err
	}
	e.Disabled, e.Enabled = "", tx.Now()
	return e.message(), save(tx, e, TypeEnabled)
}

// disable keeps the reason it finds: who disables what gave up already changes nothing.
func disable(tx edge.Tx, in *webhooksv1.DisableWebhookRequest) (*webhooksv1.Webhook, error) {
	e, err := load(tx, in.GetId())
	if err != nil || e.Disabled != "" {
		return e.message(), err
	}
	e.Disabled = "disabled by hand"
	return e.message(), save(tx, e, TypeDisabled)
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

func list(v edge.View, _ *webhooksv1.ListWebhooksRequest) (*webhooksv1.ListWebhooksResponse, error) {
	all, err := endpoints(v)
	if err != nil {
		return nil, err
	}
	out := &webhooksv1.ListWebhooksResponse{}
	for _, e := range all {
		out.Webhooks = append(out.Webhooks, e.message())
	}
	return out, nil
}

func get(v edge.View, in *webhooksv1.GetWebhookRequest) (*webhooksv1.Webhook, error) {
	e, err := load(v, in.GetId())
	if err != nil {
		return nil, err
	}
	return e.message(), nil
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

// save writes an endpoint and says so, in an event.
func save(tx edge.Tx, e Endpoint, what string) error {
	b, err := json.Marshal(e)
	if err != nil {
		return edge.E(edge.Internal, "a webhook cannot be encoded: %w", err)
	}
	tx.Set([]byte(endpointPrefix+e.ID), b)
	return emit(tx, what, e.ID, e.told())
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
