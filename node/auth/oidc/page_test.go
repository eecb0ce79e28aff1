package oidc

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"github.com/aielon/edge/node/api/oauthv1"
)

// Whatever names, logins and scopes hold, the page has the same elements: a parser of others, as browsers have it, finds
// all of it to be text.
func TestPageIsTextOnly(t *testing.T) {
	w := newWorld(t, 1)
	p := w.nodes[0].Service.page
	plainPage := view{words: p.words[0], site: "s", action: "a", seal: "b", asks: "c", as: "d", back: "e", may: []string{"f"}}
	want, _ := elements(t, plainPage.html(p.style))
	rapid.Check(t, func(r *rapid.T) {
		any := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{`"><script>alert(1)</script>`, `' onfocus=x autofocus '`, "</title><img src=x onerror=y>", "{{.}}", "<!--", "\x00<b>", "&#60;b&#62;", "javascript:alert(1)"}))
		v := view{words: p.words[rapid.IntRange(0, len(p.words)-1).Draw(r, "language")], site: any.Draw(r, "site"), action: any.Draw(r, "action"), seal: any.Draw(r, "seal"),
			asks: any.Draw(r, "asks"), as: any.Draw(r, "as"), back: any.Draw(r, "back"), may: []string{any.Draw(r, "may")}}
		got, texts := elements(t, v.html(p.style))
		if !slices.Equal(got, want) {
			r.Fatalf("%v became %v", want, got)
		}
		if clean := strings.TrimSpace(v.may[0]); clean != "" && !strings.ContainsAny(clean, "\x00\r\ufffd") && strings.ToValidUTF8(clean, "") == clean && !strings.Contains(texts, clean) {
			r.Fatalf("%q is not shown in %q", clean, texts)
		}
	})
}

// elements are the names of a page's elements and attributes in order, and its texts.
func elements(t *testing.T, page string) (names []string, texts string) {
	t.Helper()
	z := html.NewTokenizer(strings.NewReader(page))
	for z.Next() != html.ErrorToken {
		k := z.Token()
		switch k.Type {
		case html.TextToken:
			texts += k.Data
		case html.StartTagToken, html.EndTagToken, html.CommentToken, html.SelfClosingTagToken:
			names = append(names, k.Type.String()+" "+k.Data)
			for _, a := range k.Attr {
				names = append(names, a.Key)
			}
		}
	}
	return names, texts
}

// Every language has every word.
func TestWords(t *testing.T) {
	p, err := readPage()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range p.words {
		for _, text := range []string{w.Title, w.Asks, w.As, w.May, w.Back, w.Allow, w.Deny, w.Revoke, w.Failed, w.Again, w.All, w.Only, w.Use} {
			if text == "" {
				t.Errorf("%s: a word is missing", w.Language)
			}
		}
		for _, scope := range plainScopes() {
			if w.Scopes[scope] == "" {
				t.Errorf("%s: nothing is said of %s", w.Language, scope)
			}
		}
		if len(w.Levels) != 3 || len(w.Verbs) != 4 || !strings.Contains(w.Asks, "%client") || !strings.Contains(w.As, "%login") || !strings.Contains(w.Back, "%back") {
			t.Errorf("%s is not whole", w.Language)
		}
	}
	for header, want := range map[string]string{"ar": "ar", "ur-PK,en;q=0.5": "ur", "id": "id", "ms-MY": "ms", "fr": "en", "": "en", "=;;": "en"} {
		r := &http.Request{Header: http.Header{"Accept-Language": {header}}}
		if got := p.in(r).Language; got != want {
			t.Errorf("%q: %s", header, got)
		}
	}
}

// What the provider says of itself is so.
func TestDescriptions(t *testing.T) {
	w := newWorld(t, 1)
	b := w.nodes[0]
	discovery := get(t, http.DefaultClient, b.door.URL+discoveryPath)
	if other := get(t, http.DefaultClient, b.door.URL+metadataPath); other.body != discovery.body {
		t.Error("the two descriptions differ")
	}
	said := discovery.json()
	if said["issuer"] != b.door.URL || said["request_uri_parameter_supported"] != false || said["authorization_response_iss_parameter_supported"] != true || strings.Contains(discovery.body, "registration_endpoint") {
		t.Errorf("%s", discovery.body)
	}
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "revocation_endpoint", "introspection_endpoint"} {
		at, _ := said[name].(string)
		if got := do(t, http.DefaultClient, request(at, "", "application/x-www-form-urlencoded")); got.StatusCode == http.StatusNotFound {
			t.Errorf("%s is not there", name)
		}
	}
	for _, list := range []string{"token_endpoint_auth_signing_alg_values_supported", "dpop_signing_alg_values_supported", "id_token_signing_alg_values_supported"} {
		for _, alg := range said[list].([]any) {
			if s := alg.(string); s == "none" || strings.HasPrefix(s, "HS") {
				t.Errorf("%s: %s", list, s)
			}
		}
	}
	smart := get(t, http.DefaultClient, b.door.URL+smartPath).body
	for _, can := range []string{"launch-ehr", "launch-standalone", "client-public", "client-confidential-asymmetric", "permission-v2", "S256"} {
		if !strings.Contains(smart, can) {
			t.Errorf("SMART apps are not told of %s", can)
		}
	}
	b.o.Launch = nil
	if got := get(t, http.DefaultClient, b.door.URL+smartPath).body; strings.Contains(got, "patient") && strings.Contains(got, "context-") || strings.Contains(got, "launch-ehr") {
		t.Errorf("a site without patients promises them: %s", got)
	}
	w.app(&oauthv1.RegisterClientRequest{Name: "SMART", RedirectUris: []string{callback}, Scopes: []string{"launch", "launch/patient", "openid", "fhirUser", "offline_access", "patient/*.rs", "system/*.*"}})
}
