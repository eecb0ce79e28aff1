package node

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"

	"connectrpc.com/connect/v2"

	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/method"
	"github.com/aielon/edge/node/telemetry"
)

// openFigures makes the page of figures and has the doors measured.
func (n *Node) openFigures(f *front, methods *method.Table) {
	n.figures = telemetry.NewFigures(n.part("figures"))
	names := telemetry.CallNames{Doors: []string{"http", "rest", "graphql", "connect", "grpc", "grpc-web", "websocket", "fhir", "local"}, Codes: []string{"ok"}}
	for c := connect.CodeCanceled; c <= connect.CodeUnauthenticated; c++ {
		names.Codes = append(names.Codes, c.String())
	}
	for _, m := range methods.All() {
		names.Ops = append(names.Ops, m.Op)
		if m.Rule.GetNeeds() == "identity.enter" {
			names.SignIns = append(names.SignIns, m.Op)
		}
	}
	f.calls = telemetry.NewCalls(n.figures, names)
	n.outgoing = telemetry.NewOutgoing(n.figures, n.traces, calledHook, calledProcessor)
	for _, read := range []func(telemetry.Page){n.recordFigures, n.siteFigures, n.boxFigures, n.attentionFigures, n.auditFigures, n.doorFigures, n.hooks.figures, n.searchFigures, n.gossipFigures, n.hubFigures} {
		n.figures.Look(read)
	}
	if n.traces != nil {
		n.figures.Look(n.traces.Look)
	}
}

// observe counts a call that ended.
func (f *front) observe(o gateway.Observation) {
	c := telemetry.Call{Op: o.Op, Door: o.Request.Door, Code: "ok", Took: o.Took, Streamed: o.Streamed,
		Proofs: o.Request.Credentials.Bearer != "" || o.Request.Credentials.Cookie != ""}
	if o.Code != 0 {
		c.Code = o.Code.String()
	}
	c.Unproven, c.Denied = o.Code == connect.CodeUnauthenticated, o.Code == connect.CodePermissionDenied
	f.calls.Done(c)
}

// A countedRecorder counts the audit records made here, and those that could not be made.
type countedRecorder struct {
	*audit.Local
	kept, failed, flood atomic.Uint64
}

// Append implements guard.Recorder.
func (c *countedRecorder) Append(ctx context.Context, r audit.Record) (edge.Pos, error) {
	p, err := c.Local.Append(ctx, r)
	if err != nil {
		c.failed.Add(1)
	} else {
		c.kept.Add(1)
	}
	return p, err
}

func (n *Node) recordFigures(p telemetry.Page) {
	l := n.ledger()
	for _, r := range l.Rows {
		const help = "Records of this node by class and fate."
		fates(p, "aielon_records", help, r.Class, r)
	}
	if l.Objects != nil {
		const help = "Large objects of this node by fate."
		fates(p, "aielon_objects", help, "", *l.Objects)
	}
	p.Gauge("aielon_objects_bytes", "Bytes that large objects take on the disk.", float64(n.blobs.s.Used()))
	p.Counter("aielon_messages_total", "Messages devices published.", n.intake.messages.Load())
	p.Counter("aielon_quarantined_total", "Messages that could not be read and were kept aside.", n.intake.quarantined.Load())
}

func fates(p telemetry.Page, name, help, class string, r gateway.LedgerRow) {
	gone := "shed"
	if class == "" {
		gone = "removed"
	}
	for _, x := range []struct {
		fate string
		n    uint64
	}{{"accepted", r.Accepted}, {"on_hub", r.OnHub}, {"waiting", r.Waiting}, {gone, r.Shed}, {"lost", r.Lost}} {
		labels := []string{"fate", x.fate}
		if class != "" {
			labels = append(labels, "class", class)
		}
		p.Gauge(name, help, float64(x.n), labels...)
	}
}

func (n *Node) siteFigures(p telemetry.Page) {
	st := n.site.Stats()
	p.Counter("aielon_commands_total", "Commands answered through the site's log.", st.Answered)
	p.Gauge("aielon_site_index", "Index of the log entry applied last.", float64(st.Index))
	p.Gauge("aielon_site_term", "Term of the site's log: how often a leader was looked for.", float64(n.raft.Leadership().Term))
	p.Counter("aielon_site_refused_total", "Requests to the site's log refused because of who made them or what they were.", n.raft.Stats().Refused)
	p.Gauge("aielon_site_members", "Nodes of the site.", float64(len(n.raft.Members())))
	_, self := n.raft.Leader()
	p.Gauge("aielon_leader", "1 while this node leads its site.", truth(self))
	p.Gauge("aielon_joined", "1 where there is a hub to deliver to.", truth(n.hasHub()))
	p.Gauge("aielon_connected", "1 while there is a link to the hub.", truth(n.linkStatus().Connected))
}

func (n *Node) boxFigures(p telemetry.Page) {
	_, free := n.readings.Size()
	p.Gauge("aielon_disk_free_bytes", "Free bytes for the data directory.", float64(free))
	p.Gauge("aielon_disk_red_line_bytes", "Below this many free bytes nothing is written any more.", float64(n.cfg.Storage.MinFree))
	p.Gauge("aielon_ready", "1 while the node is ready.", truth(show{n}.Ready(context.Background()) == nil))
	p.Gauge("aielon_goroutines", "Goroutines.", float64(runtime.NumGoroutine()))
	p.Gauge("aielon_started_seconds", "When the node was started, in seconds since 1970.", float64(n.started.Unix()))
	version, _, _ := strings.Cut(n.version, " ")
	p.Gauge("aielon_build_info", "Always 1; the version of the program.", 1, "version", version, "role", n.cfg.Role)
}

