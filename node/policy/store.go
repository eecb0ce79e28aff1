package policy

import (
	"encoding/json"

	"github.com/aielon/edge/node/edge"
)

// Keys of a site's state. Ids hold no slash, no space and no control character, see checkID.
const (
	headKey       = "p/v"
	policyPrefix  = "p/s/" // + id
	grantPrefix   = "p/b/" // + id of the grant
	openPrefix    = "p/o/" // + who / subject: id of the grant that was opened last
	consentPrefix = "p/c/" // + subject
)

func openKey(who, subject string) []byte { return []byte(openPrefix + who + "/" + subject) }

// head is the row that changes with every change of a policy or setting.
type head struct {
	Version  uint64   `json:"version"`
	Settings Settings `json:"settings"`
}

func loadHead(v edge.View) (head, error) {
	h, found, err := get[head](v, []byte(headKey))
	if err == nil && !found {
		h.Settings = DefaultSettings()
	}
	return h, err
}

// LoadState reads what a site adds to the built-in policies.
func LoadState(v edge.View) (State, error) {
	h, err := loadHead(v)
	if err != nil {
		return State{}, err
	}
	s := State{Version: h.Version, Settings: h.Settings, Policies: []SitePolicy{}}
	for p, err := range scan[SitePolicy](v, policyPrefix) {
		if err != nil {
			return State{}, err
		}
		s.Policies = append(s.Policies, p)
	}
	return s, nil
}

// get reads one row; one that is not there is not an error.
func get[T any](v edge.View, key []byte) (row T, found bool, err error) {
	b, err := v.Get(key)
	if edge.IsKind(err, edge.NotFound) {
		return row, false, nil
	} else if err != nil {
		return row, false, err
	}
	if err := json.Unmarshal(b, &row); err != nil {
		return row, false, edge.E(edge.Corrupt, "a row of the policies cannot be read: %w", err)
	}
	return row, true, nil
}

// scan yields the rows below a prefix in order of their keys. It stops after the first error.
func scan[T any](v edge.View, prefix string) func(yield func(T, error) bool) {
	return func(yield func(T, error) bool) {
		for _, b := range v.Scan([]byte(prefix)) {
			var row T
			if err := json.Unmarshal(b, &row); err != nil {
				yield(row, edge.E(edge.Corrupt, "a row of the policies cannot be read: %w", err))
				return
			}
			if !yield(row, nil) {
				return
			}
		}
		if err := v.Err(); err != nil {
			var none T
			yield(none, err)
		}
	}
}

func set(tx edge.Tx, key []byte, row any) error {
	b, err := json.Marshal(row)
	if err != nil {
		return edge.E(edge.Internal, "a row of the policies cannot be kept: %w", err)
	}
	tx.Set(key, b)
	return nil
}

func emit(tx edge.Tx, typ, subject string, class edge.Class, urgency edge.Urgency, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return edge.E(edge.Internal, "an event cannot be encoded: %w", err)
	}
	tx.Emit(edge.Event{Type: typ, Subject: subject, Class: class, Urgency: urgency, Time: tx.Now(), Body: b})
	return nil
}
