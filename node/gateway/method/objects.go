package method

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/aielon/edge/node/edge"
)

// maxObjects bounds how many different things one command may name.
const maxObjects = 512

// bindObjects finds the ways to the things a request names besides the one of object_field.
func (m *Method) bindObjects() error {
	for _, path := range m.Rule.GetObjectFields() {
		way, err := objectPath(m.Desc.Input(), path)
		if err != nil {
			return err
		}
		m.objects = append(m.objects, way)
	}
	if len(m.objects) > 0 && m.Rule.GetObject() == "" {
		return edge.E(edge.Invalid, "%s does not say what it names", m.Desc.FullName())
	}
	return nil
}

// objectPath resolves a dotted path of messages, single or repeated, that ends in texts.
func objectPath(d protoreflect.MessageDescriptor, path string) (way []protoreflect.FieldDescriptor, err error) {
	for name := range strings.SplitSeq(path, ".") {
		var f protoreflect.FieldDescriptor
		if d != nil {
			f = d.Fields().ByName(protoreflect.Name(name))
		}
		if f == nil || f.IsMap() {
			return nil, edge.E(edge.Invalid, "the request has no field %s", path)
		}
		way, d = append(way, f), f.Message()
	}
	if last := way[len(way)-1]; last.Kind() != protoreflect.StringKind {
		return nil, edge.E(edge.Invalid, "%s holds no ids", path)
	}
	return way, nil
}

// Objects lists the ids of the things a request names, each once, in their order. It fails with Invalid where there are
// more than one command may name; a request in parts may name as many in each part.
func (m *Method) Objects(in proto.Message) ([]string, error) {
	if len(m.objects) == 0 {
		return nil, nil
	}
	most := maxObjects
	if m.parts != nil {
		items := in.ProtoReflect().Get(m.parts.field).List().Len()
		most *= max(1, (items+m.parts.size-1)/m.parts.size)
	}
	g := gathered{seen: map[string]bool{}}
	for _, way := range m.objects {
		g.follow(in.ProtoReflect(), way)
	}
	if len(g.list) > most {
		return nil, edge.E(edge.Invalid, "the request names %d things, %d is the most", len(g.list), most).WithHint("ask for less at a time")
	}
	return g.list, nil
}

// gathered are ids, each once.
type gathered struct {
	seen map[string]bool
	list []string
}

func (g *gathered) follow(m protoreflect.Message, way []protoreflect.FieldDescriptor) {
	f := way[0]
	if !m.Has(f) {
		return
	}
	v := m.Get(f)
	if !f.IsList() {
		g.take(v, f, way)
		return
	}
	for i := range v.List().Len() {
		g.take(v.List().Get(i), f, way)
	}
}

func (g *gathered) take(v protoreflect.Value, f protoreflect.FieldDescriptor, way []protoreflect.FieldDescriptor) {
	if f.Message() != nil {
		g.follow(v.Message(), way[1:])
		return
	}
	if id := v.String(); id != "" && !g.seen[id] {
		g.seen[id] = true
		g.list = append(g.list, id)
	}
}
