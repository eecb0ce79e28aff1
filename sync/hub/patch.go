package hub

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/aielon/edge/node/edge"
)

// canonical is JSON without spaces and with sorted keys; numbers keep their text.
func canonical(doc []byte) ([]byte, error) {
	v, err := parse(doc)
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

func parse(doc []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	if err := d.Decode(&v); err != nil || d.More() {
		return nil, edge.E(edge.Invalid, "a configuration is not one JSON document: %w", err)
	}
	return v, nil
}

// diff returns the JSON merge patch (RFC 7396) that makes to out of from. ok is false where there is
// none: a patch cannot set a member to null.
func diff(from, to []byte) (patch []byte, ok bool) {
	a, err1 := parse(from)
	b, err2 := parse(to)
	if err1 != nil || err2 != nil {
		return nil, false
	}
	am, ok1 := a.(map[string]any)
	bm, ok2 := b.(map[string]any)
	if !ok1 || !ok2 {
		return nil, false
	}
	p, ok := diffMap(am, bm)
	if !ok {
		return nil, false
	}
	patch, err := json.Marshal(p)
	return patch, err == nil
}

func diffMap(a, b map[string]any) (map[string]any, bool) {
	p := map[string]any{}
	for k := range a {
		if _, stays := b[k]; !stays {
			p[k] = nil
		}
	}
	for k, v := range b {
		old, had := a[k]
		if had && reflect.DeepEqual(old, v) {
			continue
		}
		om, ok1 := old.(map[string]any)
		vm, ok2 := v.(map[string]any)
		if ok1 && ok2 {
			sub, ok := diffMap(om, vm)
			if !ok {
				return nil, false
			}
			p[k] = sub
			continue
		}
		if holdsNull(v) {
			return nil, false
		}
		p[k] = v
	}
	return p, true
}

// holdsNull reports whether v has a null that a patch would take for a removal. Those in arrays are safe.
func holdsNull(v any) bool {
	m, ok := v.(map[string]any)
	if !ok {
		return v == nil
	}
	for _, x := range m {
		if holdsNull(x) {
			return true
		}
	}
	return false
}
