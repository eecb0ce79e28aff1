package registry

import (
	"encoding/hex"
	"strconv"
	"time"

	"github.com/aielon/edge/node/api/devicesv1"
	"github.com/aielon/edge/node/auth/device"
	"github.com/aielon/edge/node/edge"
)

// OpEnrol is the command by which a node registers a device that came by itself, and MayEnrol what it needs, which
// only nodes of the site hold. The body is an Enrolment as JSON.
const (
	OpEnrol                  = "devices.enrol"
	MayEnrol edge.Permission = "devices.enrol"
)

// Types of the events. Bodies are a Device as JSON with "actor" beside it.
const (
	Registered = "device.registered"
	Changed    = "device.changed" // its description, its patterns, or what proves it
	Removed    = "device.removed" // whoever holds a connection of it ends it
)

// maxGrace is how long an old token may go on working after it was replaced, so that a device on a roof
// can be given the new one tomorrow.
const maxGrace = 7 * 24 * time.Hour

// Register adds the operations of the schema aielon.devices.v1 that the site answers. Only how a device enrols
// itself is a matter between nodes, and has no schema.
func Register(m *edge.Mux) {
	edge.Handle(m, register)
	edge.Handle(m, change)
	edge.Handle(m, rotate)
	edge.Handle(m, certify)
	edge.Handle(m, remove)
	edge.Answer(m, list)
	edge.Answer(m, get)
	edge.Do(m, edge.Op{Name: OpEnrol, Doc: "Register a device that came by itself.", Needs: MayEnrol, Class: edge.SiteOnly}, enrol)
}

// register answers, this once, with the token. The reply is remembered with the command, sealed, for retries; who
// wants the token nowhere on the box sends its hash.
func register(tx edge.Tx, in *devicesv1.RegisterDeviceRequest) (*devicesv1.IssuedDevice, error) {
	r, err := describe(tx, in)
	if err != nil {
		return nil, err
	}
	if err := add(tx, r.ID); err != nil {
		return nil, err
	}
	token, err := secret(&r.Credential, r.ID, in.GetPassword(), in.GetTokenHash())
	if err != nil {
		return nil, err
	}
	return finish(tx, r, Registered, token)
}

func describe(tx edge.Tx, in *devicesv1.RegisterDeviceRequest) (r record, err error) {
	id := in.GetId()
	if err := checkID(id); err != nil {
		return r, err
	}
	if err := checkText("name", in.GetName()); err != nil {
		return r, err
	}
	if err := checkText("kind", in.GetKind()); err != nil {
		return r, err
	}
	r.Device = Device{ID: id, Name: in.GetName(), Kind: in.GetKind(), AnyClient: in.GetAnyClient(), Registered: tx.Now(), By: tx.Actor().ID}
	if r.Publish, err = patterns(id, in.GetPublish(), publishPrefixes()); err != nil {
		return r, err
	}
	r.Subscribe, err = patterns(id, in.GetSubscribe(), subscribePrefixes())
	return r, err
}

// add takes an id into use and counts it.
func add(tx edge.Tx, id string) error {
	if _, err := tx.Get(key(id)); err == nil {
		return edge.E(edge.Conflict, "there is a device called %q already", id).WithHint("choose another id, or give that device a new token")
	} else if !edge.IsKind(err, edge.NotFound) {
		return err
	}
	n, err := count(tx)
	if err != nil {
		return err
	}
	if n >= MaxDevices {
		return edge.E(edge.Exhausted, "the site has %d devices, which is as many as it may have", n).WithHint("remove those that are gone")
	}
	setNumber(tx, countKey(), n+1)
	tx.Delete(goneKey(id))
	return nil
}

// secret sets one of the three kinds in place of whatever was there and returns a token made here.
func secret(c *device.Credential, id, password, tokenHash string) (token string, err error) {
	switch {
	case password != "" && tokenHash != "":
		return "", edge.E(edge.Invalid, "a device has a password or a token, not both")
	case password != "":
		hash, err := device.HashPassword([]byte(password))
		if err != nil {
			return "", err
		}
		c.Token, c.Password = nil, hash
	case tokenHash != "":
		h, err := digest("the hash of the token", tokenHash)
		if err != nil {
			return "", err
		}
		c.Token, c.Password = h, ""
	default:
		token = device.NewToken()
		c.Token, c.Password = device.TokenHash(id, token), ""
	}
	return token, nil
}

func digest(what, s string) ([]byte, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 32 {
		return nil, edge.E(edge.Invalid, "%s must be a SHA-256: 64 hexadecimal digits", what)
	}
	return b, nil
}

// change sets what is given; what is left out stays.
func change(tx edge.Tx, in *devicesv1.ChangeDeviceRequest) (*devicesv1.Device, error) {
	r, err := load(tx, in.GetId())
	if err != nil {
		return nil, err
	}
	for _, f := range []struct {
		what string
		to   *string
		from *string
	}{{"name", &r.Name, in.Name}, {"kind", &r.Kind, in.Kind}} {
		if f.from != nil {
			*f.to = *f.from
		}
		if err := checkText(f.what, *f.to); err != nil {
			return nil, err
		}
	}
	if in.AnyClient != nil {
		r.AnyClient = in.GetAnyClient()
	}
	if in.GetPublish() != nil {
		if r.Publish, err = patterns(r.ID, in.GetPublish(), publishPrefixes()); err != nil {
			return nil, err
		}
	}
	if in.GetSubscribe() != nil {
		if r.Subscribe, err = patterns(r.ID, in.GetSubscribe(), subscribePrefixes()); err != nil {
			return nil, err
		}
	}
	return finishChange(tx, r)
}

