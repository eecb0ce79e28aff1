package rest

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/method"
	"github.com/aielon/edge/node/gateway/problem"
)

// maxNesting bounds how deep JSON may be nested.
const maxNesting = 64

// A binding knows where the parts of a request lie in an HTTP request (google.api.http).
type binding struct {
	path  []string // fields the path holds
	body  protoreflect.FieldDescriptor
	whole bool // the body is the whole request
	out   protoreflect.FieldDescriptor
}

func newBinding(m *method.Method, r method.Route) (b binding, err error) {
	for rest := r.Path; ; {
		_, after, found := strings.Cut(rest, "{")
		if !found {
			break
		}
		name, tail, _ := strings.Cut(after, "}")
		if m.Desc.Input().Fields().ByName(protoreflect.Name(name)) == nil {
			return b, edge.E(edge.Invalid, "%s: the request has no field %q", r.Path, name)
		}
		b.path, rest = append(b.path, name), tail
	}
	b.whole = r.Body == "*"
	if !b.whole && r.Body != "" {
		if b.body = m.Desc.Input().Fields().ByName(protoreflect.Name(r.Body)); b.body == nil {
			return b, edge.E(edge.Invalid, "%s: the request has no field %q", r.Path, r.Body)
		}
	}
	if r.ResponseBody != "" {
		if b.out = m.Desc.Output().Fields().ByName(protoreflect.Name(r.ResponseBody)); b.out == nil {
			return b, edge.E(edge.Invalid, "%s: the answer has no field %q", r.Path, r.ResponseBody)
		}
	}
	return b, nil
}

// read fills in from r. What the request says twice, or in a place where it has none, is refused.
func (b binding) read(r *http.Request, in proto.Message) error {
	if err := b.readBody(r, in); err != nil {
		return err
	}
	return b.address(r, in.ProtoReflect())
}

// address fills in what the path and the query hold.
func (b binding) address(r *http.Request, m protoreflect.Message) error {
	for _, name := range b.path {
		f := m.Descriptor().Fields().ByName(protoreflect.Name(name))
		if m.Has(f) && m.Get(f).String() != r.PathValue(name) {
			return edge.E(edge.Invalid, "%s in the body is another one than in the address", name)
		}
		if err := set(m, name, []string{r.PathValue(name)}); err != nil {
			return err
		}
	}
	return b.readQuery(r, m)
}

func (b binding) readQuery(r *http.Request, m protoreflect.Message) error {
	if r.URL.RawQuery == "" {
		return nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return edge.E(edge.Invalid, "the address cannot be read after its question mark")
	}
	given := map[string]bool{}
	for name, values := range query {
		if slices.Contains(b.path, name) || b.whole {
			return edge.E(edge.Invalid, "%s does not belong behind the question mark", clip(name))
		}
		if one := schemaName(m.Descriptor(), name); given[one] {
			return edge.E(edge.Invalid, "%s is given in two forms", clip(one))
		} else {
			given[one] = true
		}
		if err := set(m, name, values); err != nil {
			return err
		}
	}
	return nil
}

func (b binding) readBody(r *http.Request, in proto.Message) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	if r.ContentLength > maxBody { // before anything of it is asked for
		return &http.MaxBytesError{Limit: maxBody}
	}
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return problem.WithStatus(http.StatusUnsupportedMediaType, edge.E(edge.Invalid, "the body must not be compressed"))
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	switch {
	case err != nil:
		return brokenOff(err)
	case len(body) > 0 && !b.whole && b.body == nil:
		return edge.E(edge.Invalid, "this request has no body")
	case len(body) == 0:
		return nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" && kind != "application/merge-patch+json" {
		return problem.WithStatus(http.StatusUnsupportedMediaType, edge.E(edge.Invalid, "the body must be JSON").WithHint("send it with Content-Type: application/json"))
	}
	target := in
	if b.body != nil {
		target = in.ProtoReflect().Mutable(b.body).Message().Interface()
	}
	if err := (protojson.UnmarshalOptions{RecursionLimit: maxNesting}).Unmarshal(body, target); err != nil {
		return edge.E(edge.Invalid, "the body cannot be read: %s", plainly(err))
	}
	return nil
}

// plainly is protojson's complaint without its prefix and its random spaces.
func plainly(err error) string {
	s := strings.Join(strings.Fields(err.Error()), " ")
	s = strings.TrimPrefix(strings.TrimPrefix(s, "proto: "), "proto:\u00a0")
	return clipTo(s, 200)
}

func clip(s string) string { return clipTo(s, 40) }

func clipTo(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}

func deprecated(m *method.Method) bool {
	o, ok := m.Desc.Options().(*descriptorpb.MethodOptions)
	return ok && o.GetDeprecated()
}
