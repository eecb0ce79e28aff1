package hub

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"reflect"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// Limits on what is kept for one node.
const (
	maxCommands = 64                   // without a result
	keepResults = 7 * 24 * time.Hour   // after they came, or their command has expired
	resendEvery = 2 * time.Minute      // what has no answer yet
	maxLife     = 366 * 24 * time.Hour // of a command
)

// Desired is the configuration a node should have.
type Desired struct {
	Version uint64          `json:"version"`
	Doc     json.RawMessage `json:"doc"` // canonical JSON
	Time    time.Time       `json:"time"`
	// Base is the last document the node said it has, to send changes against.
	Base        uint64          `json:"base,omitempty"`
	BaseDoc     json.RawMessage `json:"base_doc,omitempty"`
	PrevVersion uint64          `json:"prev,omitempty"`
}

// Reported is what a node last said it has.
type Reported struct {
	Version uint64          `json:"version"`
	Doc     json.RawMessage `json:"doc,omitempty"`
	Err     string          `json:"err,omitempty"`
	Time    time.Time       `json:"time"`
}

// SetDesired gives a node a new configuration and returns its version. Only the newest is ever sent.
func (h *Hub) SetDesired(ctx context.Context, id edge.NodeID, doc []byte) (uint64, error) {
	n, err := h.Node(id)
	if err != nil {
		return 0, err
	}
	canon, err := canonical(doc)
	if err != nil {
		return 0, err
	}
	if len(canon) > wire.MaxTwin {
		return 0, edge.E(edge.Invalid, "a configuration may have %d bytes, this one has %d", wire.MaxTwin, len(canon))
	}
	h.downMu.Lock()
	defer h.downMu.Unlock()
	d, err := h.Desired(ctx, id)
	if err != nil && !edge.IsKind(err, edge.NotFound) {
		return 0, err
	}
	d.Version, d.Doc, d.Time = d.Version+1, canon, h.now()
	if err := h.putJSON(ctx, n.Site, kindDesired, id.String(), d); err != nil {
		return 0, err
	}
	if s := h.session(id); s != nil {
		h.sendTwin(s, d)
	}
	return d.Version, nil
}

// Desired returns what a node should have, or NotFound.
func (h *Hub) Desired(ctx context.Context, id edge.NodeID) (d Desired, err error) {
	err = h.getJSON(ctx, id, kindDesired, id.String(), &d)
	return d, err
}

// Reported returns what a node last said it has, or NotFound.
func (h *Hub) Reported(ctx context.Context, id edge.NodeID) (r Reported, err error) {
	err = h.getJSON(ctx, id, kindReported, id.String(), &r)
	return r, err
}

func (h *Hub) putJSON(ctx context.Context, site, kind, key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return edge.E(edge.Internal, "a row of kind %s cannot be written: %w", kind, err)
	}
	return h.o.Store.Put(ctx, store.Row{Site: site, Kind: kind, Key: key, Value: b})
}

func (h *Hub) getJSON(ctx context.Context, id edge.NodeID, kind, key string, v any) error {
	n, err := h.Node(id)
	if err != nil {
		return err
	}
	r, err := h.o.Store.Row(ctx, n.Site, kind, key)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(r.Value, v); err != nil {
		return edge.E(edge.Corrupt, "the row %s %s cannot be read: %w", kind, key, err)
	}
	return nil
}

func (h *Hub) session(id edge.NodeID) *session {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sessions[id]
}

// sendDown sends what waits for a node.
func (h *Hub) sendDown(ctx context.Context, s *session) {
	if d, err := h.Desired(ctx, s.peer.ID); err == nil {
		s.mu.Lock()
		has := s.twinSent
		s.mu.Unlock()
		if has < d.Version {
			h.sendTwin(s, d)
		}
	}
	for _, c := range h.pending(ctx, s.peer) {
		s.out.push(c.frame())
	}
}