func (n *Node) attentionFigures(p telemetry.Page) {
	f := n.facts(context.Background())
	if !f.certEnds.IsZero() {
		p.Gauge("aielon_certificate_end_seconds", "When the certificate of this node ends, in seconds since 1970.", float64(f.certEnds.Unix()))
	}
	if !f.backup.IsZero() {
		p.Gauge("aielon_backup_last_seconds", "When the newest backup was made, in seconds since 1970.", float64(f.backup.Unix()))
	}
	p.Gauge("aielon_time_doubtful", "1 while the clock is behind a time that is known to have passed.", truth(f.timeBehind))
	for _, a := range n.attention(context.Background()) {
		p.Gauge("aielon_attention", "1 for each thing a person should look at.", 1, "id", a.ID, "severity", a.Severity)
	}
}

func (n *Node) auditFigures(p telemetry.Page) {
	r := n.front.record
	const help = "Audit records of what is done and shown at this node, by fate: kept; failed, so that what they were of did not happen; left_out of a flood of strangers."
	p.Counter("aielon_audit_records_total", help, r.kept.Load(), "fate", "kept")
	p.Counter("aielon_audit_records_total", help, r.failed.Load(), "fate", "failed")
	p.Counter("aielon_audit_records_total", help, r.flood.Load(), "fate", "left_out")
	p.Gauge("aielon_audit_health", "How the audit's trees are: 0 good, 1 not now, 2 not to be trusted.", float64(n.trail.Report(context.Background()).Level))
}

func (n *Node) doorFigures(p telemetry.Page) {
	for budget, refused := range n.front.budgets.Refused() {
		p.Counter("aielon_limit_refused_total", "Requests refused because there were too many, by whose budget.", refused, "budget", budget)
	}
}

func (n *Node) searchFigures(p telemetry.Page) {
	st, err := n.finder.index.Stats()
	if err != nil {
		return // the store's own figures and the log tell
	}
	const help = "Searches by fate: answered; refused, because they asked for too much; failed, because they took too long or the index could not be read."
	p.Counter("aielon_search_queries_total", help, st.Answered, "fate", "answered")
	p.Counter("aielon_search_queries_total", help, st.Refused, "fate", "refused")
	p.Counter("aielon_search_queries_total", help, st.Failed, "fate", "failed")
	p.Sum("aielon_search_seconds_total", "How long the answered searches took together.", st.Took.Seconds())
	p.Counter("aielon_search_rows_total", "Rows of the store that searches have read.", st.Rows)
	p.Gauge("aielon_search_documents", "Documents that can be found.", float64(st.Documents))
	p.Gauge("aielon_search_words", "Words of the search index held in memory, counted for each kind and class of documents.", float64(st.Terms))
	p.Gauge("aielon_search_words_bytes", "Memory that these words take.", float64(st.Bytes))
	p.Gauge("aielon_search_cache_bytes", "Memory that rows take which searches have left for the next ones; none when nobody searches.", float64(st.Cached))
}

func (n *Node) gossipFigures(p telemetry.Page) {
	if n.gossip == nil {
		return
	}
	p.Gauge("aielon_gossip_peers", "Other nodes of the site that gossip sees.", float64(len(n.gossip.Peers())))
	c := n.gossip.Counts()
	for _, r := range []struct {
		why   string
		count uint64
	}{{"oversized", c.Oversized}, {"label", c.Label}, {"plain", c.Plain}, {"key", c.Key}, {"content", c.Content}, {"busy", c.Busy},
		{"meta", c.Meta}, {"stranger", c.Stranger}, {"replay", c.Replay}} {
		p.Counter("aielon_gossip_refused_total", "Words of others that gossip did not believe, by reason.", r.count, "why", r.why)
	}
}

func (n *Node) hubFigures(p telemetry.Page) {
	if n.hub == nil {
		return
	}
	c := n.hub.h.Counters()
	p.Counter("aielon_hub_records_total", "Records stored since the start.", c.Records.Load())
	p.Counter("aielon_hub_duplicates_total", "Records that came again and were dropped.", c.Duplicates.Load())
	p.Counter("aielon_hub_trimmed_total", "Records forgotten since the start, because they were old or took too much room.", c.Trimmed.Load())
	p.Counter("aielon_hub_trimmed_bytes_total", "Bytes of records forgotten since the start, before they were packed.", c.TrimmedBytes.Load())
	p.Gauge("aielon_hub_sessions", "Nodes connected.", float64(len(n.hub.h.Sessions())))
	p.Gauge("aielon_hub_alarms", "Things about its nodes that the hub wants looked at.", float64(len(n.hub.h.Alarms())))
	o := &c.Objects
	p.Counter("aielon_hub_objects_total", "Large objects taken from nodes since the start.", o.Taken.Load())
	p.Counter("aielon_hub_object_bytes_total", "Bytes of large objects taken from nodes since the start.", o.Bytes.Load())
	p.Counter("aielon_hub_objects_refused_total", "Large objects not taken, for any reason.", o.Refused.Load())
	p.Counter("aielon_hub_objects_given_total", "Large objects fetched by nodes.", o.Given.Load())
	p.Counter("aielon_hub_objects_denied_total", "Large objects that nodes wanted and that are not meant for them.", o.Denied.Load())
	p.Counter("aielon_hub_objects_damaged_total", "Large objects that were something else than announced.", o.Damaged.Load())
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// serveMetrics answers programs of this very box, and whoever may see how the node is.
func (n *Node) serveMetrics() http.Handler {
	page := n.figures.Handler()
	guarded := n.front.gateway.Guarded(gateway.Page{Op: "node.get_metrics", Needs: "node.read", Handler: page})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if req := call.From(r.Context()); req.Peer.IsLoopback() || req.Credentials.Local {
			page.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	})
}
