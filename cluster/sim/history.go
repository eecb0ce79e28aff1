package sim

import (
	"fmt"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/aielon/edge/node/edge"
)

// An op is one operation of one client, from its first try to its answer.
type op struct {
	do    string // "put", "add", "get", "count"
	key   string
	value string // of a put
}

// A history is what clients asked and were told.
type history struct {
	mu   sync.Mutex // guards ops, acked
	ops  []porcupine.Operation
	done []acked
}

// acked is a command that was acknowledged.
type acked struct {
	cmd edge.Command
	op  op
	out edge.Outcome
}

func (h *history) add(client int, o op, answer string, call, ret time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: o, Output: answer, Call: call.UnixNano(), Return: ret.UnixNano()})
}

func (h *history) ack(a acked) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done = append(h.done, a)
}

// model is what registers and counters must look like to clients, as if there were one node that never
// fails.
func model() porcupine.Model {
	return porcupine.Model{
		Partition: func(ops []porcupine.Operation) (parts [][]porcupine.Operation) {
			by := map[string]int{}
			for _, x := range ops {
				o := x.Input.(op)
				name := kindOf(o.do) + o.key
				if _, ok := by[name]; !ok {
					by[name] = len(parts)
					parts = append(parts, nil)
				}
				parts[by[name]] = append(parts[by[name]], x)
			}
			return parts
		},
		Init: func() any { return "" },
		Step: func(state, input, output any) (bool, any) {
			o, was, got := input.(op), state.(string), output.(string)
			switch o.do {
			case "put":
				return got == fmt.Sprintf("%q", o.value), got
			case "add":
				n := 0
				fmt.Sscan(was, &n)
				next := fmt.Sprint(n + 1)
				return got == next, next
			case "count":
				return got == was || got == "0" && was == "", was
			}
			return got == was || got == `""` && was == "", was // get
		},
		DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %v", in, out) },
	}
}

func kindOf(do string) string {
	if do == "put" || do == "get" {
		return "register "
	}
	return "counter "
}

// check reports whether the history could have happened on one node that never fails.
func (h *history) check() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch r := porcupine.CheckOperationsTimeout(model(), h.ops, 20*time.Second); r {
	case porcupine.Illegal:
		return fmt.Errorf("the history of %d operations is not linearizable", len(h.ops))
	case porcupine.Unknown:
		return fmt.Errorf("the history of %d operations could not be checked in time", len(h.ops))
	}
	return nil
}
