package node

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/journal"
)

// maxControl bounds the body of a request on the local socket, in bytes.
const maxControl = 64 << 10

// control is what the command line asks a running node, over the socket that only the node's own user and
// root can use.
func (n *Node) control() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) { answer(w, show{n}.Status(r.Context()), nil) })
	m.HandleFunc("GET /v1/devices", func(w http.ResponseWriter, r *http.Request) {
		list, err := n.listDevices(r.Context())
		answer(w, list, err)
	})
	m.HandleFunc("POST /v1/devices", with(func(r *http.Request, d DeviceInfo) (any, error) { return n.RegisterDevice(r.Context(), d) }))
	m.HandleFunc("PATCH /v1/devices/{id}", with(func(r *http.Request, d DeviceInfo) (any, error) {
		d.ID = r.PathValue("id")
		return n.changeDevice(r.Context(), d)
	}))
	m.HandleFunc("POST /v1/devices/{id}/rotate", func(w http.ResponseWriter, r *http.Request) {
		c, err := n.rotateDevice(r.Context(), r.PathValue("id"))
		answer(w, c, err)
	})
	m.HandleFunc("DELETE /v1/devices/{id}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, struct{}{}, n.removeDevice(r.Context(), r.PathValue("id")))
	})
	m.HandleFunc("POST /v1/invites", with(func(r *http.Request, q InviteRequest) (any, error) { return n.invite(r.Context(), q) }))
	m.HandleFunc("POST /v1/join", with(func(r *http.Request, q JoinRequest) (any, error) { return n.join(r.Context(), q) }))
	m.HandleFunc("POST /v1/scrub", func(w http.ResponseWriter, r *http.Request) { res, err := n.scrub(r.Context()); answer(w, res, err) })
	m.HandleFunc("GET /v1/journal", n.serveJournal)
	m.HandleFunc("GET /v1/journal/verify", n.serveVerify)
	m.HandleFunc("POST /v1/backup", n.serveBackup)
	n.auditControl(m)
	n.moneyControl(m)
	m.HandleFunc("POST /v1/setup-code", func(w http.ResponseWriter, r *http.Request) {
		code, err := n.SetupCode(r.Context())
		answer(w, struct{ Code, Page string }{code, n.DoorURL()}, err)
	})
	n.blobControl(m)
	n.siteControl(m)
	n.hubControl(m)
	return naming(m)
}

// naming gives each request an id, which logs and audit records have too.
func naming(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := call.Name(r.Header.Get(call.RequestID))
		w.Header()[call.RequestID] = []string{id}
		next.ServeHTTP(w, r.WithContext(edge.WithRequest(r.Context(), id)))
	})
}

func (n *Node) hubControl(m *http.ServeMux) {
	m.HandleFunc("GET /v1/nodes", n.onHub(func(p *hubPart, r *http.Request) (any, error) { return p.nodes(r.Context()), nil }))
	m.HandleFunc("POST /v1/nodes/{id}/revoke", func(w http.ResponseWriter, r *http.Request) {
		id, err := edge.ParseNodeID(r.PathValue("id"))
		if err == nil {
			err = n.revoke(r.Context(), id)
		}
		answer(w, struct{}{}, err)
	})
	m.HandleFunc("PUT /v1/nodes/{id}/desired", n.onNode(func(p *hubPart, r *http.Request, id edge.NodeID) (any, error) {
		doc, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxControl))
		if err != nil {
			return nil, edge.E(edge.Invalid, "the configuration is too long: %w", err)
		}
		if _, err := parseSettings(doc); err != nil {
			return nil, err
		}
		v, err := p.h.SetDesired(r.Context(), id, doc)
		return struct{ Version uint64 }{v}, err
	}))
	m.HandleFunc("POST /v1/nodes/{id}/commands", n.onNode(func(p *hubPart, r *http.Request, id edge.NodeID) (any, error) {
		var q CommandRequest
		if err := read(r, &q); err != nil {
			return nil, err
		}
		cmd, err := p.send(r.Context(), id, q)
		return struct{ ID edge.ID }{cmd}, err
	}))
	m.HandleFunc("GET /v1/nodes/{id}/results", n.onNode(func(p *hubPart, r *http.Request, id edge.NodeID) (any, error) {
		return p.h.Results(r.Context(), id)
	}))
}

func (n *Node) onHub(f func(*hubPart, *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if n.hub == nil {
			answer(w, nil, edge.E(edge.Invalid, "this node is no hub, which this is for").
				WithHint("run it on the hub; the nodes of this site are in: aielon-edge status"))
			return
		}
		out, err := f(n.hub, r)
		answer(w, out, err)
	}
}

func (n *Node) onNode(f func(*hubPart, *http.Request, edge.NodeID) (any, error)) http.HandlerFunc {
	return n.onHub(func(p *hubPart, r *http.Request) (any, error) {
		id, err := edge.ParseNodeID(r.PathValue("id"))
		if err != nil {
			return nil, err
		}
		return f(p, r, id)
	})
}

