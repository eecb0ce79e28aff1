package webhook

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
)

// Limits of endpoints.
const (
	MaxEndpoints   = 64
	maxURL         = 2048 // bytes
	maxTypes       = 64
	maxDescription = 256 // bytes
)

// Keys in the state of a site.
const (
	endpointPrefix = "w/e/"
	marksPrefix    = "w/m/"
)

// Rotation is how long the secret before the newest still signs.
const Rotation = 24 * time.Hour

// An Endpoint is where events are sent, and which.
type Endpoint struct {
	edge.Redacted

	ID           string     `json:"id"`
	URL          string     `json:"url"`
	Description  string     `json:"description,omitempty"`
	Types        []string   `json:"types,omitempty"`         // "device.added", "device.*"; none: all
	Class        edge.Class `json:"class,omitempty"`         // events above it are not sent
	Ordered      bool       `json:"ordered,omitempty"`       // one at a time, in the order of each journal
	AllowPrivate bool       `json:"allow_private,omitempty"` // addresses of this box and of local networks too
	AllowPlain   bool       `json:"allow_plain,omitempty"`   // http: too; not with personal or clinical events
	Secrets      []Secret   `json:"secrets,omitempty"`       // newest first, at most two
	Created      time.Time  `json:"created"`
	Enabled      time.Time  `json:"enabled,omitzero"`   // when it was enabled again; failures from before do not count
	Disabled     string     `json:"disabled,omitempty"` // why nothing is sent; empty: it is
}

// A Secret signs messages. Its value is "whsec_" and base64.
type Secret struct {
	edge.Redacted

	Value string    `json:"value"`
	Until time.Time `json:"until,omitzero"` // zero: until it is replaced
}

// wants reports whether an event is to be sent to e.
func (e *Endpoint) wants(r edge.Record) bool {
	if r.Class > e.Class || r.Time.Before(e.Created) || r.Type == TypeLost {
		return false
	}
	return len(e.Types) == 0 || slices.ContainsFunc(e.Types, func(t string) bool {
		prefix, wild := strings.CutSuffix(t, "*")
		return t == r.Type || wild && strings.HasPrefix(r.Type, prefix)
	})
}

// signing returns the secrets that sign at a time.
func (e *Endpoint) signing(now time.Time) (list []string) {
	for _, s := range e.Secrets {
		if s.Until.IsZero() || now.Before(s.Until) {
			list = append(list, s.Value)
		}
	}
	return list
}

// told is what an event says of e. Neither its address, which may hold a secret itself, nor what somebody wrote about
// it is in there: events go to the hub, and to other webhooks.
func (e Endpoint) told() any {
	return struct {
		ID       string     `json:"id"`
		Types    []string   `json:"types,omitempty"`
		Class    edge.Class `json:"class,omitempty"`
		Disabled bool       `json:"disabled,omitempty"`
	}{e.ID, e.Types, e.Class, e.Disabled != ""}
}

// check refuses, with Invalid, an endpoint nothing could or should be sent to.
func (e *Endpoint) check() error {
	u, err := url.Parse(e.URL)
	switch {
	case len(e.URL) > maxURL || err != nil || u.Host == "" || u.Hostname() == "":
		return edge.E(edge.Invalid, "a webhook needs an address of at most %d bytes", maxURL).WithHint("give one like https://example.org/hook")
	case u.Scheme != "https" && (u.Scheme != "http" || !e.AllowPlain):
		return edge.E(edge.Invalid, "a webhook's address must begin with https://").WithHint("set allow_plain for one inside your own network that has no certificate")
	case u.User != nil || u.Fragment != "":
		return edge.E(edge.Invalid, "a webhook's address may hold neither a password nor a fragment").WithHint("the receiver knows us by the signature")
	case e.AllowPlain && e.Class > edge.SiteOnly:
		return edge.E(edge.Invalid, "what is personal or clinical is not sent without encryption").WithHint("use https, or a lower class")
	case e.Class > edge.Clinical:
		return edge.E(edge.Invalid, "a class must be 0 to 3, this one is %d", e.Class)
	case len(e.Description) > maxDescription:
		return edge.E(edge.Invalid, "a description may have %d bytes, this one has %d", maxDescription, len(e.Description))
	case len(e.Types) > maxTypes:
		return edge.E(edge.Invalid, "a webhook may have %d types of events, this one has %d", maxTypes, len(e.Types))
	}
	for _, t := range e.Types {
		if name := strings.TrimSuffix(t, "*"); t == "" || len(t) > edge.MaxType || strings.Contains(name, "*") {
			return edge.E(edge.Invalid, "%q is not a type of events", t).WithHint("give one like device.added or device.*")
		}
	}
	return nil
}

// endpoints reads all endpoints of a site.
func endpoints(v edge.View) (list []Endpoint, err error) {
	for k, b := range v.Scan([]byte(endpointPrefix)) {
		var e Endpoint
		if err := json.Unmarshal(b, &e); err != nil {
			return nil, edge.E(edge.Corrupt, "the webhook %s cannot be read: %w", strings.TrimPrefix(string(k), endpointPrefix), err)
		}
		list = append(list, e)
	}
	return list, v.Err()
}

// A mark is a position as it is written down.
type mark struct {
	Epoch uint64 `json:"epoch"`
	Seq   uint64 `json:"seq"`
	Sum   []byte `json:"sum"`
}

func markOf(p edge.Pos) mark { return mark{p.Epoch, p.Seq, p.Sum[:]} }

func (m mark) pos() edge.Pos {
	p := edge.Pos{Epoch: m.Epoch, Seq: m.Seq}
	copy(p.Sum[:], m.Sum)
	return p
}

// before reports whether a is an earlier place than b of one journal. Epochs ascend.
func before(a, b edge.Pos) bool {
	return a.Epoch < b.Epoch || a.Epoch == b.Epoch && a.Seq < b.Seq
}

// marks is how far one endpoint has come in each journal: everything up to there is settled.
func marksOf(v edge.View, id string) (map[string]edge.Pos, error) {
	b, err := v.Get([]byte(marksPrefix + id))
	if edge.IsKind(err, edge.NotFound) {
		return map[string]edge.Pos{}, nil
	}
	if err != nil {
		return nil, err
	}
	var rows map[string]mark
	if err := json.Unmarshal(b, &rows); err != nil {
		return nil, edge.E(edge.Corrupt, "how far the webhook %s has come cannot be read: %w", id, err)
	}
	out := map[string]edge.Pos{}
	for s, m := range rows {
		out[s] = m.pos()
	}
	return out, nil
}

// Oldest returns how far each journal has been settled for all endpoints that have come anywhere in it: where
// trimming should wait.
func Oldest(v edge.View) (map[string]edge.Pos, error) {
	all, err := endpoints(v)
	if err != nil {
		return nil, err
	}
	out := map[string]edge.Pos{}
	for _, e := range all {
		marks, err := marksOf(v, e.ID)
		if err != nil {
			return nil, err
		}
		for stream, p := range marks {
			if old, ok := out[stream]; !ok || before(p, old) {
				out[stream] = p
			}
		}
	}
	return out, nil
}
