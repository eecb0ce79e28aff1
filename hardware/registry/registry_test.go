package registry

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/api/devicesv1"
	"github.com/aielon/edge/node/auth/device"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
)

// site is a site's state in memory with the registry's operations on it.
type site struct {
	*edgetest.State
	mux *edge.Mux
}

func newSite() *site {
	s := &site{mux: edge.NewMux(), State: edgetest.New(edge.Actor{Kind: edge.Person, ID: "amina"}, time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))}
	Register(s.mux)
	return s
}

// do evaluates the command of a request and keeps nothing of it where it fails.
func do[Out proto.Message](s *site, in proto.Message) (out Out, err error) {
	reply, err := s.run(opOf(in), must(proto.Marshal(in)))
	return parse[Out](reply, err)
}

func (s *site) run(op string, body []byte) (reply []byte, err error) {
	h := must(s.mux.Handler(op))
	err = s.Try(func(tx edge.Tx) (err error) {
		reply, err = h(tx, body)
		return err
	})
	return reply, err
}

func ask[Out proto.Message](s *site, in proto.Message) (out Out, err error) {
	reply, err := must(s.mux.Asker(opOf(in)))(s, must(proto.Marshal(in)))
	return parse[Out](reply, err)
}

func opOf(in proto.Message) string {
	md, _ := api.MethodOf(in.ProtoReflect().Descriptor())
	return api.OpName(md)
}

