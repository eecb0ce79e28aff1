package sim

import (
	"fmt"

	"github.com/aielon/edge/node/edge"
)

type putIn struct{ Key, Value string }
type addIn struct{ Key string }

// Mux is a small service: registers that are overwritten and counters that are counted up.
func Mux() *edge.Mux {
	m := edge.NewMux()
	edge.Do(m, edge.Op{Name: "put"}, func(tx edge.Tx, in putIn) (string, error) {
		tx.Set([]byte("r/"+in.Key), []byte(in.Value))
		tx.Emit(edge.Event{Type: "sim.put", Subject: in.Key, Urgency: edge.Care, Body: []byte(in.Value)})
		return in.Value, nil
	})
	edge.Do(m, edge.Op{Name: "add"}, func(tx edge.Tx, in addIn) (int, error) {
		n, err := count(tx, in.Key)
		if err != nil {
			return 0, err
		}
		tx.Set([]byte("n/"+in.Key), fmt.Append(nil, n+1))
		tx.Emit(edge.Event{Type: "sim.added", Subject: in.Key, Urgency: edge.Ledger, Body: fmt.Append(nil, n+1)})
		return n + 1, nil
	})
	edge.Do(m, edge.Op{Name: "refuse"}, func(tx edge.Tx, in addIn) (int, error) {
		tx.Set([]byte("n/"+in.Key), []byte("-1"))
		return 0, edge.E(edge.Denied, "not today")
	})
	edge.Ask(m, edge.Op{Name: "get"}, func(v edge.View, in addIn) (string, error) {
		b, err := v.Get([]byte("r/" + in.Key))
		if edge.IsKind(err, edge.NotFound) {
			return "", nil
		}
		return string(b), err
	})
	edge.Ask(m, edge.Op{Name: "count"}, func(v edge.View, in addIn) (int, error) { return count(v, in.Key) })
	return m
}

func count(v edge.View, key string) (n int, err error) {
	b, err := v.Get([]byte("n/" + key))
	if edge.IsKind(err, edge.NotFound) {
		return 0, nil
	}
	if err == nil {
		_, err = fmt.Sscan(string(b), &n)
	}
	return n, err
}
