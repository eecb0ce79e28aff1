package node

import (
	"net/http"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/cluster/site"
	"github.com/aielon/edge/node/api/nodev1"
	"github.com/aielon/edge/node/edge"
)

// Settings are small values that all nodes of a site share: its name for people, quiet hours, contacts.
const (
	OpSettingSet = "settings.set"
	OpSettingGet = "settings.get"

	settingPrefix = "setting/"
	maxSettingKey = 128
	maxSetting    = 4 << 10
	maxSettings   = 4096
	settingCount  = "settings/count"
)

// SettingSet asks for a setting to have a value. With If it is only done where the present version is
// that one (0: there is none yet), so that two people cannot overwrite each other unknowingly.
type SettingSet struct {
	Key   string  `json:"key"`
	Value string  `json:"value"`
	If    *uint64 `json:"if_version,omitempty"`
}

// Setting is a value and how often it was set.
type Setting struct {
	Key     string    `json:"key"`
	Value   string    `json:"value"`
	Version uint64    `json:"version"`
	Changed time.Time `json:"changed"`
	By      string    `json:"by,omitempty"`
}

// SettingGet asks for one setting.
type SettingGet struct {
	Key string `json:"key"`
}

// registerSettings adds what the schema aielon.node.v1 says of settings, and the same two operations as JSON for the
// programs of this box, which speak to the local socket in their thousands a second.
func registerSettings(m *edge.Mux) {
	edge.Handle(m, func(tx edge.Tx, in *nodev1.SetSettingRequest) (*nodev1.Setting, error) {
		s, err := settingSet(tx, SettingSet{Key: in.GetKey(), Value: in.GetValue(), If: in.IfVersion})
		return s.message(), err
	})
	edge.Answer(m, func(v edge.View, in *nodev1.GetSettingRequest) (*nodev1.Setting, error) {
		s, err := settingGet(v, SettingGet{Key: in.GetKey()})
		return s.message(), err
	})
	edge.Answer(m, settingList)
	edge.Do(m, edge.Op{Name: OpSettingSet, Doc: "Give a setting of the site a value.", Needs: "settings.manage", Class: edge.SiteOnly}, settingSet)
	edge.Ask(m, edge.Op{Name: OpSettingGet, Doc: "Read a setting of the site.", Needs: "settings.read", Class: edge.SiteOnly}, settingGet)
}

func (s Setting) message() *nodev1.Setting {
	return &nodev1.Setting{Key: s.Key, Value: s.Value, Version: s.Version, Changed: timestamppb.New(s.Changed), By: s.By}
}

func settingSet(tx edge.Tx, in SettingSet) (Setting, error) {
	if in.Key == "" || len(in.Key) > maxSettingKey || len(in.Value) > maxSetting {
		return Setting{}, edge.E(edge.Invalid, "a setting has a name of 1 to %d bytes and a value of at most %d", maxSettingKey, maxSetting)
	}
	s, found, err := loadSetting(tx, in.Key)
	if err != nil {
		return Setting{}, err
	}
	if in.If != nil && *in.If != s.Version {
		return Setting{}, edge.E(edge.Conflict, "%q has been set by somebody else meanwhile", in.Key).WithHint("read it again, then decide")
	}
	if !found {
		if err := countSetting(tx); err != nil {
			return Setting{}, err
		}
	}
	s = Setting{Key: in.Key, Value: in.Value, Version: s.Version + 1, Changed: tx.Now(), By: tx.Actor().ID}
	tx.Set([]byte(settingPrefix+in.Key), appendSetting(make([]byte, 0, settingRoom+len(in.Value)), s))
	return s, nil
}

func countSetting(tx edge.Tx) error {
	n, _, err := load[int](tx, []byte(settingCount))
	if err != nil {
		return err
	}
	if n >= maxSettings {
		return edge.E(edge.Exhausted, "a site has at most %d settings", maxSettings)
	}
	return save(tx, []byte(settingCount), n+1)
}

func settingGet(v edge.View, in SettingGet) (Setting, error) {
	s, found, err := loadSetting(v, in.Key)
	if err == nil && !found {
		err = edge.E(edge.NotFound, "there is no setting called %q", in.Key)
	}
	return s, err
}

// pageBytes bounds the settings of one page, so that an answer with the largest of them stays well below what one
// message may hold.
const pageBytes = 1 << 20

func settingList(v edge.View, in *nodev1.ListSettingsRequest) (*nodev1.ListSettingsResponse, error) {
	const of = "settings"
	size, err := edge.PageSize(in.GetPageSize(), 100, 1000)
	if err != nil {
		return nil, err
	}
	var after []byte
	if in.GetPageToken() != "" {
		if after, err = edge.ParsePageToken(of, in.GetPageToken()); err != nil {
			return nil, err
		}
	}
	out, room := &nodev1.ListSettingsResponse{}, pageBytes
	for k, b := range v.Scan([]byte(settingPrefix)) {
		name := string(k[len(settingPrefix):])
		if name <= string(after) {
			continue
		}
		if len(out.Settings) == size || room < len(b) {
			out.NextPageToken = edge.PageToken(of, []byte(out.Settings[len(out.Settings)-1].GetKey()))
			break
		}
		s, err := parseSetting(name, b)
		if err != nil {
			return nil, err
		}
		room -= len(b)
		out.Settings = append(out.Settings, s.message())
	}
	return out, v.Err()
}

// askRequest is a query as the local socket takes it.
type askRequest struct {
	Name   string  `json:"name"`
	Body   rawJSON `json:"body"`
	Strict bool    `json:"strict"` // linearizable, instead of what this node has
}

// siteControl lets the operator of this box use every command and query of the site.
func (n *Node) siteControl(m *http.ServeMux) {
	m.HandleFunc("POST /v1/do", n.serveDo)
	m.HandleFunc("POST /v1/ask", with(func(r *http.Request, q askRequest) (any, error) {
		mode := site.Local
		if q.Strict {
			mode = site.Strict
		}
		doubt := n.raft.Doubt() // before the read, which may wait until there is none
		body, err := n.words.in(q.Name, q.Body)
		if err != nil {
			return nil, err
		}
		reply, index, err := n.site.Ask(r.Context(), q.Name, body, mode)
		if err == nil {
			reply, err = n.words.out(q.Name, reply)
		}
		a := doAnswer{Index: index, Reply: reply}
		if doubt != nil && n.raft.Doubt() != nil && !q.Strict {
			a.Old = doubt.Error()
		}
		return a, err
	}))
}

// rawJSON is a JSON value that is passed on as it is.
type rawJSON []byte

// MarshalJSON implements json.Marshaler.
func (r rawJSON) MarshalJSON() ([]byte, error) {
	if len(r) == 0 {
		return []byte("null"), nil
	}
	return r, nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *rawJSON) UnmarshalJSON(b []byte) error {
	*r = append((*r)[:0], b...)
	return nil
}