func parse[Out proto.Message](reply []byte, err error) (out Out, _ error) {
	if err != nil {
		return out, err
	}
	out = out.ProtoReflect().New().Interface().(Out)
	return out, proto.Unmarshal(reply, out)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func topics(filters ...string) *devicesv1.Topics { return &devicesv1.Topics{Filters: filters} }

func refused(t testing.TB, err error, k edge.Kind) {
	t.Helper()
	if !edge.IsKind(err, k) {
		t.Fatalf("got %v, want a refusal of kind %v", err, k)
	}
}

func (s *site) auth() *Authenticator {
	return &Authenticator{View: func(f func(edge.View) error) error { return f(s) }, Verifier: device.NewVerifier(), Now: func() time.Time { return s.Time }}
}

func TestLifeOfADevice(t *testing.T) {
	s := newSite()
	a := s.auth()
	in, err := do[*devicesv1.IssuedDevice](s, &devicesv1.RegisterDeviceRequest{Id: "bp-1", Name: "Blood pressure, room 3", Kind: "blood-pressure"})
	if err != nil || !device.IsToken([]byte(in.Token)) || in.GetDevice().GetBy() != "amina" {
		t.Fatalf("%+v, %v", in, err)
	}
	enter := func(secret string) error {
		_, err := a.Authenticate(t.Context(), device.Proof{ID: "bp-1", Secret: []byte(secret)})
		return err
	}
	d, err := a.Authenticate(t.Context(), device.Proof{ID: "bp-1", Secret: []byte(in.Token)})
	if err != nil || d.ID != "bp-1" || !slices.Contains(d.Publish, "bp-1/#") || !slices.Contains(d.Publish, "tele/bp-1/#") || slices.Contains(d.Subscribe, "tele/bp-1/#") {
		t.Fatalf("%+v, %v", d, err)
	}
	refused(t, enter("aed1-"+strings.Repeat("0", 32)), edge.Denied)
	refused(t, enter(""), edge.Denied)

	next, err := do[*devicesv1.IssuedDevice](s, &devicesv1.RotateDeviceRequest{Id: "bp-1", GraceSeconds: 60})
	if err != nil || next.Token == in.Token {
		t.Fatal(err)
	}
	if enter(in.Token) != nil || enter(next.Token) != nil {
		t.Error("one of both tokens does not work in the grace time")
	}
	s.Time = s.Time.Add(time.Minute)
	refused(t, enter(in.Token), edge.Denied)
	third := must(do[*devicesv1.IssuedDevice](s, &devicesv1.RotateDeviceRequest{Id: "bp-1"}))
	refused(t, enter(next.Token), edge.Denied)
	if err := enter(third.Token); err != nil {
		t.Error(err)
	}

	name := "Moved to room 4"
	ch, err := do[*devicesv1.Device](s, &devicesv1.ChangeDeviceRequest{Id: "bp-1", Name: &name, Subscribe: &devicesv1.Topics{}})
	if err != nil || ch.Name != name || len(ch.Subscribe) != 0 || ch.Kind != "blood-pressure" || len(ch.Publish) == 0 {
		t.Errorf("%+v, %v", ch, err)
	}
	key := bytes.Repeat([]byte{7}, 32)
	if ch := must(do[*devicesv1.Device](s, &devicesv1.CertifyDeviceRequest{Id: "bp-1", Key: hex.EncodeToString(key)})); !ch.HasKey {
		t.Errorf("%+v", ch)
	}
	if _, err := a.Authenticate(t.Context(), device.Proof{ID: "bp-1", Key: key}); err != nil {
		t.Error(err)
	}
	must(do[*devicesv1.Device](s, &devicesv1.CertifyDeviceRequest{Id: "bp-1"}))
	if _, err := a.Authenticate(t.Context(), device.Proof{ID: "bp-1", Key: key}); err == nil {
		t.Error("a key that was taken back still works")
	}

	must(do[*devicesv1.Device](s, &devicesv1.RemoveDeviceRequest{Id: "bp-1"}))
	refused(t, enter(third.Token), edge.Denied)
	_, err = ask[*devicesv1.Device](s, &devicesv1.GetDeviceRequest{Id: "bp-1"})
	refused(t, err, edge.NotFound)
	var types []string
	for _, e := range s.Events {
		types = append(types, e.Type)
		if e.Class != edge.SiteOnly || e.Urgency != edge.Ledger || e.Subject != "device:bp-1" || edge.CheckEvent(e) != nil {
			t.Errorf("%+v", e)
		}
	}
	if got := strings.Join(types, " "); got != "device.registered device.changed device.changed device.changed device.changed device.changed device.removed" {
		t.Error(got)
	}
}

// No secret, nor what is kept of one, is in an event, a list, or the answer to a query; no token is in the state.
func TestSecretsStayHome(t *testing.T) {
	s := newSite()
	in := must(do[*devicesv1.IssuedDevice](s, &devicesv1.RegisterDeviceRequest{Id: "a"}))
	must(do[*devicesv1.IssuedDevice](s, &devicesv1.RegisterDeviceRequest{Id: "b", Password: "green lentils 7"}))
	own := device.NewToken()
	if out := must(do[*devicesv1.IssuedDevice](s, &devicesv1.RegisterDeviceRequest{Id: "c", TokenHash: hex.EncodeToString(device.TokenHash("c", own))})); out.Token != "" {
		t.Error("a token was made where one was brought")
	}
	if _, err := s.auth().Authenticate(t.Context(), device.Proof{ID: "c", Secret: []byte(own)}); err != nil {
		t.Error(err)
	}
	told := fmt.Sprint(must(ask[*devicesv1.ListDevicesResponse](s, &devicesv1.ListDevicesRequest{})), must(ask[*devicesv1.Device](s, &devicesv1.GetDeviceRequest{Id: "a"})))
	for _, e := range s.Events {
		told += string(e.Body)
	}
	for _, hidden := range []string{in.Token, own, "green lentils", "credential", "argon2id", hex.EncodeToString(device.TokenHash("a", in.Token))} {
		if strings.Contains(told, hidden) {
			t.Errorf("%q is told", hidden)
		}
	}
	for k, v := range s.Rows {
		if strings.Contains(string(v), in.Token) || strings.Contains(string(v), own) || strings.Contains(string(v), "lentils") {
			t.Errorf("a secret lies at %s", k)
		}
	}
}

func TestRegistrationsRefused(t *testing.T) {
	s := newSite()
	must(do[*devicesv1.IssuedDevice](s, &devicesv1.RegisterDeviceRequest{Id: "there"}))
	n, many := len(s.Rows), make([]string, MaxPatterns+1)
	for what, tt := range map[string]struct {
		in   *devicesv1.RegisterDeviceRequest
		kind edge.Kind
	}{
		"no id":             {&devicesv1.RegisterDeviceRequest{}, edge.Invalid},
		"a slash":           {&devicesv1.RegisterDeviceRequest{Id: "a/b"}, edge.Invalid},
		"a wildcard":        {&devicesv1.RegisterDeviceRequest{Id: "+"}, edge.Invalid},
		"everybody's topic": {&devicesv1.RegisterDeviceRequest{Id: "tele"}, edge.Invalid},
		"everybody's too":   {&devicesv1.RegisterDeviceRequest{Id: "cmnd"}, edge.Invalid},
		"taken":             {&devicesv1.RegisterDeviceRequest{Id: "there"}, edge.Conflict},
		"a long name":       {&devicesv1.RegisterDeviceRequest{Id: "x", Name: strings.Repeat("n", 101)}, edge.Invalid},
		"a bell in it":      {&devicesv1.RegisterDeviceRequest{Id: "x", Name: "a\abc"}, edge.Invalid},
		"a bad kind":        {&devicesv1.RegisterDeviceRequest{Id: "x", Kind: "a\nb"}, edge.Invalid},
		"publish all":       {&devicesv1.RegisterDeviceRequest{Id: "x", Publish: topics("#")}, edge.Invalid},
		"publish any":       {&devicesv1.RegisterDeviceRequest{Id: "x", Publish: topics("+/x")}, edge.Invalid},
		"read all":          {&devicesv1.RegisterDeviceRequest{Id: "x", Subscribe: topics("#")}, edge.Invalid},
		"read the broker":   {&devicesv1.RegisterDeviceRequest{Id: "x", Subscribe: topics("$SYS/#")}, edge.Invalid},
		"share":             {&devicesv1.RegisterDeviceRequest{Id: "x", Subscribe: topics("$share/g/x/#")}, edge.Invalid},
		"# in the middle":   {&devicesv1.RegisterDeviceRequest{Id: "x", Publish: topics("x/#/y")}, edge.Invalid},
		"# in a word":       {&devicesv1.RegisterDeviceRequest{Id: "x", Publish: topics("x/y#")}, edge.Invalid},
		"+ in a word":       {&devicesv1.RegisterDeviceRequest{Id: "x", Publish: topics("x/+y")}, edge.Invalid},
		"empty pattern":     {&devicesv1.RegisterDeviceRequest{Id: "x", Publish: topics("")}, edge.Invalid},
		"leading slash":     {&devicesv1.RegisterDeviceRequest{Id: "x", Publish: topics("/x")}, edge.Invalid},
		"NUL":               {&devicesv1.RegisterDeviceRequest{Id: "x", Publish: topics("x/\x00")}, edge.Invalid},
		"deep":              {&devicesv1.RegisterDeviceRequest{Id: "x", Publish: topics("x" + strings.Repeat("/y", 16))}, edge.Invalid},
		"too many":          {&devicesv1.RegisterDeviceRequest{Id: "x", Publish: topics(many...)}, edge.Invalid},
		"short password":    {&devicesv1.RegisterDeviceRequest{Id: "x", Password: "short"}, edge.Invalid},
		"both secrets":      {&devicesv1.RegisterDeviceRequest{Id: "x", Password: "long enough", TokenHash: strings.Repeat("0", 64)}, edge.Invalid},
		"half a hash":       {&devicesv1.RegisterDeviceRequest{Id: "x", TokenHash: "00"}, edge.Invalid},
	} {
		if _, err := do[*devicesv1.IssuedDevice](s, tt.in); !edge.IsKind(err, tt.kind) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(s.Rows) != n || len(s.Events) != 1 {
		t.Error("a refusal changed something")
	}
	_, err := s.run("devices.register_device", []byte("{"))
	refused(t, err, edge.Invalid)
	for _, in := range []proto.Message{&devicesv1.RotateDeviceRequest{Id: "no"}, &devicesv1.RemoveDeviceRequest{Id: "no"}, &devicesv1.ChangeDeviceRequest{Id: "no"}, &devicesv1.CertifyDeviceRequest{Id: "no"}} {
		_, err := do[*devicesv1.Device](s, in)
		refused(t, err, edge.NotFound)
	}
	for _, g := range []int64{-1, 8 * 24 * 3600, 1 << 62} {
		_, err := do[*devicesv1.IssuedDevice](s, &devicesv1.RotateDeviceRequest{Id: "there", GraceSeconds: g})
		refused(t, err, edge.Invalid)
	}
}

func TestAsManyAsMayBe(t *testing.T) {
	s := newSite()
	s.Rows[string(countKey())] = []byte("9999")
	must(do[*devicesv1.IssuedDevice](s, &devicesv1.RegisterDeviceRequest{Id: "last"}))
	_, err := do[*devicesv1.IssuedDevice](s, &devicesv1.RegisterDeviceRequest{Id: "more"})
	refused(t, err, edge.Exhausted)
	must(do[*devicesv1.Device](s, &devicesv1.RemoveDeviceRequest{Id: "last"}))
	must(do[*devicesv1.IssuedDevice](s, &devicesv1.RegisterDeviceRequest{Id: "more"}))
}

func TestPages(t *testing.T) {
	s := newSite()
	rapid.Check(t, func(rt *rapid.T) {
		s.Rows = map[string][]byte{}
		ids := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9._:-]{1,6}`).Filter(func(s string) bool { return checkID(s) == nil }), 0, 30, rapid.ID[string]).Draw(rt, "ids")
		for _, id := range ids {
			must(do[*devicesv1.IssuedDevice](s, &devicesv1.RegisterDeviceRequest{Id: id, TokenHash: strings.Repeat("0", 64)}))
		}
		slices.Sort(ids)
		var got []string
		q := &devicesv1.ListDevicesRequest{PageSize: rapid.Int32Range(1, 10).Draw(rt, "size")}
		for {
			page := must(ask[*devicesv1.ListDevicesResponse](s, q))
			if int(page.Total) != len(ids) {
				rt.Fatalf("%d devices in all, not %d", page.Total, len(ids))
			}
			for _, d := range page.Devices {
				got = append(got, d.GetId())
			}
			if q.PageToken = page.GetNextPageToken(); q.PageToken == "" {
				break
			}
		}
		if !slices.Equal(got, ids) {
			rt.Fatalf("got %v, want %v", got, ids)
		}
	})
	_, err := ask[*devicesv1.ListDevicesResponse](s, &devicesv1.ListDevicesRequest{PageToken: "bp-1"})
	refused(t, err, edge.Invalid)
	for _, n := range []int32{-1, 1001} {
		_, err := ask[*devicesv1.ListDevicesResponse](s, &devicesv1.ListDevicesRequest{PageSize: n})
		refused(t, err, edge.Invalid)
	}
}

func TestUnknownDevices(t *testing.T) {
	s := newSite()
	a := s.auth()
	for _, id := range []string{"", "stranger", "a/b", "#", strings.Repeat("x", 1000), "tele"} {
		for _, secret := range []string{"", device.NewToken(), "some password"} {
			_, err := a.Authenticate(t.Context(), device.Proof{ID: id, Secret: []byte(secret)})
			if err == nil || err.Error() != device.Refused().Error() {
				t.Errorf("%q with %q: %v", clip(id, 20), secret, err)
			}
		}
	}
	broken := &Authenticator{View: func(func(edge.View) error) error { return edge.E(edge.Corrupt, "the disk") }, Verifier: device.NewVerifier()}
	_, err := broken.Authenticate(t.Context(), device.Proof{ID: "x", Secret: []byte(device.NewToken())})
	refused(t, err, edge.Corrupt)
}

func TestEnrolment(t *testing.T) {
	s := newSite()
	a := s.auth()
	a.Enrol = func(_ context.Context, body []byte) error {
		_, err := s.run(OpEnrol, body)
		return err
	}
	come := func(id, secret string) (Admission, error) {
		return a.Authenticate(t.Context(), device.Proof{ID: id, Secret: []byte(secret)})
	}
	for id, secret := range map[string]string{"plug-1": "tasmota secret", "plug-2": device.NewToken()} {
		d, err := come(id, secret)
		if err != nil || !d.Enrolled || d.ID != id || !slices.Equal(d.Publish, defaults(id, publishPrefixes())) {
			t.Fatalf("%+v, %v", d, err)
		}
		if _, err := come(id, secret); err != nil {
			t.Errorf("it does not come back: %v", err)
		}
		_, err = come(id, "somebody else's")
		refused(t, err, edge.Denied)
	}
	for _, tt := range [][2]string{{"plug-3", ""}, {"tele", "long enough"}, {"a/b", "long enough"}} {
		_, err := come(tt[0], tt[1])
		refused(t, err, edge.Denied)
	}
	_, err := come("plug-3", "short")
	refused(t, err, edge.Invalid)
	must(do[*devicesv1.Device](s, &devicesv1.RemoveDeviceRequest{Id: "plug-1"}))
	_, err = come("plug-1", "tasmota secret")
	refused(t, err, edge.Denied) // removed is removed
	must(do[*devicesv1.IssuedDevice](s, &devicesv1.RegisterDeviceRequest{Id: "plug-1", Password: "by hand again"}))
	if _, err := come("plug-1", "by hand again"); err != nil {
		t.Error(err)
	}
	for i := range enrolPerHour + 1 {
		_, err = come(fmt.Sprintf("noise-%d", i), device.NewToken())
	}
	refused(t, err, edge.Exhausted)
	s.Time = s.Time.Add(time.Hour)
	s.Rows[string(enrolledKey())] = []byte("500")
	_, err = come("one-more", device.NewToken())
	refused(t, err, edge.Exhausted)
	for what, e := range map[string]Enrolment{"nothing": {ID: "x"}, "both": {ID: "x", Password: "$", Token: "00"}, "a dear hash": {ID: "x", Password: "$argon2id$v=19$m=4194304,t=9,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA"}, "a bad hash": {ID: "x", Token: "zz"}} {
		if _, err := s.run(OpEnrol, must(json.Marshal(e))); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A site of the last release must still open: this is what its program wrote, byte for byte.
const (
	rowOfLastRelease = `{"id":"bp-1","name":"Blood pressure, room 3","kind":"blood-pressure","publish":["attic/bp-1/#"],"subscribe":["bp-1/#","devices/bp-1/#"],` +
		`"registered":"2026-11-22T12:00:00Z","by":"amina","rotated":"2026-11-22T13:00:00Z","any_client":true,"credential":{"token":"zc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc0=",` +
		`"old":"q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=","old_until":"2026-11-22T13:01:00Z","key":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="}}`
	eventOfLastRelease = `{"id":"bp-1","name":"Blood pressure, room 3","kind":"blood-pressure","publish":["attic/bp-1/#"],"subscribe":["bp-1/#","devices/bp-1/#"],` +
		`"registered":"2026-11-22T12:00:00Z","by":"amina","rotated":"2026-11-22T13:00:00Z","has_key":true,"any_client":true,"actor":"amina"}`
)

func TestRowsOfTheLastRelease(t *testing.T) {
	s := newSite()
	s.Rows["d/i/bp-1"], s.Rows["d/n"] = []byte(rowOfLastRelease), []byte("1")
	d, err := ask[*devicesv1.Device](s, &devicesv1.GetDeviceRequest{Id: "bp-1"})
	want := &devicesv1.Device{Id: "bp-1", Name: "Blood pressure, room 3", Kind: "blood-pressure", Publish: []string{"attic/bp-1/#"}, Subscribe: []string{"bp-1/#", "devices/bp-1/#"},
		Registered: stamp(s.Time), By: "amina", Rotated: stamp(s.Time.Add(time.Hour)), HasKey: true, AnyClient: true}
	if err != nil || !proto.Equal(d, want) {
		t.Fatalf("%v, %v", d, err)
	}
	if _, err := s.auth().Authenticate(t.Context(), device.Proof{ID: "bp-1", Key: bytes.Repeat([]byte{7}, 32)}); err != nil {
		t.Error(err)
	}
	must(do[*devicesv1.Device](s, &devicesv1.ChangeDeviceRequest{Id: "bp-1"})) // changes nothing
	if got := string(s.Rows["d/i/bp-1"]); got != rowOfLastRelease {
		t.Errorf("the row is another one now:\n%s", got)
	}
	if got := string(s.Events[0].Body); got != eventOfLastRelease {
		t.Errorf("the event is another one now:\n%s", got)
	}
}

func FuzzPatterns(f *testing.F) {
	f.Add("bp-1", "sensors/%d/#")
	f.Add("+", "#")
	f.Fuzz(func(t *testing.T, id, p string) {
		if checkID(id) != nil {
			return
		}
		out, err := patterns(id, topics(p), nil)
		if err != nil {
			return
		}
		for _, p := range out {
			first, _, _ := strings.Cut(p, "/")
			if first == "" || strings.ContainsAny(first, "+#$") && first[0] == '$' || strings.ContainsAny(first, "+#") || len(p) > maxPattern {
				t.Fatalf("%q", p)
			}
		}
	})
}