// sendTwin sends the newest document, as a change where the node is known to have the old one and that
// is shorter.
func (h *Hub) sendTwin(s *session, d Desired) {
	f := &wire.Twin{Version: d.Version, Hash: sha256.Sum256(d.Doc), Doc: d.Doc}
	s.mu.Lock()
	has := s.reported
	s.twinSent = d.Version
	s.mu.Unlock()
	if d.Base != 0 && has.Version == d.Base && has.Hash == sha256.Sum256(d.BaseDoc) && has.Err == "" {
		if p, ok := diff(d.BaseDoc, d.Doc); ok && len(p) < len(d.Doc) {
			f.Base, f.Doc = d.Base, p
		}
	}
	s.out.push(f)
}

// reported keeps what a node says it has. Where that is not the newest, the newest is sent.
func (h *Hub) reported(ctx context.Context, s *session, f *wire.Reported) error {
	r := Reported{Version: f.Version, Err: f.Err, Time: h.now()}
	if json.Valid(f.Doc) {
		r.Doc = f.Doc
	}
	if err := h.putJSON(ctx, s.peer.Site, kindReported, s.peer.ID.String(), r); err != nil {
		h.trouble("keep a report", err)
		return nil // it is said again on the next session
	}
	s.mu.Lock()
	s.reported = wire.Reported{Version: f.Version, Hash: f.Hash, Err: f.Err}
	s.mu.Unlock()
	h.downMu.Lock()
	defer h.downMu.Unlock()
	d, err := h.Desired(ctx, s.peer.ID)
	if err != nil {
		return nil
	}
	if f.Version == d.Version && f.Hash == sha256.Sum256(d.Doc) && d.Base != d.Version {
		d.Base, d.BaseDoc = d.Version, d.Doc
		if err := h.putJSON(ctx, s.peer.Site, kindDesired, s.peer.ID.String(), d); err != nil {
			h.trouble("keep a report", err)
		}
		return nil
	}
	s.mu.Lock()
	again := f.Version < d.Version && s.twinSent < d.Version
	s.mu.Unlock()
	if again {
		h.sendTwin(s, d)
	}
	return nil
}

// A Command is one thing a node is asked to do, once.
type Command struct {
	ID        edge.ID     `json:"id"`
	Node      edge.NodeID `json:"node"`
	Seq       uint64      `json:"seq"`
	Name      string      `json:"name"`
	Body      []byte      `json:"body,omitempty"`
	NotBefore time.Time   `json:"not_before"`
	Expires   time.Time   `json:"expires"`
	Sig       []byte      `json:"sig"`
}

func (c Command) frame() *wire.Cmd {
	return &wire.Cmd{ID: c.ID, Target: c.Node, Seq: c.Seq, Name: c.Name, Body: c.Body, NotBefore: c.NotBefore, Expires: c.Expires, Sig: c.Sig}
}

// A Result is how a command ended.
type Result struct {
	ID     edge.ID     `json:"id"`
	Node   edge.NodeID `json:"node"`
	Status wire.Status `json:"status"`
	Time   time.Time   `json:"time"`
	Text   string      `json:"text,omitempty"`
	Body   []byte      `json:"body,omitempty"`
}

// Send signs a command and keeps it until the node has answered or it has expired. A second Send with
// the same ID changes nothing.
func (h *Hub) Send(ctx context.Context, c Command) error {
	n, err := h.Node(c.Node)
	if err != nil {
		return err
	}
	now := h.now()
	switch {
	case h.o.Signer == nil:
		return edge.E(edge.Denied, "this hub has no key to sign commands with")
	case c.ID.IsZero() || c.Name == "" || len(c.Name) > 128 || len(c.Body) > wire.MaxCmdBody:
		return edge.E(edge.Invalid, "a command needs an id and a name, and its body may have %d bytes", wire.MaxCmdBody)
	case !c.Expires.After(now) || c.Expires.Sub(now) > maxLife || c.NotBefore.After(c.Expires):
		return edge.E(edge.Invalid, "a command must expire within a year, and after it begins")
	}
	h.downMu.Lock()
	defer h.downMu.Unlock()
	for _, old := range h.pending(ctx, Peer{c.Node, n.Site}) {
		if old.ID == c.ID {
			return nil
		}
		c.Seq = max(c.Seq, old.Seq)
	}
	if _, err := h.o.Store.Row(ctx, n.Site, kindResult, resultKey(c.Node, c.ID)); err == nil {
		return nil // it was answered
	}
	if len(h.pending(ctx, Peer{c.Node, n.Site})) >= maxCommands {
		return edge.E(edge.Exhausted, "%d commands wait for node %s", maxCommands, c.Node.Short()).WithHint("wait until it has answered, or until they expire")
	}
	c.Seq = max(c.Seq+1, uint64(now.UnixMicro()))
	f := c.frame()
	if c.Sig, err = h.sign(f.SigningBytes()); err != nil {
		return err
	}
	if err := h.putJSON(ctx, n.Site, kindCommand, resultKey(c.Node, c.ID), c); err != nil {
		return err
	}
	if s := h.session(c.Node); s != nil {
		s.out.push(c.frame())
	}
	return nil
}