// with decodes a request strictly before it is handled.
func with[In any](f func(*http.Request, In) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		if err := read(r, &in); err != nil {
			answer(w, nil, err)
			return
		}
		out, err := f(r, in)
		answer(w, out, err)
	}
}

func read(r *http.Request, in any) error {
	if err := strictly(http.MaxBytesReader(nil, r.Body, maxControl), in); err != nil {
		return edge.E(edge.Invalid, "the request cannot be read: %w", err)
	}
	return nil
}

// strictly decodes exactly one JSON value without unknown members.
func strictly(r io.Reader, in any) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows it")
	}
	return nil
}

// answer writes a result as JSON, or an error as problem details (RFC 9457).
func answer(w http.ResponseWriter, out any, err error) {
	if err == nil {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(out)
		return
	}
	p := struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Hint   string `json:"hint,omitempty"`
		Name   string `json:"instance,omitempty"` // the request's id
	}{edge.KindOf(err).String(), statusOf(edge.KindOf(err)), err.Error(), "", w.Header().Get(call.RequestID)}
	if e, ok := errors.AsType[*edge.Error](err); ok {
		p.Detail, p.Hint = e.Msg, e.Hint
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p)
}

func statusOf(k edge.Kind) int {
	return [...]int{edge.Internal: 500, edge.Invalid: 400, edge.NotFound: 404, edge.Conflict: 409, edge.Denied: 403,
		edge.Unavailable: 503, edge.Exhausted: 507, edge.Corrupt: 500}[k]
}

// line is one record as the command line prints it.
type line struct {
	Epoch   string          `json:"epoch"`
	Seq     uint64          `json:"seq"`
	Time    string          `json:"time"`
	Type    string          `json:"type"`
	Subject string          `json:"subject"`
	Body    json.RawMessage `json:"body,omitempty"`
	Raw     []byte          `json:"raw,omitempty"`
	Gap     string          `json:"gap,omitempty"`
}

func recordLine(r edge.Record) line {
	l := line{Epoch: strconv.FormatUint(r.Pos.Epoch, 16), Seq: r.Pos.Seq, Time: r.Time.Format("2006-01-02T15:04:05.000Z07:00"), Type: r.Type, Subject: r.Subject}
	if json.Valid(r.Body) {
		l.Body = r.Body
	} else {
		l.Raw = r.Body
	}
	return l
}

// serveJournal writes records of one journal as lines of JSON.
func (n *Node) serveJournal(w http.ResponseWriter, r *http.Request) {
	j, err := n.journalNamed(r.URL.Query().Get("stream"))
	if err != nil {
		answer(w, nil, err)
		return
	}
	after, err1 := strconv.ParseUint(r.URL.Query().Get("after"), 10, 64)
	limit, err2 := strconv.Atoi(r.URL.Query().Get("limit"))
	if err1 != nil || err2 != nil || limit < 1 {
		answer(w, nil, edge.E(edge.Invalid, "after and limit must be whole numbers, limit at least 1"))
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := json.NewEncoder(w)
	for rec, err := range j.Read(r.Context(), edge.Pos{Epoch: j.Head().Epoch, Seq: after}) {
		var gap *edge.Gap
		switch {
		case errors.As(err, &gap):
			out.Encode(line{Gap: gap.Error()})
			continue
		case err != nil:
			out.Encode(struct{ Error string }{err.Error()})
			return
		}
		out.Encode(recordLine(rec))
		if limit--; limit == 0 {
			return
		}
	}
}

func (n *Node) journalNamed(stream string) (edge.Journal, error) {
	for _, j := range n.journals.Journals() {
		if j.Stream() == stream {
			return j, nil
		}
	}
	for _, u := range edge.Urgencies() {
		if j := n.siteJournal(u); j.Stream() == stream {
			return j, nil
		}
	}
	return nil, edge.E(edge.NotFound, "there is no journal called %q", stream).WithHint("readings.telemetry, readings.critical, site.ledger and the like are there")
}

// serveVerify recomputes every chain from its first stored record.
func (n *Node) serveVerify(w http.ResponseWriter, r *http.Request) {
	out := json.NewEncoder(w)
	for _, u := range edge.Urgencies() {
		for _, family := range []string{"readings.", "site."} {
			stream, v := family+u.String(), n.readings.View()
			if family == "site." {
				v.Close()
				v = n.site.View()
			}
			rep, err := journal.Verify(r.Context(), v, stream, nil)
			v.Close()
			res := struct {
				Stream  string `json:"stream"`
				Records uint64 `json:"records"`
				Error   string `json:"error,omitempty"`
			}{Stream: stream, Records: rep.Found.Records}
			if err != nil {
				res.Error = err.Error()
			}
			out.Encode(res)
		}
	}
}
