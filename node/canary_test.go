package node

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/aielon/edge/node/edge"
)

// A sink is somewhere things end up that others read: operators, collectors, thieves of disks.
type sink struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// canaries are values that must stay where they belong, by what they are.
type canaries map[string]string

// add makes v one. What is short or a usual word is found everywhere, and proves nothing.
func (c canaries) add(t *testing.T, what, v string) string {
	t.Helper()
	if len(v) < 8 {
		t.Fatalf("%s is too short to be recognised: %q", what, v)
	}
	c[what] = v
	return v
}

// in lists those that are in a text as they are, in another case, in base64 or in hex, with what is around them.
func (c canaries) in(text []byte) (found []string) {
	low := bytes.ToLower(text)
	for what, v := range c {
		for _, form := range []string{v, hex.EncodeToString([]byte(v)), strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(v)), "="), strings.ReplaceAll(v, "@", "%40")} {
			if i := bytes.Index(low, []byte(strings.ToLower(form))); i >= 0 {
				found = append(found, fmt.Sprintf("%s: …%q…", what, text[max(0, i-120):min(len(text), i+len(form)+40)]))
				break
			}
		}
	}
	return found
}

// An aviary is a hub and a node with everything that listens to them.
type aviary struct {
	*testing.T
	canaries
	hub, b                       *box
	log, spans, refusals, posted sink
	dirs                         []string
}

// TestNothingPersonalGetsOut uses a node as people and devices do, with values that can be recognised for every name,
// secret and question, and looks for them wherever they do not belong: log lines at debug, figures, spans, health, what
// others are refused with, addresses and headers sent along, files of both nodes and of a backup.
//
// That it can fail is part of it: each sink has to hold something that is known to be there, and a value that is planted
// in each has to be found.
func TestNothingPersonalGetsOut(t *testing.T) {
	a := &aviary{T: t, canaries: canaries{}}
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(&a.spans, r.Body)
		w.Write([]byte("{}"))
	}))
	t.Cleanup(collector.Close)
	cfg, hub := smallConfig(t), hubConfig(t)
	cfg.Telemetry.OTLP = collector.URL
	log := slog.New(slog.NewTextHandler(&a.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a.hub = startLogging(t, hub, log)
	a.b = startLogging(t, cfg, log)
	a.dirs = []string{cfg.DataDir, hub.DataDir}
	a.b.joinTo(a.hub)
	mira := a.people()
	a.devices(mira)
	a.questions(mira)
	a.webhooks(mira)
	a.b.delivered()
	eventually(t, "spans", func() error {
		if !strings.Contains(a.spans.String(), "search.search") {
			return edge.E(edge.NotFound, "no span of a search")
		}
		return nil
	})
	var sinks sinks
	sinks.add("the figures of the node", a.shown(a.b, "/api/metrics"), "aielon_calls_total")
	sinks.add("the figures of the hub", a.shown(a.hub, "/api/metrics"), "aielon_hub_sessions")
	for _, path := range []string{"/readyz", "/healthz", "/api/v1/status"} {
		sinks.add(path, a.shown(a.b, path), "")
	}
	handed := a.handedOver()
	a.backup()
	a.b.stop()
	a.hub.stop()
	sinks.add("the log", a.log.String(), "a call was not served")
	sinks.add("the spans", a.spans.String(), "identity.sign_in")
	sinks.add("refusals", a.refusals.String(), "no such page")
	sinks.add("what webhooks send along", a.posted.String(), "webhook-id")
	a.check(sinks)
	a.checkFiles()
	for _, what := range []string{"name of a device", "topic it may not"} { // of the site's things, which its hub may know
		delete(a.canaries, what)
	}
	sinks = sinks[:0]
	sinks.add("what the hub has of the ledgers", handed, "identity.signed_in")
	a.check(sinks)
}

// sinks are texts by what they are.
type sinks []struct{ name, text, control string }

func (s *sinks) add(name, text, control string) {
	*s = append(*s, struct{ name, text, control string }{name, text, control})
}

func (a *aviary) check(list sinks) {
	for _, s := range list {
		if !strings.Contains(s.text, s.control) || s.text == "" {
			a.Errorf("%s does not hold %q: it is not what it should be\n%.2000s", s.name, s.control, s.text)
		}
		for _, found := range a.in([]byte(s.text)) {
			a.Errorf("%s holds a %s", s.name, found)
		}
		for what, v := range a.canaries {
			if len(a.in([]byte(s.text+" "+v))) == 0 {
				a.Errorf("a planted %s was not found in %s", what, s.name)
			}
		}
	}
}

// checkFiles looks into and at the names of all files, after one was planted that has to be found.
func (a *aviary) checkFiles() {
	planted := filepath.Join(a.dirs[0], "planted")
	if err := os.WriteFile(planted, []byte("x"+a.canaries["password"]), 0o600); err != nil {
		a.Fatal(err)
	}
	files := 0
	for _, dir := range a.dirs {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			files++
			b, err := os.ReadFile(path)
			found := a.in(append([]byte(path), b...))
			if path == planted {
				if len(found) != 1 {
					a.Errorf("what was planted on the disk was not found")
				}
				return err
			}
			for _, f := range found {
				a.Errorf("%s holds a %s", path, f)
			}
			return err
		})
		if err != nil {
			a.Error(err)
		}
	}
	if files < 20 {
		a.Errorf("only %d files", files)
	}
}

