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

	"pgregory.net/rapid"

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

// do evaluates one command and keeps nothing of it where it fails.
func do[Out any](s *site, name string, in any) (out Out, err error) {
	h, err := s.mux.Handler(name)
	if err != nil {
		return out, err
	}
	body, ok := in.([]byte)
	if !ok {
		body = must(json.Marshal(in))
	}
	var reply []byte
	err = s.Try(func(tx edge.Tx) (err error) {
		reply, err = h(tx, body)
		return err
	})
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(reply, &out)
}

func ask[Out any](s *site, name string, in any) (out Out, err error) {
	reply, err := must(s.mux.Asker(name))(s, must(json.Marshal(in)))
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(reply, &out)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

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
	in, err := do[Issued](s, "devices.register", Registration{ID: "bp-1", Name: "Blood pressure, room 3", Kind: "blood-pressure"})
	if err != nil || !device.IsToken([]byte(in.Token)) || in.Device.By != "amina" {
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

	next, err := do[Issued](s, "devices.rotate", Rotation{ID: "bp-1", Grace: 60})
	if err != nil || next.Token == in.Token {
		t.Fatal(err)
	}
	if enter(in.Token) != nil || enter(next.Token) != nil {
		t.Error("one of both tokens does not work in the grace time")
	}
	s.Time = s.Time.Add(time.Minute)
	refused(t, enter(in.Token), edge.Denied)
	third := must(do[Issued](s, "devices.rotate", Rotation{ID: "bp-1"}))
	refused(t, enter(next.Token), edge.Denied)
	if err := enter(third.Token); err != nil {
		t.Error(err)
	}

	name, none := "Moved to room 4", []string{}
	ch, err := do[Device](s, "devices.change", Change{ID: "bp-1", Name: &name, Subscribe: &none})
	if err != nil || ch.Name != name || len(ch.Subscribe) != 0 || ch.Kind != "blood-pressure" || len(ch.Publish) == 0 {
		t.Errorf("%+v, %v", ch, err)
	}
	key := bytes.Repeat([]byte{7}, 32)
	if ch := must(do[Device](s, "devices.certify", Certification{ID: "bp-1", Key: hex.EncodeToString(key)})); !ch.HasKey {
		t.Errorf("%+v", ch)
	}
	if _, err := a.Authenticate(t.Context(), device.Proof{ID: "bp-1", Key: key}); err != nil {
		t.Error(err)
	}
	must(do[Device](s, "devices.certify", Certification{ID: "bp-1"}))
	if _, err := a.Authenticate(t.Context(), device.Proof{ID: "bp-1", Key: key}); err == nil {
		t.Error("a key that was taken back still works")
	}

	must(do[Device](s, "devices.remove", Ref{ID: "bp-1"}))
	refused(t, enter(third.Token), edge.Denied)
	_, err = ask[Device](s, "devices.get", Ref{ID: "bp-1"})
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
	in := must(do[Issued](s, "devices.register", Registration{ID: "a"}))
	must(do[Issued](s, "devices.register", Registration{ID: "b", Password: "green lentils 7"}))
	own := device.NewToken()
	if out := must(do[Issued](s, "devices.register", Registration{ID: "c", TokenHash: hex.EncodeToString(device.TokenHash("c", own))})); out.Token != "" {
		t.Error("a token was made where one was brought")
	}
	if _, err := s.auth().Authenticate(t.Context(), device.Proof{ID: "c", Secret: []byte(own)}); err != nil {
		t.Error(err)
	}
	told := fmt.Sprint(must(ask[List](s, "devices.list", ListQuery{})), must(ask[Device](s, "devices.get", Ref{ID: "a"})))
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
	must(do[Issued](s, "devices.register", Registration{ID: "there"}))
	n, many := len(s.Rows), make([]string, MaxPatterns+1)
	for what, tt := range map[string]struct {
		in   any
		kind edge.Kind
	}{
		"no id":             {Registration{}, edge.Invalid},
		"a slash":           {Registration{ID: "a/b"}, edge.Invalid},
		"a wildcard":        {Registration{ID: "+"}, edge.Invalid},
		"everybody's topic": {Registration{ID: "tele"}, edge.Invalid},
		"everybody's too":   {Registration{ID: "cmnd"}, edge.Invalid},
		"taken":             {Registration{ID: "there"}, edge.Conflict},
		"a long name":       {Registration{ID: "x", Name: strings.Repeat("n", 101)}, edge.Invalid},
		"a bell in it":      {Registration{ID: "x", Name: "a\abc"}, edge.Invalid},
		"a bad kind":        {Registration{ID: "x", Kind: "a\nb"}, edge.Invalid},
		"publish all":       {Registration{ID: "x", Publish: []string{"#"}}, edge.Invalid},
		"publish any":       {Registration{ID: "x", Publish: []string{"+/x"}}, edge.Invalid},
		"read all":          {Registration{ID: "x", Subscribe: []string{"#"}}, edge.Invalid},
		"read the broker":   {Registration{ID: "x", Subscribe: []string{"$SYS/#"}}, edge.Invalid},
		"share":             {Registration{ID: "x", Subscribe: []string{"$share/g/x/#"}}, edge.Invalid},
		"# in the middle":   {Registration{ID: "x", Publish: []string{"x/#/y"}}, edge.Invalid},
		"# in a word":       {Registration{ID: "x", Publish: []string{"x/y#"}}, edge.Invalid},
		"+ in a word":       {Registration{ID: "x", Publish: []string{"x/+y"}}, edge.Invalid},
		"empty pattern":     {Registration{ID: "x", Publish: []string{""}}, edge.Invalid},
		"leading slash":     {Registration{ID: "x", Publish: []string{"/x"}}, edge.Invalid},
		"NUL":               {Registration{ID: "x", Publish: []string{"x/\x00"}}, edge.Invalid},
		"deep":              {Registration{ID: "x", Publish: []string{"x" + strings.Repeat("/y", 16)}}, edge.Invalid},
		"too many":          {Registration{ID: "x", Publish: many}, edge.Invalid},
		"short password":    {Registration{ID: "x", Password: "short"}, edge.Invalid},
		"both secrets":      {Registration{ID: "x", Password: "long enough", TokenHash: strings.Repeat("0", 64)}, edge.Invalid},
		"half a hash":       {Registration{ID: "x", TokenHash: "00"}, edge.Invalid},
		"unknown field":     {[]byte(`{"id":"x","operator":true}`), edge.Invalid},
		"no JSON":           {[]byte(`{`), edge.Invalid},
	} {
		if _, err := do[Issued](s, "devices.register", tt.in); !edge.IsKind(err, tt.kind) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(s.Rows) != n || len(s.Events) != 1 {
		t.Error("a refusal changed something")
	}
	for name, in := range map[string]any{"devices.rotate": Rotation{ID: "no"}, "devices.remove": Ref{ID: "no"}, "devices.change": Change{ID: "no"}, "devices.certify": Certification{ID: "no"}} {
		_, err := do[any](s, name, in)
		refused(t, err, edge.NotFound)
	}
	for _, g := range []int64{-1, 8 * 24 * 3600, 1 << 62} {
		_, err := do[any](s, "devices.rotate", Rotation{ID: "there", Grace: g})
		refused(t, err, edge.Invalid)
	}
}

func TestAsManyAsMayBe(t *testing.T) {
	s := newSite()
	s.Rows[string(countKey())] = []byte("9999")
	must(do[Issued](s, "devices.register", Registration{ID: "last"}))
	_, err := do[Issued](s, "devices.register", Registration{ID: "more"})
	refused(t, err, edge.Exhausted)
	must(do[Device](s, "devices.remove", Ref{ID: "last"}))
	must(do[Issued](s, "devices.register", Registration{ID: "more"}))
}

func TestPages(t *testing.T) {
	s := newSite()
	rapid.Check(t, func(rt *rapid.T) {
		s.Rows = map[string][]byte{}
		ids := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9._:-]{1,6}`).Filter(func(s string) bool { return checkID(s) == nil }), 0, 30, rapid.ID[string]).Draw(rt, "ids")
		for _, id := range ids {
			must(do[Issued](s, "devices.register", Registration{ID: id, TokenHash: strings.Repeat("0", 64)}))
		}
		slices.Sort(ids)
		var got []string
		q := ListQuery{Limit: rapid.IntRange(1, 10).Draw(rt, "limit")}
		for {
			page := must(ask[List](s, "devices.list", q))
			if page.Total != len(ids) {
				rt.Fatalf("%d devices in all, not %d", page.Total, len(ids))
			}
			for _, d := range page.Devices {
				got = append(got, d.ID)
			}
			if q.After = page.Next; page.Next == "" {
				break
			}
		}
		if !slices.Equal(got, ids) {
			rt.Fatalf("got %v, want %v", got, ids)
		}
	})
	for _, n := range []int{-1, 1001} {
		_, err := ask[List](s, "devices.list", ListQuery{Limit: n})
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
		_, err := do[Device](s, "devices.enrol", body)
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
	must(do[Device](s, "devices.remove", Ref{ID: "plug-1"}))
	_, err = come("plug-1", "tasmota secret")
	refused(t, err, edge.Denied) // removed is removed
	must(do[Issued](s, "devices.register", Registration{ID: "plug-1", Password: "by hand again"}))
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
		if _, err := do[Device](s, "devices.enrol", e); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func FuzzPatterns(f *testing.F) {
	f.Add("bp-1", "sensors/%d/#")
	f.Add("+", "#")
	f.Fuzz(func(t *testing.T, id, p string) {
		if checkID(id) != nil {
			return
		}
		out, err := patterns(id, []string{p}, nil)
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
