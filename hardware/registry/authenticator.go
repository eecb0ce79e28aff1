package registry

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/aielon/edge/node/api/devicesv1"
	"github.com/aielon/edge/node/auth/device"
	"github.com/aielon/edge/node/edge"
)

// MaxEnrolled bounds the devices that registered themselves, so that a noisy network cannot fill the
// registry; enrolPerHour bounds how fast they come.
const (
	MaxEnrolled  = 500
	enrolPerHour = 60
)

// An Authenticator finds the device behind what it presents, from a view of the site's state. It goes on
// answering while the site has no quorum.
type Authenticator struct {
	View     func(func(edge.View) error) error // calls with a view that is good for the length of the call
	Verifier *device.Verifier
	Now      func() time.Time // nil: time.Now
	// Enrol, where set, lets unknown devices register themselves with the secret they present first: it
	// proposes the command OpEnrol with the body given. Leave it nil to refuse them, which is the
	// default: whoever comes first under a name then owns it.
	Enrol func(ctx context.Context, body []byte) error

	mu    sync.Mutex // guards since, taken
	since time.Time
	taken int
}

// Enrolment is the body of OpEnrol.
type Enrolment struct {
	edge.Redacted

	ID       string `json:"id"`
	Password string `json:"password_hash,omitempty"` // device.HashPassword
	Token    string `json:"token_hash,omitempty"`    // hex of device.TokenHash
}

// Authenticate returns the device that p proves to be. It fails with Denied, in the same time and words
// whether the device or its secret is unknown, and with Unavailable where it cannot tell just now.
func (a *Authenticator) Authenticate(ctx context.Context, p device.Proof) (Admission, error) {
	r, known, err := a.find(p.ID)
	if err != nil {
		return Admission{}, err
	}
	var c *device.Credential
	if known {
		c = &r.Credential
	}
	if err := a.Verifier.Check(ctx, c, p, a.now()); err == nil {
		return r.admit(r.Credential.Mark(p), a.now())
	} else if known || a.Enrol == nil || !edge.IsKind(err, edge.Denied) {
		return Admission{}, err
	}
	if err := a.enrol(ctx, p); err != nil {
		return Admission{}, err
	}
	r, known, err = a.find(p.ID)
	if err != nil || !known {
		return Admission{}, errors.Join(err, edge.E(edge.Unavailable, "the device is being registered").WithHint("it gets in when it tries again"))
	}
	return r.admit(r.Credential.Mark(p), a.now())
}

// find looks a device up. Ids no device can have are not known, and cost as much as any other.
func (a *Authenticator) find(id string) (r record, known bool, err error) {
	if checkID(id) != nil {
		return r, false, nil
	}
	err = a.View(func(v edge.View) error {
		var err error
		r, err = load(v, id)
		return err
	})
	if edge.IsKind(err, edge.NotFound) {
		return record{}, false, nil
	}
	return r, err == nil, err
}

func (a *Authenticator) enrol(ctx context.Context, p device.Proof) error {
	if checkID(p.ID) != nil || p.Key != nil || len(p.Secret) == 0 {
		return device.Refused()
	}
	if err := a.allow(); err != nil {
		return err
	}
	in := Enrolment{ID: p.ID}
	if device.IsToken(p.Secret) {
		in.Token = hex.EncodeToString(device.TokenHash(p.ID, string(p.Secret)))
	} else {
		hash, err := device.HashPassword(p.Secret)
		if err != nil {
			return err
		}
		in.Password = hash
	}
	body, err := json.Marshal(in)
	if err != nil {
		return edge.E(edge.Internal, "an enrolment cannot be encoded: %w", err)
	}
	return a.Enrol(ctx, body)
}

func (a *Authenticator) allow() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if d := a.now().Sub(a.since); d >= time.Hour || d < 0 {
		a.since, a.taken = a.now(), 0
	}
	if a.taken >= enrolPerHour {
		return edge.E(edge.Exhausted, "too many unknown devices came within an hour").WithHint("register the device by hand")
	}
	a.taken++
	return nil
}

func (a *Authenticator) now() time.Time {
	if a.Now == nil {
		return time.Now()
	}
	return a.Now()
}

// enrol registers a device that came by itself, with the rights every device has and no others. One that
// was removed does not come back this way.
func enrol(tx edge.Tx, in Enrolment) (Device, error) {
	r, err := describe(tx, &devicesv1.RegisterDeviceRequest{Id: in.ID, Name: in.ID})
	if err != nil {
		return Device{}, err
	}
	if _, err := tx.Get(goneKey(in.ID)); err == nil {
		return Device{}, edge.E(edge.Denied, "the device %q was removed and cannot register itself again", in.ID).WithHint("register it by hand")
	} else if !edge.IsKind(err, edge.NotFound) {
		return Device{}, err
	}
	switch {
	case (in.Password == "") == (in.Token == ""):
		return Device{}, edge.E(edge.Invalid, "a device enrols with a password or a token")
	case in.Password != "":
		if err := device.CheckPasswordHash(in.Password); err != nil {
			return Device{}, err
		}
		r.Credential.Password = in.Password
	default:
		if r.Credential.Token, err = digest("the hash of the token", in.Token); err != nil {
			return Device{}, err
		}
	}
	n, err := number(tx, enrolledKey())
	if err != nil {
		return Device{}, err
	}
	if n >= MaxEnrolled {
		return Device{}, edge.E(edge.Exhausted, "%d devices have registered themselves, which is as many as may", n).WithHint("register the device by hand, and remove those that are gone")
	}
	setNumber(tx, enrolledKey(), n+1)
	if err := add(tx, r.ID); err != nil {
		return Device{}, err
	}
	r.Enrolled = true
	_, err = finish(tx, r, Registered, "")
	return r.public(), err
}
