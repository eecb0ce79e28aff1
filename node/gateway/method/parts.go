package method

import (
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/edge"
)

// parts says how a request is done as several commands.
type parts struct {
	field  protoreflect.FieldDescriptor // of the request: what is cut
	reply  protoreflect.FieldDescriptor // of the answer: what is put together again
	size   int                          // items of one command
	most   int                          // items of one request
	within *checker                     // of one item
}

// bindParts finds the fields of a command in parts.
func (m *Method) bindParts() error {
	name, size := m.Rule.GetPartsField(), int(m.Rule.GetPartsSize())
	if name == "" && size == 0 {
		return nil
	}
	f := m.Desc.Input().Fields().ByName(protoreflect.Name(name))
	p := &parts{field: f, size: size}
	switch out := m.Desc.Output().Fields(); {
	case m.Query || m.Stream || m.Rule.GetHome() != api.Home_HOME_SITE:
		return edge.E(edge.Invalid, "%s is no command of the site, so it has no parts", m.Desc.FullName())
	case f == nil || !f.IsList() || f.Message() == nil:
		return edge.E(edge.Invalid, "%s: the request has no list of messages called %q", m.Desc.FullName(), name)
	case size == 0:
		return edge.E(edge.Invalid, "%s does not say how many items one command takes", m.Desc.FullName())
	default:
		for i := range out.Len() {
			if p.reply == nil && out.Get(i).IsList() && out.Get(i).Message() != nil {
				p.reply = out.Get(i)
			}
		}
	}
	if p.reply == nil {
		return edge.E(edge.Invalid, "%s: the answer has no list of messages", m.Desc.FullName())
	}
	for _, c := range m.check.fields {
		if c.desc == f {
			p.within, p.most = c.inner, c.most()
		}
	}
	m.parts = p
	return nil
}

// Items is the field of the request whose items are done part by part, and the field of the answer that holds what
// became of them, nil where the method has no parts.
func (m *Method) Items() (request, reply protoreflect.FieldDescriptor) {
	if m.parts == nil {
		return nil, nil
	}
	return m.parts.field, m.parts.reply
}

// MaxItems is how many items a request in parts may hold.
func (m *Method) MaxItems() int { return m.parts.most }

// PartSize is how many items one command takes.
func (m *Method) PartSize() int { return m.parts.size }

// CheckItem refuses, with Invalid, an item that breaks a limit of its schema.
func (m *Method) CheckItem(item proto.Message) error {
	return m.parts.within.message(item.ProtoReflect(), "")
}

// Cut returns the requests of the commands that in is done as, in their order, nil where it is one. They share their
// messages with in.
func (m *Method) Cut(in proto.Message) []proto.Message {
	if m.parts == nil {
		return nil
	}
	whole := in.ProtoReflect()
	items := whole.Get(m.parts.field).List()
	if items.Len() <= m.parts.size {
		return nil
	}
	list := make([]proto.Message, 0, (items.Len()+m.parts.size-1)/m.parts.size)
	for from := 0; from < items.Len(); from += m.parts.size {
		part := whole.New()
		whole.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			if f != m.parts.field {
				part.Set(f, v)
			}
			return true
		})
		some := part.Mutable(m.parts.field).List()
		for i := from; i < min(from+m.parts.size, items.Len()); i++ {
			some.Append(items.Get(i))
		}
		list = append(list, part.Interface())
	}
	return list
}

// Join adds the answer to the next part to what the parts before it came to, nil at first, and returns it: the answer of
// the last part with the items of all. Where a part before is not finished, so is the whole.
func (m *Method) Join(before, next proto.Message) proto.Message {
	if before == nil {
		return next
	}
	was, is := before.ProtoReflect(), next.ProtoReflect()
	all, more := was.Mutable(m.parts.reply).List(), is.Get(m.parts.reply).List()
	for i := range more.Len() {
		all.Append(more.Get(i))
	}
	is.Set(m.parts.reply, protoreflect.ValueOfList(all))
	if m.Pending(before) && !m.Pending(next) {
		is.Set(m.pending, was.Get(m.pending))
	}
	return next
}

// bindPending finds the field that says how far a command has come.
func (m *Method) bindPending() error {
	name := m.Rule.GetPendingField()
	if (name == "") != (len(m.Rule.GetPendingValues()) == 0) {
		return edge.E(edge.Invalid, "%s does not say when it is not finished, or where that stands", m.Desc.FullName())
	}
	if name == "" {
		return nil
	}
	f := m.Desc.Output().Fields().ByName(protoreflect.Name(name))
	if m.Query || m.Stream || f == nil || f.IsList() || !slices.Contains([]protoreflect.Kind{protoreflect.EnumKind, protoreflect.StringKind, protoreflect.BoolKind}, f.Kind()) {
		return edge.E(edge.Invalid, "%s is no command whose answer has an enum, a text or true and false called %q", m.Desc.FullName(), name)
	}
	for _, v := range m.Rule.GetPendingValues() {
		if f.Kind() == protoreflect.EnumKind && f.Enum().Values().ByName(protoreflect.Name(v)) == nil || f.Kind() == protoreflect.BoolKind && v != "true" && v != "false" {
			return edge.E(edge.Invalid, "%s: %s is never %q", m.Desc.FullName(), name, v)
		}
	}
	m.pending = f
	return nil
}

// Pending reports whether an answer says that the command is taken and not finished.
func (m *Method) Pending(out proto.Message) bool {
	if m.pending == nil {
		return false
	}
	v := out.ProtoReflect().Get(m.pending)
	if m.pending.Kind() != protoreflect.EnumKind {
		return slices.Contains(m.Rule.GetPendingValues(), v.String())
	}
	e := m.pending.Enum().Values().ByNumber(v.Enum())
	return e != nil && slices.Contains(m.Rule.GetPendingValues(), string(e.Name()))
}

// CanPend reports whether an answer may say that the command is not finished.
func (m *Method) CanPend() bool { return m.pending != nil }