func resultKey(n edge.NodeID, id edge.ID) string { return n.String() + "/" + id.String() }

// sign uses Ed25519 as it is, and ECDSA over SHA-256.
func (h *Hub) sign(m []byte) ([]byte, error) {
	var sig []byte
	var err error
	if _, ok := h.o.Signer.Public().(ed25519.PublicKey); ok {
		sig, err = h.o.Signer.Sign(rand.Reader, m, crypto.Hash(0))
	} else {
		d := sha256.Sum256(m)
		sig, err = h.o.Signer.Sign(rand.Reader, d[:], crypto.SHA256)
	}
	if err != nil {
		return nil, edge.E(edge.Internal, "the hub cannot sign: %w", err)
	}
	return sig, nil
}

// pending lists the commands of a node that have no result and have not expired, oldest first.
func (h *Hub) pending(ctx context.Context, p Peer) []Command {
	list, err := rowsOf[Command](ctx, h.o.Store, p.Site, kindCommand, p.ID.String()+"/")
	if err != nil {
		h.trouble("list commands", err)
		return nil
	}
	var out []Command
	for _, c := range list {
		if c.Expires.After(h.now()) {
			out = append(out, c)
		}
	}
	return out
}

// Pending lists the commands that wait for a node.
func (h *Hub) Pending(ctx context.Context, id edge.NodeID) ([]Command, error) {
	n, err := h.Node(id)
	if err != nil {
		return nil, err
	}
	return h.pending(ctx, Peer{id, n.Site}), nil
}

// Results lists how a node's commands ended.
func (h *Hub) Results(ctx context.Context, id edge.NodeID) ([]Result, error) {
	n, err := h.Node(id)
	if err != nil {
		return nil, err
	}
	return rowsOf[Result](ctx, h.o.Store, n.Site, kindResult, id.String()+"/")
}

// finished keeps a result and forgets its command, in one step. The first result stands.
func (h *Hub) finished(ctx context.Context, p Peer, f *wire.CmdResult) error {
	key := resultKey(p.ID, f.ID)
	if _, err := h.o.Store.Row(ctx, p.Site, kindCommand, key); err != nil {
		return nil // not ours, or answered before
	}
	b, err := json.Marshal(Result{ID: f.ID, Node: p.ID, Status: f.Status, Time: f.Time, Text: f.Text, Body: f.Body})
	if err == nil {
		err = h.o.Store.Put(ctx, store.Row{Site: p.Site, Kind: kindResult, Key: key, Value: b}, store.Row{Site: p.Site, Kind: kindCommand, Key: key})
	}
	if err != nil {
		h.trouble("keep a result", err) // the command is sent again and answered again
	}
	return nil
}