// rotate gives a new secret as register does. The old token goes on working for as long as is asked for.
func rotate(tx edge.Tx, in *devicesv1.RotateDeviceRequest) (*devicesv1.IssuedDevice, error) {
	r, err := load(tx, in.GetId())
	if err != nil {
		return nil, err
	}
	grace := in.GetGraceSeconds()
	if grace < 0 || grace > int64(maxGrace/time.Second) {
		return nil, edge.E(edge.Invalid, "an old token may go on working for %d seconds at the most", int64(maxGrace/time.Second))
	}
	old := r.Credential.Token
	token, err := secret(&r.Credential, r.ID, in.GetPassword(), in.GetTokenHash())
	if err != nil {
		return nil, err
	}
	r.Credential.Old, r.Credential.OldUntil = nil, time.Time{}
	if grace > 0 && old != nil {
		r.Credential.Old, r.Credential.OldUntil = old, tx.Now().Add(time.Duration(grace)*time.Second)
	}
	r.Rotated = tx.Now()
	return finish(tx, r, Changed, token)
}

func certify(tx edge.Tx, in *devicesv1.CertifyDeviceRequest) (*devicesv1.Device, error) {
	r, err := load(tx, in.GetId())
	if err != nil {
		return nil, err
	}
	r.Credential.Key = nil
	if in.GetKey() != "" {
		if r.Credential.Key, err = digest("the key", in.GetKey()); err != nil {
			return nil, err
		}
	}
	return finishChange(tx, r)
}

func finish(tx edge.Tx, r record, event, token string) (*devicesv1.IssuedDevice, error) {
	if err := save(tx, r); err != nil {
		return nil, err
	}
	d := r.public()
	return &devicesv1.IssuedDevice{Device: d.message(), Token: token}, tell(tx, event, d)
}

func finishChange(tx edge.Tx, r record) (*devicesv1.Device, error) {
	out, err := finish(tx, r, Changed, "")
	return out.GetDevice(), err
}

func remove(tx edge.Tx, in *devicesv1.RemoveDeviceRequest) (*devicesv1.Device, error) {
	r, err := load(tx, in.GetId())
	if err != nil {
		return nil, err
	}
	n, err := count(tx)
	if err != nil {
		return nil, err
	}
	tx.Delete(key(r.ID))
	tx.Set(goneKey(r.ID), []byte("1"))
	setNumber(tx, countKey(), max(n-1, 0))
	if r.Enrolled {
		e, err := number(tx, enrolledKey())
		if err != nil {
			return nil, err
		}
		setNumber(tx, enrolledKey(), max(e-1, 0))
	}
	d := r.public()
	return d.message(), tell(tx, Removed, d)
}

// pages is what tokens of list are good for.
const pages = "devices"

func list(v edge.View, in *devicesv1.ListDevicesRequest) (*devicesv1.ListDevicesResponse, error) {
	size, err := edge.PageSize(in.GetPageSize(), 100, 1000)
	if err != nil {
		return nil, err
	}
	var after []byte
	if in.GetPageToken() != "" {
		if after, err = edge.ParsePageToken(pages, in.GetPageToken()); err != nil {
			return nil, err
		}
	}
	n, err := count(v)
	if err != nil {
		return nil, err
	}
	out := &devicesv1.ListDevicesResponse{Total: int32(n)}
	for k, b := range v.Scan(key("")) {
		if string(k) <= string(key(string(after))) {
			continue
		}
		if len(out.Devices) == size {
			out.NextPageToken = edge.PageToken(pages, []byte(out.Devices[size-1].GetId()))
			break
		}
		r, err := decode(b)
		if err != nil {
			return nil, err
		}
		out.Devices = append(out.Devices, r.public().message())
	}
	return out, v.Err()
}

func get(v edge.View, in *devicesv1.GetDeviceRequest) (*devicesv1.Device, error) {
	r, err := load(v, in.GetId())
	if err != nil {
		return nil, err
	}
	return r.public().message(), nil
}

func countKey() []byte    { return []byte("d/n") }
func enrolledKey() []byte { return []byte("d/e") }

func count(v edge.View) (int, error) { return number(v, countKey()) }

// number reads a counter; one that was never written is 0.
func number(v edge.View, key []byte) (int, error) {
	b, err := v.Get(key)
	if edge.IsKind(err, edge.NotFound) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(string(b))
	if err != nil {
		return 0, edge.E(edge.Corrupt, "the count of devices cannot be read: %w", err)
	}
	return n, nil
}

func setNumber(tx edge.Tx, key []byte, n int) { tx.Set(key, strconv.AppendInt(nil, int64(n), 10)) }
