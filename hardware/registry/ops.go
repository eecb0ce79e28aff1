package registry

import (
	"encoding/hex"
	"strconv"
	"time"

	"github.com/aielon/edge/node/auth/device"
	"github.com/aielon/edge/node/edge"
)

// Permissions of the operations. MayEnrol is for nodes of the site only.
const (
	MayRead   edge.Permission = "devices.read"
	MayManage edge.Permission = "devices.manage"
	MayEnrol  edge.Permission = "devices.enrol"
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

// Registration asks for a new device. Publish and Subscribe may hold %d for the id; left out, a device
// may use "<id>/#" and the same below the prefixes of common firmware; an empty list allows nothing.
type Registration struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Kind      string   `json:"kind"`
	Publish   []string `json:"publish"`
	Subscribe []string `json:"subscribe"`
	AnyClient bool     `json:"any_client"`
	// Password is for things that cannot hold a token. TokenHash (hex, see device.TokenHash) is for callers
	// who made the token themselves, so that it never passes through here. With neither, a token is made.
	Password  string `json:"password"`
	TokenHash string `json:"token_hash"`
}

// Issued answers with the device and, this once, with its token. The reply is remembered with the command,
// sealed, for retries; who wants the token nowhere on the box sends TokenHash.
type Issued struct {
	Device Device `json:"device"`
	Token  string `json:"token,omitempty"`
}

// Change asks for other words or rights; what is left out stays.
type Change struct {
	ID        string    `json:"id"`
	Name      *string   `json:"name"`
	Kind      *string   `json:"kind"`
	Publish   *[]string `json:"publish"`
	Subscribe *[]string `json:"subscribe"`
	AnyClient *bool     `json:"any_client"`
}

// Rotation asks for a new secret, as Registration does. The old token works for Grace seconds more.
type Rotation struct {
	ID        string `json:"id"`
	Grace     int64  `json:"grace_seconds"`
	Password  string `json:"password"`
	TokenHash string `json:"token_hash"`
}

// Certification says by which key (hex SHA-256 of the public key) a device may prove itself; empty: none.
type Certification struct {
	ID  string `json:"id"`
	Key string `json:"key"`
}

// Ref names a device.
type Ref struct {
	ID string `json:"id"`
}

// ListQuery asks for devices after an id, Limit (100 where 0, at most 1000) at a time.
type ListQuery struct {
	After string `json:"after"`
	Limit int    `json:"limit"`
}

// List is a page of devices, by id. Next is what to ask for after, empty at the end.
type List struct {
	Devices []Device `json:"devices"`
	Next    string   `json:"next,omitempty"`
	Total   int      `json:"total"`
}

// Register adds the operations to a site.
func Register(m *edge.Mux) {
	op := func(name, doc string, needs edge.Permission) edge.Op {
		return edge.Op{Name: name, Doc: doc, Needs: needs, Class: edge.SiteOnly}
	}
	edge.Do(m, op("devices.register", "Register a device and return its token, once.", MayManage), register)
	edge.Do(m, op("devices.change", "Change the description or the topics of a device.", MayManage), change)
	edge.Do(m, op("devices.rotate", "Give a device a new secret.", MayManage), rotate)
	edge.Do(m, op("devices.certify", "Let a device prove itself by the key of a certificate.", MayManage), certify)
	edge.Do(m, op("devices.remove", "Remove a device and revoke what proves it.", MayManage), remove)
	edge.Do(m, op("devices.enrol", "Register a device that came by itself.", MayEnrol), enrol)
	edge.Ask(m, op("devices.list", "List devices by id.", MayRead), list)
	edge.Ask(m, op("devices.get", "Show one device.", MayRead), get)
}

func register(tx edge.Tx, in Registration) (Issued, error) {
	r, err := describe(tx, in)
	if err != nil {
		return Issued{}, err
	}
	if err := add(tx, r.ID); err != nil {
		return Issued{}, err
	}
	token, err := secret(&r.Credential, r.ID, in.Password, in.TokenHash)
	if err != nil {
		return Issued{}, err
	}
	return finish(tx, r, Registered, token)
}