func (a *aviary) shown(b *box, path string) string {
	_, text := b.overSocket("GET", path, "")
	return text
}

// handedOver is every record of a ledger that the hub has: what happened to whom by ids, which name nobody there.
func (a *aviary) handedOver() string {
	list, err := a.hub.hub.h.Sources(a.Context())
	if err != nil {
		a.Fatal(err)
	}
	var text strings.Builder
	for _, s := range list {
		if !audited(s) || s.ID().Origin == "site:"+a.hub.cfg.Site {
			continue
		}
		for r, err := range s.Read(a.Context(), edge.Pos{}) {
			if err != nil {
				a.Fatal(err)
			}
			fmt.Fprintf(&text, "%s %s %s %s\n", s.Stream(), r.Type, r.Subject, r.Body)
		}
	}
	return text.String()
}

// refused asks for what has to be refused, and keeps the answer, which strangers read.
func (a *aviary) refused(method, path, token, body string, head ...string) {
	a.Helper()
	code, text := a.b.rest(method, path, token, body, head...)
	if code < 400 {
		a.Errorf("%s %s went well: %d %s", method, path, code, text)
	}
	fmt.Fprintln(&a.refusals, code, text)
}

// people sets the site up and has people prove themselves in every way, well and badly.
func (a *aviary) people() *desk {
	mail, password := a.add(a.T, "mail", "canary.mira@example.org"), a.add(a.T, "password", "canary quiet lantern 71")
	name, phone := a.add(a.T, "name", "Zubaydah Canaryname"), a.add(a.T, "phone", "60123456789012")
	setup, err := a.b.SetupCode(a.Context())
	if err != nil {
		a.Fatal(err)
	}
	a.add(a.T, "set-up code", setup)
	a.refused("POST", "/v1/setup", "", fmt.Sprintf(`{"code":"%s9","login":%q,"password":%q}`, setup, mail, password))
	var in signedIn
	a.b.must("POST", "/v1/setup", "", fmt.Sprintf(`{"code":%q,"login":%q,"display_name":%q,"password":%q}`, setup, mail, name, password), &in)
	mira := &desk{a.b, a.add(a.T, "session", in.Session)}
	wrong := a.add(a.T, "wrong password", "canary wrong guess 72")
	a.refused("POST", "/v1/sign-in", "", fmt.Sprintf(`{"login":%q,"password":%q}`, mail, wrong))
	a.refused("POST", "/v1/sign-in", "", fmt.Sprintf(`{"login":%q,"password":%q}`, a.add(a.T, "login of nobody", "canary.nobody@example.org"), wrong))
	a.refused("POST", "/v1/sign-in", "", `{"login":`+mail+`,"password":"`+password)
	a.refused("POST", "/v1/sign-in", "", fmt.Sprintf(`{"login":%q,"passwort":%q}`, mail, password))
	a.refused("POST", "/v1/sign-in/passkey/finish", "", fmt.Sprintf(`{"ticket":"x","credential":%q}`, a.add(a.T, "passkey id", "canary-passkey-id-73")))
	a.cookie(mail, password)
	a.twoFactor(mira, mail, password)
	var made struct{ ID, Code string }
	mira.do("POST", "/v1/invitations", `{"roles":["member"]}`, &made)
	a.add(a.T, "invitation", made.Code)
	mira.must("POST", "/v1/invitations/accept", "", fmt.Sprintf(`{"code":%q,"login":%q,"display_name":"Omar Canaryname","password":%q}`, made.Code, phone, password), &in)
	omar := a.add(a.T, "session of a member", in.Session)
	a.refused("GET", "/v1/people", omar, "")
	a.refused("GET", "/v1/people/"+mail, omar, "")
	a.refused("POST", "/v1/invitations/accept", "", fmt.Sprintf(`{"code":%q,"login":%q,"password":%q}`, made.Code, phone, password))
	a.tokens(mira)
	return mira
}

