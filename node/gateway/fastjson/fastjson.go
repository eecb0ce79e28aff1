// Package fastjson writes protobuf messages in the JSON mapping of protobuf (protobuf.dev, "ProtoJSON
// format"), the same bytes for the same message every time: no random white space, map keys in order, fields
// in the order of their numbers. A plan per message type is made once.
package fastjson

import (
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// A Writer keeps the plans of the types it has met. It is safe for concurrent use.
type Writer struct {
	plans sync.Map // protoreflect.MessageDescriptor -> *plan
}

// New returns a Writer.
func New() *Writer { return &Writer{} }

type plan struct {
	known  bool // a type with a JSON form of its own
	fields []field
}

type field struct {
	desc protoreflect.FieldDescriptor
	key  string // `"name":`
	bare bool   // always there and zero unless said: an empty text is left out without being looked for twice
}

// Append appends m. It fails on what has no JSON form, such as text that is not UTF-8.
func (w *Writer) Append(dst []byte, m proto.Message) ([]byte, error) {
	return w.message(dst, m.ProtoReflect())
}

// AppendField appends one field of m by itself, null where it is not set and has no default.
func (w *Writer) AppendField(dst []byte, m proto.Message, f protoreflect.FieldDescriptor) ([]byte, error) {
	r := m.ProtoReflect()
	if f.Message() != nil && !f.IsList() && !f.IsMap() && !r.Has(f) {
		return append(dst, "null"...), nil
	}
	return w.value(dst, f, r.Get(f))
}

func (w *Writer) planOf(d protoreflect.MessageDescriptor) *plan {
	if p, ok := w.plans.Load(d); ok {
		return p.(*plan)
	}
	p := &plan{known: d.ParentFile().Package() == "google.protobuf"}
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		p.fields = append(p.fields, field{f, strconv.Quote(f.JSONName()) + ":", f.Kind() == protoreflect.StringKind && !f.HasPresence() && !f.IsList()})
	}
	slices.SortFunc(p.fields, func(a, b field) int { return int(a.desc.Number()) - int(b.desc.Number()) })
	w.plans.Store(d, p)
	return p
}

