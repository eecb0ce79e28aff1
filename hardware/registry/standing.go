package registry

import (
	"time"

	"github.com/aielon/edge/node/auth/device"
	"github.com/aielon/edge/node/edge"
)

// An Admission is a device that has proved itself.
type Admission struct {
	Device
	Mark string        // what it proved itself by, see device.Credential.Mark
	Left time.Duration // how long that is good for from now; 0: until it is taken back
}

func (r record) admit(mark string, now time.Time) (Admission, error) {
	left, ok := r.Credential.Stands(mark, now)
	if !ok {
		return Admission{}, device.Refused() // replaced between check and now
	}
	return Admission{Device: r.public(), Mark: mark, Left: left}, nil
}

// Standing says how it is now with a device that came in before with a mark; without one, what it may do.
// It fails with Denied where the device was removed or the mark counts no more, and with NotFound where
// this state knows no such device, nor that there was one.
func Standing(v edge.View, id, mark string, now time.Time) (Admission, error) {
	if err := checkID(id); err != nil {
		return Admission{}, edge.E(edge.NotFound, "there is no device called %q", clip(id, 80))
	}
	r, err := load(v, id)
	switch {
	case edge.IsKind(err, edge.NotFound):
		if _, gone := v.Get(goneKey(id)); gone == nil {
			return Admission{}, edge.E(edge.Denied, "the device %q was removed", id)
		}
		return Admission{}, err
	case err != nil:
		return Admission{}, err
	case mark == "":
		return Admission{Device: r.public()}, nil
	}
	return r.admit(mark, now)
}