// cookie signs in as a browser does.
func (a *aviary) cookie(mail, password string) {
	r, err := http.NewRequestWithContext(a.Context(), "POST", "http://"+a.b.DoorAddr()+"/v1/sign-in", strings.NewReader(fmt.Sprintf(`{"login":%q,"password":%q,"cookie":true}`, mail, password)))
	if err != nil {
		a.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", a.add(a.T, "browser", "canary-browser/74"))
	r.Header.Set("Referer", "http://127.0.0.1/"+a.add(a.T, "page before", "canary-page-75"))
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		a.Fatal(err)
	}
	res.Body.Close()
	fmt.Fprintln(&a.refusals, "location:", res.Header.Get("Location"))
	if len(res.Cookies()) == 0 {
		a.Fatalf("no cookie came: %d", res.StatusCode)
	}
	for i, c := range res.Cookies() {
		a.add(a.T, fmt.Sprintf("cookie %d", i), c.Value)
		a.refused("GET", "/v1/people/nobody", "", "", "Cookie", c.Name+"="+c.Value[:len(c.Value)-1]+"x")
	}
}

func (a *aviary) twoFactor(mira *desk, mail, password string) {
	var totp struct{ Secret, URI string }
	mira.do("POST", "/v1/me/totp/begin", `{}`, &totp)
	a.add(a.T, "secret of an authenticator", totp.Secret)
	a.refused("POST", "/v1/me/totp/confirm", mira.session, fmt.Sprintf(`{"code":%q}`, a.add(a.T, "code", "canarycode76")))
	a.refused("POST", "/v1/sign-in", "", fmt.Sprintf(`{"login":%q,"password":"x","code":%q}`, mail, a.add(a.T, "recovery code", "canary-recover-77")))
	a.refused("POST", "/v1/me/password", mira.session, fmt.Sprintf(`{"old":%q,"new":%q}`, password, password))
}

func (a *aviary) tokens(mira *desk) {
	var made struct{ Secret string }
	mira.do("POST", "/v1/tokens", fmt.Sprintf(`{"name":%q,"roles":["operator"]}`, a.add(a.T, "name of a token", "canary token of Zubaydah")), &made)
	a.add(a.T, "token", made.Secret)
	a.b.must("GET", "/v1/devices", made.Secret, "", nil)
	a.refused("GET", "/v1/people", made.Secret, "")
	a.refused("GET", "/v1/devices", a.add(a.T, "made up token", "canary-bearer-78"), "")
	a.refused("GET", "/v1/devices?access_token="+made.Secret, "", "")
}

// devices registers one and has it publish, well and badly.
func (a *aviary) devices(mira *desk) {
	secret := a.add(a.T, "password of a device", "canary-device-pass-79")
	body := fmt.Sprintf(`{"id":"fridge","name":%q,"password":%q,"any_client":true}`, a.add(a.T, "name of a device", "Zubaydah canary's pump"), secret)
	key := a.add(a.T, "idempotency key", "canary-idempotent-80")
	for range 2 {
		if code, text := a.b.rest("POST", "/v1/devices", mira.session, body, "Idempotency-Key", key); code != 200 {
			a.Fatalf("%d %s", code, text)
		}
	}
	a.refused("POST", "/v1/devices", mira.session, body)
	for _, pass := range []string{secret, a.add(a.T, "wrong password of a device", "canary-device-wrong-81")} {
		c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + a.b.MQTTAddr()).SetClientID("fridge-c").SetUsername("fridge").SetPassword(pass).SetAutoReconnect(false).SetConnectTimeout(5 * time.Second))
		if t := c.Connect(); t.Wait() && t.Error() == nil {
			for _, payload := range []string{`{"temperature":4.5,"patient":"` + a.add(a.T, "what a device measured", "canary-patient-82") + `"}`, "\x00\x01" + a.add(a.T, "what cannot be read", "canary-garbled-83")} {
				c.Publish("fridge/state", 1, false, payload).WaitTimeout(5 * time.Second)
			}
			c.Publish("other/"+a.add(a.T, "topic it may not", "canary-topic-84"), 1, false, "x").WaitTimeout(time.Second)
			c.Disconnect(50)
		} else if pass == secret {
			a.Fatal(t.Error())
		}
	}
}

