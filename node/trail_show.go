package node

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"

	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// AuditRequest says what of a node's audit is verified or exported.
type AuditRequest struct {
	Streams   []string          `json:"streams,omitempty"`   // journals; empty: this node's ledger and the site's
	Keys      []audit.Statement `json:"keys,omitempty"`      // known from elsewhere
	Nodes     []edge.NodeID     `json:"nodes,omitempty"`     // who may sign for the site; empty: whoever's statement is known
	Witnesses []edge.NodeID     `json:"witnesses,omitempty"` // who must have cosigned
	Witnessed []string          `json:"witnessed,omitempty"` // notes that witnesses handed out
	Proofs    bool              `json:"proofs,omitempty"`    // of an export
	All       bool              `json:"all,omitempty"`       // of an export: other records too
}

// AuditSeen is what a node has cosigned of one journal of another, for comparing.
type AuditSeen struct {
	Checkpoint string          `json:"checkpoint"`
	By         audit.Statement `json:"by"`
	Forks      []audit.Fork    `json:"forks,omitempty"`
}

// An Audit is the audit of a node, running or not.
type Audit struct {
	own            edge.NodeID
	at             string // the site
	trees          string // name of the trees over the site's journal
	readings, site func() *state.View
	close          []func() error
}

// OpenAudit opens the audit of a node that does not run. It fails with Unavailable where one runs on the data
// directory, and with NotFound where there is none.
func OpenAudit(ctx context.Context, cfg Config) (_ *Audit, err error) {
	if !hasStores(cfg.DataDir) || !exists(filepath.Join(cfg.DataDir, "keys", "node.key")) {
		return nil, edge.E(edge.NotFound, "there is no node in %s", cfg.DataDir).WithHint("name its data directory with --data")
	}
	a := &Audit{}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	unlock, err := lockDir(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	a.close = append(a.close, unlock)
	k := &keys{dir: filepath.Join(cfg.DataDir, "keys")}
	if k.storage, err = storageKey(cfg); err != nil {
		return nil, err
	}
	if k.id, err = pki.LoadOrCreate(k.dir); err != nil {
		return nil, err
	}
	l, err := k.loadLink()
	if err != nil {
		return nil, err
	}
	if k.trust, err = k.openTrust(cfg); err != nil {
		return nil, err
	}
	a.trees, a.at = l.trees(), k.trust.Site()
	return a, a.open(ctx, k, cfg.DataDir)
}

func (a *Audit) open(ctx context.Context, k *keys, dir string) error {
	a.own = k.id.ID()
	readings, err := state.Open(ctx, state.Options{Dir: filepath.Join(dir, "readings"), Name: "readings", Key: k.derive("store/readings"), Reserve: -1})
	if err != nil {
		return err
	}
	a.readings, a.close = readings.View, append(a.close, readings.Close)
	shelf, err := site.OpenShelf(ctx, state.Options{Dir: filepath.Join(dir, "site"), Name: "site", Key: k.derive("store/site"), Reserve: -1})
	if err != nil {
		return err
	}
	a.site, a.close = shelf.Store().View, append(a.close, shelf.Close)
	return nil
}

// Close gives back what OpenAudit opened.
func (a *Audit) Close() (err error) {
	for i := len(a.close) - 1; i >= 0; i-- {
		if e := a.close[i](); err == nil {
			err = e
		}
	}
	a.close = nil
	return err
}

func (n *Node) auditOf() *Audit {
	return &Audit{own: n.keys.id.ID(), at: n.keys.trust.Site(), trees: n.link.get().trees(), readings: n.readings.View, site: n.site.View}
}

// source finds the journal called stream.
func (a *Audit) source(stream string) (audit.Source, error) {
	s := audit.Source{Stream: stream, Journal: a.site, Trees: a.readings}
	switch stream {
	case site.Stream(edge.Ledger):
		s.Name, s.Site = a.trees, a.at
	case ownLedger:
		s.Node, s.Journal = a.own, a.readings
	default:
		return s, edge.E(edge.NotFound, "there is no audit of a journal called %q", stream).WithHint("readings.ledger and site.ledger have one")
	}
	return s, nil
}

func (q AuditRequest) streams() []string {
	if len(q.Streams) > 0 {
		return q.Streams
	}
	return []string{ownLedger, site.Stream(edge.Ledger)}
}

// Verify recomputes the journals' chains and trees and compares them with all checkpoints.
func (a *Audit) Verify(ctx context.Context, q AuditRequest) (list []audit.Report, err error) {
	o := audit.VerifyOptions{Keys: q.Keys, Nodes: q.Nodes, Witnesses: q.Witnesses}
	for _, w := range q.Witnessed {
		o.Witnessed = append(o.Witnessed, []byte(w))
	}
	for _, stream := range q.streams() {
		s, err := a.source(stream)
		if err != nil {
			return nil, err
		}
		r, err := audit.Verify(ctx, s, o)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

// Export writes the audit records as lines of JSON.
func (a *Audit) Export(ctx context.Context, w io.Writer, q AuditRequest) error {
	for _, stream := range q.streams() {
		s, err := a.source(stream)
		if err != nil {
			return err
		}
		if err := audit.Export(ctx, w, s, audit.ExportOptions{Keys: q.Keys, Proofs: q.Proofs, All: q.All}); err != nil {
			return err
		}
	}
	return nil
}

// Seen lists what this node has cosigned for others.
func (a *Audit) Seen(context.Context) ([]AuditSeen, error) {
	v := a.readings()
	defer v.Close()
	ks, err := audit.Kept(v)
	if err != nil {
		return nil, err
	}
	var by audit.Statement
	for _, k := range ks {
		if k.Node == a.own && k.Time >= by.Time {
			by = k
		}
	}
	seen, err := audit.Witnessed(v)
	if err != nil {
		return nil, err
	}
	list := []AuditSeen{}
	for _, s := range seen {
		list = append(list, AuditSeen{Checkpoint: string(s.Checkpoint), By: by, Forks: s.Forks})
	}
	return list, nil
}

// maxAudit bounds a request to verify, in bytes: it may carry what a hub has cosigned for all its nodes.
const maxAudit = 64 << 20

// auditControl lets the operator of this box verify and export.
func (n *Node) auditControl(m *http.ServeMux) {
	m.HandleFunc("POST /v1/audit/verify", func(w http.ResponseWriter, r *http.Request) {
		var q AuditRequest
		if err := strictly(http.MaxBytesReader(nil, r.Body, maxAudit), &q); err != nil {
			answer(w, nil, edge.E(edge.Invalid, "the request cannot be read: %w", err))
			return
		}
		list, err := n.auditOf().Verify(r.Context(), q)
		answer(w, list, err)
	})
	m.HandleFunc("GET /v1/audit/seen", func(w http.ResponseWriter, r *http.Request) {
		list, err := n.auditOf().Seen(r.Context())
		answer(w, list, err)
	})
	m.HandleFunc("POST /v1/audit/checkpoint", func(w http.ResponseWriter, r *http.Request) {
		err := n.trail.own.Checkpoint(r.Context())
		if err == nil {
			err = n.trail.site.Checkpoint(r.Context())
		}
		answer(w, struct{}{}, err)
	})
	m.HandleFunc("POST /v1/audit/export", func(w http.ResponseWriter, r *http.Request) {
		var q AuditRequest
		if err := read(r, &q); err != nil {
			answer(w, nil, err)
			return
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		if err := n.auditOf().Export(r.Context(), w, q); err != nil {
			json.NewEncoder(w).Encode(struct {
				Error string `json:"error"`
			}{err.Error()})
			panic(http.ErrAbortHandler) // the reader sees a broken stream and not a short file
		}
	})
}
