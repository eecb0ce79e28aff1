package node

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// exchange makes a request and reads the answer whole.
func exchange(t *testing.T, c *http.Client, method, at, kind, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, at, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

// A whole node: somebody signs in at the door, registers an app, lets it act for them, and the doors take its token for
// what it may and for nothing else.
func TestOAuthAtTheDoor(t *testing.T) {
	b := start(t, smallConfig(t))
	door := "http://" + b.doorAddr.String()
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	const form, js = "application/x-www-form-urlencoded", "application/json"
	code, err := b.SetupCode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if res, body := exchange(t, browser, "POST", door+"/v1/setup", js, `{"code":"`+code+`","login":"mira","password":"purple camel teacup","cookie":true}`); res.StatusCode != 200 {
		t.Fatalf("setup: %d %s", res.StatusCode, body)
	}
	if res, body := exchange(t, &http.Client{}, "POST", door+"/v1/sign-in", js, `{"login":"mira","password":"green camel teacup"}`); res.StatusCode != 401 || !strings.Contains(body, "wrong") {
		t.Errorf("a wrong sign-in: %d %s", res.StatusCode, body)
	}
	res, body := exchange(t, browser, "POST", door+"/v1/oauth/clients", js, `{"name":"Charts","redirectUris":["https://app.example/cb"],"scopes":["devices.read","offline_access"]}`)
	var made struct{ ID string }
	if json.Unmarshal([]byte(body), &made); res.StatusCode != 200 || made.ID == "" {
		t.Fatalf("register: %d %s", res.StatusCode, body)
	}
	res, body = exchange(t, browser, "GET", door+"/.well-known/smart-configuration", "", "")
	if res.StatusCode != 200 || !strings.Contains(body, `"permission-v2"`) || strings.Contains(body, "registration") {
		t.Errorf("smart-configuration: %d %s", res.StatusCode, body)
	}
	const verifier = "a-verifier-that-is-long-enough-for-the-rule-of-43-characters"
	const challenge = "DvT5P1SaaXdTHM2lJjQ8znZXEI9Tegk_t4NFIsNP5TM"
	q := url.Values{"response_type": {"code"}, "client_id": {made.ID}, "redirect_uri": {"https://app.example/cb"}, "scope": {"devices.read"}, "state": {"s"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}}
	res, body = exchange(t, browser, "GET", door+"/oauth/authorize?"+q.Encode(), "", "")
	m := regexp.MustCompile(`action="([^"]+)"[\s\S]*name="seal" value="([^"]+)"`).FindStringSubmatch(body)
	if m == nil {
		t.Fatalf("nobody is asked: %d %s %s", res.StatusCode, res.Header.Get("Location"), body)
	}
	answer := url.Values{"seal": {m[2]}, "answer": {"allow"}}.Encode()
	if res, _ := exchange(t, browser, "POST", door+m[1], form, answer, "Origin", "https://evil.example"); res.StatusCode != 403 {
		t.Errorf("a page of another site says yes: %d", res.StatusCode)
	}
	res, _ = exchange(t, browser, "POST", door+m[1], form, answer, "Origin", door)
	to, err := url.Parse(res.Header.Get("Location"))
	if err != nil || to.Query().Get("code") == "" {
		t.Fatalf("no code: %d %s", res.StatusCode, res.Header.Get("Location"))
	}
	redeem := url.Values{"grant_type": {"authorization_code"}, "client_id": {made.ID}, "code": {to.Query().Get("code")}, "redirect_uri": {"https://app.example/cb"}, "code_verifier": {verifier}}
	res, body = exchange(t, &http.Client{}, "POST", door+"/oauth/token", form, redeem.Encode())
	var token struct {
		Access string `json:"access_token"`
		Scope  string
	}
	if json.Unmarshal([]byte(body), &token); res.StatusCode != 200 || token.Scope != "devices.read" {
		t.Fatalf("token: %d %s", res.StatusCode, body)
	}
	for path, want := range map[string]int{"/v1/devices": 200, "/v1/people": 403} {
		if res, body := exchange(t, &http.Client{}, "GET", door+path, "", "", "Authorization", "Bearer "+token.Access); res.StatusCode != want {
			t.Errorf("%s with the token: %d %s", path, res.StatusCode, body)
		}
	}
	forged := strings.Split(token.Access, ".")
	for name, bad := range map[string]string{"unsigned": "eyJhbGciOiJub25lIn0." + forged[1] + ".", "other key": forged[0] + "." + forged[1] + "." + string(bytes.Repeat([]byte("A"), 128))} {
		if res, _ := exchange(t, &http.Client{}, "GET", door+"/v1/devices", "", "", "Authorization", "Bearer "+bad); res.StatusCode != 401 {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
}
