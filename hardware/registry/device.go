package registry

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/api/devicesv1"
	"github.com/aielon/edge/node/auth/device"
	"github.com/aielon/edge/node/edge"
)

// Limits on the registry and on one device.
const (
	MaxDevices  = 10_000
	MaxPatterns = 32
	maxPattern  = 256 // bytes
	maxLevels   = 16
	maxName     = 100 // bytes
)

// A Device is what the site knows of one thing, without its secrets. This is its form in the state and in events;
// devicesv1.Device is what callers see.
type Device struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`                 // what people call it
	Kind       string    `json:"kind,omitempty"`       // "blood-pressure", "thermometer", free text
	Publish    []string  `json:"publish"`              // topic filters it may publish under
	Subscribe  []string  `json:"subscribe"`            // topic filters it may read
	Registered time.Time `json:"registered"`           //
	By         string    `json:"by,omitempty"`         // who registered it
	Enrolled   bool      `json:"enrolled,omitempty"`   // it registered itself, see Authenticator.Enrol
	Rotated    time.Time `json:"rotated,omitzero"`     // when its secret last changed
	HasKey     bool      `json:"has_key,omitempty"`    // it may prove itself by a certificate
	Password   bool      `json:"password,omitempty"`   // it has a password somebody chose
	AnyClient  bool      `json:"any_client,omitempty"` // firmware that picks its own MQTT client identifier
}

// record is what lies in the state.
type record struct {
	Device
	Credential device.Credential `json:"credential"`
}

// public fills in what may be told of the credential.
func (r record) public() Device {
	d := r.Device
	d.HasKey, d.Password = len(r.Credential.Key) > 0, r.Credential.Password != ""
	return d
}

// message is the device as the schema has it.
func (d Device) message() *devicesv1.Device {
	return &devicesv1.Device{Id: d.ID, Name: d.Name, Kind: d.Kind, Publish: d.Publish, Subscribe: d.Subscribe,
		Registered: stamp(d.Registered), By: d.By, Enrolled: d.Enrolled, Rotated: stamp(d.Rotated),
		HasKey: d.HasKey, HasPassword: d.Password, AnyClient: d.AnyClient}
}

// stamp is a time, nil for the zero time.
func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func key(id string) []byte     { return []byte("d/i/" + id) }
func goneKey(id string) []byte { return []byte("d/x/" + id) } // removed; keeps it from enrolling itself again

// Prefixes of topics that common firmware publishes under before its own name, and reads from.
func publishPrefixes() []string {
	return []string{"", "devices/", "sensors/", "tele/", "stat/", "shellies/", "zigbee2mqtt/", "homie/"}
}

func subscribePrefixes() []string {
	return []string{"", "devices/", "cmnd/", "shellies/", "zigbee2mqtt/", "homie/"}
}

func defaults(id string, prefixes []string) (patterns []string) {
	for _, p := range prefixes {
		patterns = append(patterns, p+id+"/#")
	}
	return patterns
}

// checkID refuses ids that would make a device's own topics those of others: "tele/#" for one called tele.
func checkID(id string) error {
	if err := device.CheckID(id); err != nil {
		return err
	}
	for _, p := range append(publishPrefixes(), subscribePrefixes()...) {
		if id+"/" == p {
			return edge.E(edge.Invalid, "a device cannot be called %q, under which many devices publish", id).WithHint("call it %s-1", id)
		}
	}
	return nil
}

func checkText(what, s string) error {
	if len(s) > maxName || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return edge.E(edge.Invalid, "the %s of a device may have %d bytes and no control characters", what, maxName)
	}
	return nil
}

// patterns puts the id in for %d and checks what comes out. Nil falls back to the defaults: a device may use
// "<id>/#" and the same below the prefixes of common firmware. An empty list allows nothing.
func patterns(id string, in *devicesv1.Topics, prefixes []string) ([]string, error) {
	if in == nil {
		return defaults(id, prefixes), nil
	}
	if n := len(in.GetFilters()); n > MaxPatterns {
		return nil, edge.E(edge.Invalid, "a device may have %d topic patterns each way, this one has %d", MaxPatterns, n)
	}
	out := []string{}
	for _, p := range in.GetFilters() {
		p = strings.ReplaceAll(p, "%d", id)
		if err := checkPattern(p); err != nil {
			return nil, err
		}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out, nil
}

// checkPattern takes a topic filter (MQTT 5 section 4.7.1) whose first level is a plain word: a device
// that may use every topic is no device.
func checkPattern(p string) error {
	levels := strings.Split(p, "/")
	bad := func(why string) error {
		return edge.E(edge.Invalid, "%q cannot be a topic pattern of a device: %s", clip(p, 80), why).WithHint("for instance sensors/%%d/#, where %%d stands for the device's id")
	}
	switch {
	case len(p) == 0 || len(p) > maxPattern || len(levels) > maxLevels:
		return bad("it is empty, too long or too deep")
	case !utf8.ValidString(p) || strings.ContainsFunc(p, unicode.IsControl):
		return bad("it has control characters in it")
	case levels[0] == "" || levels[0][0] == '$' || strings.ContainsAny(levels[0], "+#"):
		return bad("its first level must be a word, without $ before it")
	}
	for i, l := range levels {
		if strings.ContainsAny(l, "+#") && l != "+" && (l != "#" || i != len(levels)-1) {
			return bad("+ must stand alone, and # alone at the end")
		}
	}
	return nil
}

func load(v edge.View, id string) (record, error) {
	b, err := v.Get(key(id))
	if edge.IsKind(err, edge.NotFound) {
		return record{}, edge.E(edge.NotFound, "there is no device called %q", clip(id, 80))
	} else if err != nil {
		return record{}, err
	}
	return decode(b)
}

func decode(b []byte) (r record, err error) {
	if err := json.Unmarshal(b, &r); err != nil {
		return r, edge.E(edge.Corrupt, "the record of a device cannot be read: %w", err)
	}
	return r, nil
}

func save(tx edge.Tx, r record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return edge.E(edge.Internal, "a device cannot be kept: %w", err)
	}
	tx.Set(key(r.ID), b)
	return nil
}

// tell puts what happened to a device into the journal, without secrets.
func tell(tx edge.Tx, typ string, d Device) error {
	b, err := json.Marshal(struct {
		Device
		Actor string `json:"actor"`
	}{d, tx.Actor().ID})
	if err != nil {
		return edge.E(edge.Internal, "an event cannot be encoded: %w", err)
	}
	tx.Emit(edge.Event{Type: typ, Subject: "device:" + d.ID, Class: edge.SiteOnly, Urgency: edge.Ledger, Time: tx.Now(), Body: b})
	return nil
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
