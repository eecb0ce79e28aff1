package registry

import (
	"iter"
	"strings"

	"github.com/aielon/edge/node/edge"
)

// Find returns a device. It fails with NotFound where there is none of that id.
func Find(v edge.View, id string) (Device, error) {
	r, err := load(v, id)
	return r.public(), err
}

// All yields the devices of a site. It stops after the first error.
func All(v edge.View) iter.Seq2[Device, error] {
	return func(yield func(Device, error) bool) {
		for _, b := range v.Scan(key("")) {
			r, err := decode(b)
			if err != nil {
				yield(Device{}, err)
				return
			}
			if !yield(r.public(), nil) {
				return
			}
		}
		if err := v.Err(); err != nil {
			yield(Device{}, err)
		}
	}
}

// SubjectDevice returns which device an event of this package is about; ok is false for events of others.
func SubjectDevice(e edge.Event) (id string, ok bool) {
	id, device := strings.CutPrefix(e.Subject, "device:")
	return id, device && (e.Type == Registered || e.Type == Changed || e.Type == Removed)
}