// questions asks at every door, well and badly.
func (a *aviary) questions(mira *desk) {
	q := a.add(a.T, "what was searched", "canaryquery85")
	mira.search(q + " fridge")
	a.refused("GET", "/v1/search?kinds=money&q="+q, mira.session, "")
	a.refused("GET", "/v1/search?q="+q, "", "")
	a.refused("GET", "/v1/people/"+a.add(a.T, "path of a request", "canary-path-86"), "", "")
	a.b.overSocket("GET", "/api/v1/settings/"+a.add(a.T, "name that does not exist", "canary-setting-87"), "")
	a.b.overSocket("PUT", "/api/v1/settings/site.name", `{"value":"`+a.add(a.T, "value of a setting", "canary-value-88")+`"}`)
	for _, query := range []string{`{ search(q: \"%s\") { nobody } }`, `mutation { signIn(login: \"%s\", password: \"%[1]s\") { session } }`, `{ device(id: \"%s\") { id } }`, `{ %s `} {
		v := a.add(a.T, fmt.Sprintf("GraphQL %d", len(query)), fmt.Sprintf("canaryGraph%d", len(query)))
		_, text := a.b.rest("POST", "/graphql", "", fmt.Sprintf(`{"query":"`+query+`"}`, v))
		_, _ = a.b.rest("POST", "/graphql", mira.session, fmt.Sprintf(`{"query":"`+query+`"}`, v))
		_ = text // it tells whoever asked what is wrong in the question
	}
	for _, path := range []string{"/aielon.identity.v1.Identity/SignIn", "/aielon.devices.v1.Devices/GetDevice"} {
		a.refused("POST", path, "", `{"login":"canary.nobody@example.org","password":"canary wrong guess 72"}`, "Connect-Protocol-Version", "1")
	}
	a.refused("GET", "/v1/nothing", "", "")
	fmt.Fprintln(&a.refusals, "no such page")
	mira.do("GET", "/v1/audit/records", "", nil)
	mira.do("GET", "/v1/people", "", nil)
	mira.do("GET", "/v1/sessions", "", nil)
}

// webhooks has events posted to an address that is a secret itself, as chat programs give out, and to one that is not
// there.
func (a *aviary) webhooks(mira *desk) {
	path := "/" + a.add(a.T, "address of a webhook", "canary-hook-path-89")
	var n int
	r := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		a.posted.mu.Lock()
		defer a.posted.mu.Unlock()
		fmt.Fprintf(&a.posted.b, "%v %s\nwebhook-id\n", q.Header, q.Referer())
		if n++; n > 2 {
			http.Redirect(w, q, "http://127.0.0.1:1"+path, http.StatusFound)
		}
	}))
	a.Cleanup(r.Close)
	for _, url := range []string{r.URL + path, "http://127.0.0.1:1" + path} {
		var h hookMade
		mira.do("POST", "/v1/webhooks", fmt.Sprintf(`{"url":%q,"types":["device.*"],"class":"CLASS_SITE_ONLY","allow_private":true,"allow_plain":true}`, url), &h)
		a.add(a.T, "secret of the webhook to "+url[:22], h.Secret)
	}
	for i := range 4 {
		mira.do("POST", "/v1/devices", fmt.Sprintf(`{"id":"scale-%d"}`, i), nil)
	}
	eventually(a.T, "posted events", func() error {
		a.posted.mu.Lock()
		defer a.posted.mu.Unlock()
		if n < 3 {
			return edge.E(edge.NotFound, "%d events were posted", n)
		}
		return nil
	})
}

// backup leaves one beside the data.
func (a *aviary) backup() {
	dir := a.TempDir()
	code, text := a.b.overSocket("POST", "/v1/backup", "")
	if code != 200 || len(text) < 1000 {
		a.Fatalf("%d %.200s", code, text)
	}
	if err := os.WriteFile(filepath.Join(dir, "b.aebk"), []byte(text), 0o600); err != nil {
		a.Fatal(err)
	}
	a.dirs = append(a.dirs, dir)
}
