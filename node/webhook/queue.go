package webhook

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// A Store is where messages wait: an unmanaged *state.Store of the node, in which all keys beginning with wq/ belong
// to this package.
type Store interface {
	View() *state.View
	Commit(ctx context.Context, f func(*state.Batch)) error
}

// Keys in the node's store. Numbers are big endian.
//
//	wq/m endpoint / number(8)   a message that waits
//	wq/b endpoint / number(8)   its body
//	wq/p endpoint / stream      how far this node has queued
//	wq/l endpoint / number(8)   the delivery log
//	wq/c endpoint /             counts
const (
	rowMessage  = "wq/m"
	rowBody     = "wq/b"
	rowPosition = "wq/p"
	rowLog      = "wq/l"
	rowCounts   = "wq/c"
)

func rowKey(row, endpoint, rest string) []byte { return []byte(row + endpoint + "/" + rest) }

func numberKey(row, endpoint string, n uint64) []byte {
	return binary.BigEndian.AppendUint64(rowKey(row, endpoint, ""), n)
}

func numberOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-8:]) }

// A message waits to be delivered.
type message struct {
	ID       string    `json:"id"`
	Stream   string    `json:"stream"`
	Type     string    `json:"type"`
	Before   mark      `json:"before"` // position before the record: what is settled while the message waits
	At       mark      `json:"at"`
	Queued   time.Time `json:"queued"`
	Size     int       `json:"size"` // of the body, in bytes
	Attempts int       `json:"attempts,omitempty"`
	Next     time.Time `json:"next,omitzero"`   // not before
	First    time.Time `json:"first,omitzero"`  // when it failed first
	Again    bool      `json:"again,omitempty"` // asked for by hand

	n      uint64
	flying bool
}

// A Delivery is one attempt, as the log keeps it.
type Delivery struct {
	Number   uint64        `json:"number"`
	ID       string        `json:"id"` // webhook-id
	Type     string        `json:"type"`
	Stream   string        `json:"stream"`
	Before   mark          `json:"before"`
	At       time.Time     `json:"at"`
	Took     time.Duration `json:"took"`
	Attempt  int           `json:"attempt"`
	Status   int           `json:"status,omitempty"` // of HTTP; 0: there was no answer
	Error    string        `json:"error,omitempty"`
	Response string        `json:"response,omitempty"` // the beginning of it, at most 1 KiB
	Outcome  Outcome       `json:"outcome"`
}

// An Outcome is what an attempt came to.
type Outcome string

// Outcomes.
const (
	Delivered Outcome = "delivered"
	Failed    Outcome = "failed"  // it will be tried again
	GaveUp    Outcome = "gave_up" // it will not
	Shed      Outcome = "shed"    // dropped for room
)

// Counts are sums over the life of an endpoint on this node.
type Counts struct {
	Queued    uint64    `json:"queued"`
	Delivered uint64    `json:"delivered"`
	Failed    uint64    `json:"failed"` // attempts
	GaveUp    uint64    `json:"gave_up"`
	Shed      uint64    `json:"shed"`
	Missed    uint64    `json:"missed"`           // records that were removed from the journal before they were read here
	Settled   uint64    `json:"settled"`          // by another node, while they waited here
	Untold    uint64    `json:"untold"`           // of GaveUp, Shed and Missed, not yet told to the site
	Log       uint64    `json:"log"`              // number of the newest row of the log
	Last      uint64    `json:"last"`             // number of the newest message
	Failing   time.Time `json:"failing,omitzero"` // since when nothing got through
}

func put(b *state.Batch, key []byte, v any) {
	enc, _ := json.Marshal(v) // structs of strings, numbers and times
	b.Set(key, enc)
}

// maxLog is how many attempts of an endpoint are kept.
const maxLog = 200

func logDelivery(b *state.Batch, endpoint string, c *Counts, d Delivery) {
	c.Log++
	d.Number = c.Log
	put(b, numberKey(rowLog, endpoint, d.Number), d)
	if d.Number > maxLog {
		b.Delete(numberKey(rowLog, endpoint, d.Number-maxLog))
	}
}

// loadQueue reads what this node has of an endpoint.
func loadQueue(v *state.View, endpoint string) (pending []*message, pos map[string]edge.Pos, c Counts, err error) {
	bad := func(err error) error {
		return edge.E(edge.Corrupt, "the queue of the webhook %s cannot be read: %w", endpoint, err)
	}
	for k, b := range v.Scan(rowKey(rowMessage, endpoint, "")) {
		m := &message{}
		if err := json.Unmarshal(b, m); err != nil {
			return nil, nil, c, bad(err)
		}
		m.n = numberOf(k)
		pending = append(pending, m)
	}
	pos = map[string]edge.Pos{}
	prefix := rowKey(rowPosition, endpoint, "")
	for k, b := range v.Scan(prefix) {
		var m mark
		if err := json.Unmarshal(b, &m); err != nil {
			return nil, nil, c, bad(err)
		}
		pos[string(k[len(prefix):])] = m.pos()
	}
	if err := v.Err(); err != nil {
		return nil, nil, c, err
	}
	b, err := v.Get(rowKey(rowCounts, endpoint, ""))
	switch {
	case edge.IsKind(err, edge.NotFound):
	case err != nil:
		return nil, nil, c, err
	default:
		if err := json.Unmarshal(b, &c); err != nil {
			return nil, nil, c, bad(err)
		}
	}
	return pending, pos, c, nil
}

// clearStep is how many rows are removed at a time.
const clearStep = 1000

// clearQueue removes all that is kept of an endpoint.
func clearQueue(ctx context.Context, s Store, endpoint string) error {
	for {
		var keys [][]byte
		v := s.View()
		for _, row := range []string{rowMessage, rowBody, rowPosition, rowLog, rowCounts} {
			for k := range v.Scan(rowKey(row, endpoint, "")) {
				if keys = append(keys, k); len(keys) >= clearStep {
					break
				}
			}
		}
		err := v.Err()
		v.Close()
		if err != nil || len(keys) == 0 {
			return err
		}
		if err := s.Commit(ctx, func(b *state.Batch) {
			for _, k := range keys {
				b.Delete(k)
			}
		}); err != nil {
			return err
		}
	}
}

// known lists the endpoints this node has something of.
func known(s Store) (list []string, err error) {
	v := s.View()
	defer v.Close()
	seen := map[string]bool{}
	for _, row := range []string{rowMessage, rowPosition, rowCounts} {
		for k := range v.Scan([]byte(row)) {
			rest := string(k[len(row):])
			for i := range rest {
				if rest[i] == '/' {
					if id := rest[:i]; !seen[id] {
						seen[id] = true
						list = append(list, id)
					}
					break
				}
			}
		}
	}
	return list, v.Err()
}

func decodeDelivery(b []byte) (d Delivery, err error) {
	if err := json.Unmarshal(b, &d); err != nil {
		return d, edge.E(edge.Corrupt, "a row of the delivery log cannot be read: %w", err)
	}
	return d, nil
}
