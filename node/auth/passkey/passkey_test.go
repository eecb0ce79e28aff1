package passkey

import (
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/auth/passkey/passkeytest"
	"github.com/aielon/edge/node/edge"
)

const origin, rpid = "https://clinic-7.example.org:8443", "clinic-7.example.org"

func start() time.Time { return time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC) }

func relying(t *testing.T) *Relying {
	t.Helper()
	r, err := New(Options{Name: rpid, Display: "Clinic 7", Origins: []string{origin}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func authenticator(t *testing.T) *passkeytest.Authenticator {
	t.Helper()
	a, err := passkeytest.New(origin, rpid)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// registered is a person with a key.
func registered(t *testing.T, r *Relying, a *passkeytest.Authenticator) Person {
	t.Helper()
	p := Person{ID: edge.NewID(), Login: "mira", Name: "Mira Hassan"}
	b, err := r.BeginRegister(p, start())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := a.Register(b.Options)
	if err != nil {
		t.Fatal(err)
	}
	k, err := r.FinishRegister(p, b.Ceremony, answer, start())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.FinishRegister(p, b.Ceremony, answer, start()); !edge.IsKind(err, edge.Denied) {
		t.Errorf("the same answer registered twice: %v", err)
	}
	p.Keys = []Key{k}
	return p
}

func finder(people ...Person) func(edge.ID) (Person, error) {
	return func(id edge.ID) (Person, error) {
		for _, p := range people {
			if p.ID == id {
				return p, nil
			}
		}
		return Person{}, nil
	}
}

func signIn(t *testing.T, r *Relying, a *passkeytest.Authenticator, find func(edge.ID) (Person, error)) (Person, Key, error) {
	t.Helper()
	b, err := r.BeginSignIn(start())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := a.SignIn(b.Options)
	if err != nil {
		t.Fatal(err)
	}
	return r.FinishSignIn(b.Ceremony, answer, find, start())
}

func TestRegisterAndSignIn(t *testing.T) {
	r, a := relying(t), authenticator(t)
	p := registered(t, r, a)
	for i := range 3 {
		who, k, err := signIn(t, r, a, finder(p))
		if err != nil || who.ID != p.ID || k.Count <= p.Keys[0].Count {
			t.Fatalf("sign-in %d: %v, key %+v", i, err, k)
		}
		p.Keys[0] = k
	}
}

func TestAnAnswerServesOnce(t *testing.T) {
	r, a := relying(t), authenticator(t)
	p := registered(t, r, a)
	b, _ := r.BeginSignIn(start())
	answer, _ := a.SignIn(b.Options)
	if _, _, err := r.FinishSignIn(b.Ceremony, answer, finder(p), start()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.FinishSignIn(b.Ceremony, answer, finder(p), start()); !edge.IsKind(err, edge.Denied) {
		t.Errorf("a replayed answer: %v", err)
	}
	other, _ := r.BeginSignIn(start())
	if _, _, err := r.FinishSignIn(other.Ceremony, answer, finder(p), start()); !edge.IsKind(err, edge.Denied) {
		t.Errorf("an answer to another challenge: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	for name, f := range map[string]func(r *Relying, a *passkeytest.Authenticator, p *Person){
		"a page of another origin": func(_ *Relying, a *passkeytest.Authenticator, _ *Person) { a.Origin = "https://clinic-7.example.com" },
		"another site's key":       func(_ *Relying, a *passkeytest.Authenticator, _ *Person) { a.RPID = "example.org" },
		"a key nobody unlocked":    func(_ *Relying, a *passkeytest.Authenticator, _ *Person) { a.Unlocked = false },
		"a counter that fell back": func(_ *Relying, a *passkeytest.Authenticator, p *Person) { p.Keys[0].Count = 1000 },
		"a counter that stands":    func(_ *Relying, a *passkeytest.Authenticator, p *Person) { p.Keys[0].Count = a.Count },
		"a person without keys":    func(_ *Relying, _ *passkeytest.Authenticator, p *Person) { p.Keys = nil },
		"nobody's handle":          func(_ *Relying, a *passkeytest.Authenticator, _ *Person) { a.Handle = make([]byte, 16) },
		"a handle of no form":      func(_ *Relying, a *passkeytest.Authenticator, _ *Person) { a.Handle = []byte("mira") },
		"another key": func(_ *Relying, a *passkeytest.Authenticator, p *Person) {
			p.Keys[0].Public = append([]byte{}, p.Keys[0].Public...)
			p.Keys[0].Public[40] ^= 1
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, a := relying(t), authenticator(t)
			p := registered(t, r, a)
			f(r, a, &p)
			if _, _, err := signIn(t, r, a, finder(p)); !edge.IsKind(err, edge.Denied) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// An authenticator that does not count is not taken for a copied one.
func TestNoCounter(t *testing.T) {
	r, a := relying(t), authenticator(t)
	a.Still = true
	p := registered(t, r, a)
	for range 2 {
		if _, k, err := signIn(t, r, a, finder(p)); err != nil || k.Count != 0 {
			t.Fatalf("%v, count %d", err, k.Count)
		}
	}
}

func TestCeremonies(t *testing.T) {
	r, a := relying(t), authenticator(t)
	p := registered(t, r, a)
	b, _ := r.BeginSignIn(start())
	answer, _ := a.SignIn(b.Options)
	reg, _ := r.BeginRegister(p, start())
	for name, ceremony := range map[string]string{"none": "", "another purpose": reg.Ceremony, "changed": "B" + b.Ceremony[1:], "cut": b.Ceremony[:len(b.Ceremony)-1], "of another process": func() string { o, _ := relying(t).BeginSignIn(start()); return o.Ceremony }()} {
		if _, _, err := r.FinishSignIn(ceremony, answer, finder(p), start()); !edge.IsKind(err, edge.Denied) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := r.FinishSignIn(b.Ceremony, answer, finder(p), start().Add(Life)); !edge.IsKind(err, edge.Denied) {
		t.Errorf("after its time: %v", err)
	}
	if _, _, err := r.FinishSignIn(b.Ceremony, answer, finder(p), start()); err != nil {
		t.Errorf("a ceremony must survive wrong answers of others: %v", err)
	}
}

func TestSpentIsBounded(t *testing.T) {
	s, now := newSealer(), start()
	for i := range maxSpent {
		if err := s.spend(strings.Repeat("x", i), now); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.spend("one more", now); !edge.IsKind(err, edge.Exhausted) {
		t.Errorf("got %v", err)
	}
	if err := s.spend("one more", now.Add(Life+2*time.Minute)); err != nil || len(s.spent) != 1 {
		t.Errorf("%v, %d kept", err, len(s.spent))
	}
}

func TestNames(t *testing.T) {
	for _, bad := range []string{"", "192.168.1.7", "::1", "[::1]", "https://clinic-7.example.org", "clinic-7.example.org:8443", "clinic 7", strings.Repeat("a", 300)} {
		if _, err := New(Options{Name: bad, Origins: []string{origin}}); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, origins := range [][]string{nil, {"http://clinic-7.example.org"}, make([]string, maxOrigins+1)} {
		if _, err := New(Options{Name: rpid, Origins: origins}); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%q: %v", origins, err)
		}
	}
	if _, err := New(Options{Name: "localhost", Origins: []string{"http://localhost:8080"}}); err != nil {
		t.Error(err)
	}
}

func FuzzFinishSignIn(f *testing.F) {
	r, err := New(Options{Name: rpid, Origins: []string{origin}})
	if err != nil {
		f.Fatal(err)
	}
	b, _ := r.BeginSignIn(start())
	a, _ := passkeytest.New(origin, rpid)
	answer, _ := a.SignIn(b.Options)
	f.Add(b.Ceremony, answer)
	f.Add("", []byte("{}"))
	f.Fuzz(func(t *testing.T, ceremony string, answer []byte) {
		for _, c := range []string{ceremony, b.Ceremony} {
			if _, _, err := r.FinishSignIn(c, answer, finder(), start()); !edge.IsKind(err, edge.Denied) && !edge.IsKind(err, edge.Invalid) {
				t.Errorf("got %v", err)
			}
		}
	})
}

func FuzzFinishRegister(f *testing.F) {
	r, err := New(Options{Name: rpid, Origins: []string{origin}})
	if err != nil {
		f.Fatal(err)
	}
	p := Person{ID: edge.NewID(), Login: "mira"}
	b, _ := r.BeginRegister(p, start())
	f.Add([]byte(`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"oA"}}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if _, err := r.FinishRegister(p, b.Ceremony, answer, start()); !edge.IsKind(err, edge.Denied) && !edge.IsKind(err, edge.Invalid) {
			t.Errorf("got %v", err)
		}
	})
}