func describe(tx edge.Tx, in Registration) (r record, err error) {
	if err := checkID(in.ID); err != nil {
		return r, err
	}
	if err := checkText("name", in.Name); err != nil {
		return r, err
	}
	if err := checkText("kind", in.Kind); err != nil {
		return r, err
	}
	r.Device = Device{ID: in.ID, Name: in.Name, Kind: in.Kind, AnyClient: in.AnyClient, Registered: tx.Now(), By: tx.Actor().ID}
	if r.Publish, err = patterns(in.ID, in.Publish, publishPrefixes()); err != nil {
		return r, err
	}
	r.Subscribe, err = patterns(in.ID, in.Subscribe, subscribePrefixes())
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

func change(tx edge.Tx, in Change) (Device, error) {
	r, err := load(tx, in.ID)
	if err != nil {
		return Device{}, err
	}
	if in.Name != nil {
		r.Name = *in.Name
	}
	if in.Kind != nil {
		r.Kind = *in.Kind
	}
	if in.AnyClient != nil {
		r.AnyClient = *in.AnyClient
	}
	if err := checkText("name", r.Name); err != nil {
		return Device{}, err
	}
	if err := checkText("kind", r.Kind); err != nil {
		return Device{}, err
	}
	if in.Publish != nil {
		if r.Publish, err = patterns(r.ID, *in.Publish, publishPrefixes()); err != nil {
			return Device{}, err
		}
	}
	if in.Subscribe != nil {
		if r.Subscribe, err = patterns(r.ID, *in.Subscribe, subscribePrefixes()); err != nil {
			return Device{}, err
		}
	}
	out, err := finish(tx, r, Changed, "")
	return out.Device, err
}

func rotate(tx edge.Tx, in Rotation) (Issued, error) {
	r, err := load(tx, in.ID)
	if err != nil {
		return Issued{}, err
	}
	if in.Grace < 0 || in.Grace > int64(maxGrace/time.Second) {
		return Issued{}, edge.E(edge.Invalid, "an old token may go on working for %d seconds at the most", int64(maxGrace/time.Second))
	}
	old := r.Credential.Token
	token, err := secret(&r.Credential, r.ID, in.Password, in.TokenHash)
	if err != nil {
		return Issued{}, err
	}
	r.Credential.Old, r.Credential.OldUntil = nil, time.Time{}
	if in.Grace > 0 && old != nil {
		r.Credential.Old, r.Credential.OldUntil = old, tx.Now().Add(time.Duration(in.Grace)*time.Second)
	}
	r.Rotated = tx.Now()
	return finish(tx, r, Changed, token)
}

func certify(tx edge.Tx, in Certification) (Device, error) {
	r, err := load(tx, in.ID)
	if err != nil {
		return Device{}, err
	}
	r.Credential.Key = nil
	if in.Key != "" {
		if r.Credential.Key, err = digest("the key", in.Key); err != nil {
			return Device{}, err
		}
	}
	out, err := finish(tx, r, Changed, "")
	return out.Device, err
}

func finish(tx edge.Tx, r record, event, token string) (Issued, error) {
	if err := save(tx, r); err != nil {
		return Issued{}, err
	}
	d := r.public()
	return Issued{Device: d, Token: token}, tell(tx, event, d)
}

func remove(tx edge.Tx, in Ref) (Device, error) {
	r, err := load(tx, in.ID)
	if err != nil {
		return Device{}, err
	}
	n, err := count(tx)
	if err != nil {
		return Device{}, err
	}
	tx.Delete(key(r.ID))
	tx.Set(goneKey(r.ID), []byte("1"))
	setNumber(tx, countKey(), max(n-1, 0))
	if r.Enrolled {
		e, err := number(tx, enrolledKey())
		if err != nil {
			return Device{}, err
		}
		setNumber(tx, enrolledKey(), max(e-1, 0))
	}
	d := r.public()
	return d, tell(tx, Removed, d)
}

func list(v edge.View, in ListQuery) (List, error) {
	limit := in.Limit
	switch {
	case limit == 0:
		limit = 100
	case limit < 0 || limit > 1000:
		return List{}, edge.E(edge.Invalid, "a page of devices holds 1 to 1000, not %d", limit)
	}
	n, err := count(v)
	if err != nil {
		return List{}, err
	}
	out := List{Devices: []Device{}, Total: n}
	for k, b := range v.Scan(key("")) {
		if string(k) <= string(key(in.After)) {
			continue
		}
		if len(out.Devices) == limit {
			out.Next = out.Devices[limit-1].ID
			break
		}
		r, err := decode(b)
		if err != nil {
			return List{}, err
		}
		out.Devices = append(out.Devices, r.public())
	}
	return out, v.Err()
}

func get(v edge.View, in Ref) (Device, error) {
	r, err := load(v, in.ID)
	return r.public(), err
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
