package edge

import "testing"

func TestDoneStopsAtTheFirstRefusal(t *testing.T) {
	m := NewMux()
	Do(m, Op{Name: "a.do", Class: Clinical}, func(Tx, struct{}) (struct{}, error) { return struct{}{}, nil })
	var saw []string
	m.OnDone(func(_ Tx, op Op, c Command, facts []Event, refused *Error) error {
		saw = append(saw, op.Name+" "+c.Actor.ID+" "+facts[0].Subject)
		if op.Class != Clinical {
			t.Errorf("the hook is not told the operation's class: %+v", op)
		}
		return nil
	})
	m.OnDone(func(Tx, Op, Command, []Event, *Error) error { return E(Exhausted, "no room") })
	m.OnDone(func(Tx, Op, Command, []Event, *Error) error { t.Error("called after a refusal"); return nil })
	err := m.Done(nil, Command{Type: "a.do", Actor: Actor{ID: "p1"}}, []Event{{Subject: "s"}}, nil)
	if !IsKind(err, Exhausted) || len(saw) != 1 || saw[0] != "a.do p1 s" {
		t.Errorf("%v, %q", err, saw)
	}
	if err := NewMux().Done(nil, Command{}, nil, nil); err != nil {
		t.Error(err)
	}
}
