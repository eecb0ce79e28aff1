package edge

// OnDone has f called for every command that went through, and for every one whose refusal was Kept, in the
// command's own transaction and after its handler: what f writes and emits is kept together with the change or not at all, and an error of f refuses the
// command. facts are the events the handler emitted, and refused is what it was refused with, or nil; f must not keep or
// change them. Hooks are added while a node
// is put together, and are called in the order of adding.
func (m *Mux) OnDone(f func(tx Tx, op Op, c Command, facts []Event, refused *Error) error) {
	m.done = append(m.done, f)
}

// Done calls the hooks of OnDone, up to the first that fails. Whoever evaluates commands calls it after the
// handler returned without an error, or with one that is Kept.
func (m *Mux) Done(tx Tx, c Command, facts []Event, refused *Error) error {
	facts = facts[:len(facts):len(facts)]
	for _, f := range m.done {
		if err := f(tx, m.ops[c.Type], c, facts, refused); err != nil {
			return err
		}
	}
	return nil
}