func (w *Writer) message(dst []byte, m protoreflect.Message) ([]byte, error) {
	p := w.planOf(m.Descriptor())
	if p.known {
		return w.known(dst, m)
	}
	dst = append(dst, '{')
	first := true
	var err error
	for i := range p.fields {
		f := &p.fields[i]
		var v protoreflect.Value
		if f.bare {
			if v = m.Get(f.desc); v.String() == "" {
				continue
			}
		} else if !m.Has(f.desc) {
			continue
		} else {
			v = m.Get(f.desc)
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, f.key...)
		if f.bare {
			dst, err = appendString(dst, v.String())
		} else {
			dst, err = w.value(dst, f.desc, v)
		}
		if err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// known writes the types with a JSON form of their own. All but times are rare and left to protojson, whose
// white space is random but absent from scalars; compact takes it out of the others.
func (w *Writer) known(dst []byte, m protoreflect.Message) ([]byte, error) {
	if t, ok := m.Interface().(*timestamppb.Timestamp); ok {
		return appendTime(dst, t)
	}
	b, err := protojson.Marshal(m.Interface())
	if err != nil {
		return nil, err
	}
	return compact(dst, b), nil
}

// appendTime writes RFC 3339 with as many digits of the second, 0, 3, 6 or 9, as the time has.
func appendTime(dst []byte, t *timestamppb.Timestamp) ([]byte, error) {
	if err := t.CheckValid(); err != nil {
		return nil, err
	}
	dst = time.Unix(t.GetSeconds(), 0).UTC().AppendFormat(append(dst, '"'), time.RFC3339) // this layout has a path of its own
	if n := t.GetNanos(); n != 0 {
		dst = appendFraction(dst[:len(dst)-1], n)
	}
	return append(dst, '"'), nil
}

// appendFraction appends a fraction of a second, and the Z after it.
func appendFraction(dst []byte, nanos int32) []byte {
	digits := 9
	for digits > 3 && nanos%1000 == 0 {
		nanos, digits = nanos/1000, digits-3
	}
	dst = append(dst, ".000000000"[:1+digits]...)
	for i := len(dst) - 1; nanos > 0; i-- {
		dst[i] += byte(nanos % 10)
		nanos /= 10
	}
	return append(dst, 'Z')
}

func (w *Writer) value(dst []byte, f protoreflect.FieldDescriptor, v protoreflect.Value) (_ []byte, err error) {
	switch {
	case f.IsMap():
		return w.mapping(dst, f, v.Map())
	case f.IsList():
		dst = append(dst, '[')
		for i := range v.List().Len() {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = w.single(dst, f, v.List().Get(i)); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	}
	return w.single(dst, f, v)
}

func (w *Writer) mapping(dst []byte, f protoreflect.FieldDescriptor, m protoreflect.Map) (_ []byte, err error) {
	keys := make([]protoreflect.MapKey, 0, m.Len())
	m.Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool { keys = append(keys, k); return true })
	slices.SortFunc(keys, func(a, b protoreflect.MapKey) int { return compareKeys(f.MapKey().Kind(), a, b) })
	dst = append(dst, '{')
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendString(dst, k.String()); err != nil {
			return nil, err
		}
		dst = append(dst, ':')
		if dst, err = w.single(dst, f.MapValue(), m.Get(k)); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func compareKeys(k protoreflect.Kind, a, b protoreflect.MapKey) int {
	switch k {
	case protoreflect.StringKind, protoreflect.BoolKind:
		return compare(a.String(), b.String())
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		return compare(a.Uint(), b.Uint())
	}
	return compare(a.Int(), b.Int())
}

func compare[T string | uint64 | int64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (w *Writer) single(dst []byte, f protoreflect.FieldDescriptor, v protoreflect.Value) ([]byte, error) {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return strconv.AppendBool(dst, v.Bool()), nil
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return strconv.AppendUint(dst, v.Uint(), 10), nil
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind: // a JSON number loses digits beyond 2^53
		return append(strconv.AppendInt(append(dst, '"'), v.Int(), 10), '"'), nil
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return append(strconv.AppendUint(append(dst, '"'), v.Uint(), 10), '"'), nil
	case protoreflect.FloatKind:
		return appendFloat(dst, v.Float(), 32), nil
	case protoreflect.DoubleKind:
		return appendFloat(dst, v.Float(), 64), nil
	case protoreflect.StringKind:
		return appendString(dst, v.String())
	case protoreflect.BytesKind:
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), v.Bytes()), '"'), nil
	case protoreflect.EnumKind:
		if f.Enum().FullName() == "google.protobuf.NullValue" {
			return append(dst, "null"...), nil
		}
		if e := f.Enum().Values().ByNumber(v.Enum()); e != nil {
			return append(append(append(dst, '"'), e.Name()...), '"'), nil
		}
		return strconv.AppendInt(dst, int64(v.Enum()), 10), nil
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return w.message(dst, v.Message())
	}
	return nil, fmt.Errorf("%s has a kind without a JSON form", f.FullName())
}

// appendFloat follows encoding/json, with NaN and the infinities as ProtoJSON has them.
func appendFloat(dst []byte, n float64, bits int) []byte {
	switch {
	case math.IsNaN(n):
		return append(dst, `"NaN"`...)
	case math.IsInf(n, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(n, -1):
		return append(dst, `"-Infinity"`...)
	}
	format := byte('f')
	if abs := math.Abs(n); abs != 0 && (bits == 64 && (abs < 1e-6 || abs >= 1e21) || bits == 32 && (float32(abs) < 1e-6 || float32(abs) >= 1e21)) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, n, format, -1, bits)
	if k := len(dst); format == 'e' && k >= 4 && dst[k-4] == 'e' && dst[k-3] == '-' && dst[k-2] == '0' { // e-09 is e-9
		dst[k-2] = dst[k-1]
		dst = dst[:k-1]
	}
	return dst
}