// canonical is JSON without spaces and with sorted keys; numbers keep their text.
func canonical(doc []byte) ([]byte, error) {
	v, err := parse(doc)
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

func parse(doc []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	if err := d.Decode(&v); err != nil || d.More() {
		return nil, edge.E(edge.Invalid, "a configuration is not one JSON document: %w", err)
	}
	return v, nil
}

// diff returns the JSON merge patch (RFC 7396) that makes to out of from. ok is false where there is
// none: a patch cannot set a member to null.
func diff(from, to []byte) (patch []byte, ok bool) {
	a, err1 := parse(from)
	b, err2 := parse(to)
	if err1 != nil || err2 != nil {
		return nil, false
	}
	am, ok1 := a.(map[string]any)
	bm, ok2 := b.(map[string]any)
	if !ok1 || !ok2 {
		return nil, false
	}
	p, ok := diffMap(am, bm)
	if !ok {
		return nil, false
	}
	patch, err := json.Marshal(p)
	return patch, err == nil
}

func diffMap(a, b map[string]any) (map[string]any, bool) {
	p := map[string]any{}
	for k := range a {
		if _, stays := b[k]; !stays {
			p[k] = nil
		}
	}
	for k, v := range b {
		old, had := a[k]
		if had && reflect.DeepEqual(old, v) {
			continue
		}
		om, ok1 := old.(map[string]any)
		vm, ok2 := v.(map[string]any)
		if ok1 && ok2 {
			sub, ok := diffMap(om, vm)
			if !ok {
				return nil, false
			}
			p[k] = sub
			continue
		}
		if holdsNull(v) {
			return nil, false
		}
		p[k] = v
	}
	return p, true
}

// holdsNull reports whether v has a null that a patch would take for a removal. Those in arrays are safe.
func holdsNull(v any) bool {
	m, ok := v.(map[string]any)
	if !ok {
		return v == nil
	}
	for _, x := range m {
		if holdsNull(x) {
			return true
		}
	}
	return false
}

// tick does what is done now and then: sends again what has no answer, forgets what is old, signs
// receipts.
func (h *Hub) tick(ctx context.Context) {
	again, receipts := time.NewTicker(resendEvery), time.NewTicker(h.o.Receipts)
	defer again.Stop()
	defer receipts.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			h.sendAgain(ctx)
		case <-receipts.C:
			h.sendReceipts(ctx)
		}
	}
}

func (h *Hub) sendAgain(ctx context.Context) {
	seen := map[edge.NodeID]bool{}
	for r, err := range h.o.Store.Rows(ctx, "", kindCommand, "") {
		if err != nil {
			h.trouble("list commands", err)
			return
		}
		var c Command
		if json.Unmarshal(r.Value, &c) != nil {
			continue
		}
		if h.now().After(c.Expires.Add(keepResults)) {
			h.o.Store.Put(ctx, store.Row{Site: r.Site, Kind: r.Kind, Key: r.Key})
			continue
		}
		if s := h.session(c.Node); s != nil && c.Expires.After(h.now()) {
			seen[c.Node] = true
			s.out.push(c.frame())
		}
	}
	for r, err := range h.o.Store.Rows(ctx, "", kindResult, "") {
		var res Result
		if err == nil && json.Unmarshal(r.Value, &res) == nil && h.now().After(res.Time.Add(5*keepResults)) {
			h.o.Store.Put(ctx, store.Row{Site: r.Site, Kind: r.Kind, Key: r.Key})
		}
	}
}

// sendReceipts signs where the streams of connected nodes stand. One signature covers every record
// before it, because the sum does.
func (h *Hub) sendReceipts(ctx context.Context) {
	if h.o.Signer == nil {
		return
	}
	h.mu.Lock()
	all := make([]*session, 0, len(h.sessions))
	for _, s := range h.sessions {
		all = append(all, s)
	}
	h.mu.Unlock()
	for _, s := range all {
		h.Receipts(ctx, s.peer.ID)
	}
}

// Receipts sends a connected node signed receipts of its own and its site's streams.
func (h *Hub) Receipts(ctx context.Context, id edge.NodeID) {
	s := h.session(id)
	if s == nil || h.o.Signer == nil {
		return
	}
	for _, origin := range []string{id.String(), wire.SitePrefix + s.peer.Site} {
		for row, err := range h.o.Store.Streams(ctx, origin) {
			if err != nil {
				h.trouble("read cursors", err)
				return
			}
			r := &wire.Receipt{Hub: h.o.Self, Stream: row.ID, Pos: row.Cursor, Time: h.now()}
			if r.Sig, err = h.sign(r.SigningBytes()); err != nil {
				h.o.Logger.Error("receipts cannot be signed", "cause", err)
				return
			}
			s.out.push(r)
		}
	}
}
