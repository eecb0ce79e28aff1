package oidc

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"github.com/aielon/edge/node/edge"
)

//go:embed page.css words.json
var files embed.FS

// pageFile is the style of the page, and its words in every language.
type pageFile struct {
	style   markup
	hash    string // of the style, for the Content-Security-Policy
	words   []words
	matcher language.Matcher
}

// words are the page in one language.
type words struct {
	Language string            `json:"language"`
	RTL      bool              `json:"rtl"`
	Title    string            `json:"title"`
	Asks     string            `json:"asks"` // %client
	As       string            `json:"as"`   // %login
	May      string            `json:"may"`
	Back     string            `json:"back"` // %back
	Allow    string            `json:"allow"`
	Deny     string            `json:"deny"`
	Revoke   string            `json:"revoke"`
	Failed   string            `json:"failed"`
	Again    string            `json:"again"`
	Scopes   map[string]string `json:"scopes"`
	Levels   map[string]string `json:"levels"`
	Verbs    map[string]string `json:"verbs"`
	All      string            `json:"all"`
	Only     string            `json:"only"`
	Use      string            `json:"use"` // a permission by its name, in languages the permissions are not described in
}

func readPage() (*pageFile, error) {
	css, err := files.ReadFile("page.css")
	if err != nil {
		return nil, edge.E(edge.Internal, "the consent page has no style: %w", err)
	}
	sum := sha256.Sum256(css)
	f := &pageFile{style: markup(css), hash: base64.StdEncoding.EncodeToString(sum[:])}
	b, err := files.ReadFile("words.json")
	if err == nil {
		err = json.Unmarshal(b, &f.words)
	}
	if err != nil {
		return nil, edge.E(edge.Internal, "the words of the consent page cannot be read: %w", err)
	}
	var tags []language.Tag
	for _, w := range f.words {
		tags = append(tags, language.Make(w.Language))
	}
	f.matcher = language.NewMatcher(tags)
	return f, nil
}

func (f *pageFile) languages() (list []string) {
	for _, w := range f.words {
		list = append(list, w.Language)
	}
	return list
}

// in chooses the language a browser wants.
func (f *pageFile) in(r *http.Request) words {
	want, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil {
		return f.words[0]
	}
	_, i, _ := f.matcher.Match(want...)
	return f.words[i]
}

// A view is what the page shows.
type view struct {
	words
	site           string
	action, seal   string
	asks, as, back string
	may            []string
	failed         string // instead of all of these
}

func (s *Service) showConsent(w http.ResponseWriter, r *http.Request, k ask) {
	t := s.page.in(r)
	v := view{words: t, site: s.o.SiteName(), action: authorizePath + "/" + k.id, seal: k.seal, asks: strings.ReplaceAll(t.Asks, "%client", isolate(k.client.Name)),
		as: strings.ReplaceAll(t.As, "%login", isolate(k.login)), back: strings.ReplaceAll(t.Back, "%back", isolate(origin(k.redirect)))}
	for _, scope := range k.scopes {
		if text := s.inWords(t, scope); !slices.Contains(v.may, text) {
			v.may = append(v.may, text)
		}
	}
	s.show(w, http.StatusOK, v, "'self' "+origin(k.redirect))
}

// isolate keeps a name in another direction of writing from turning what is around it.
func isolate(s string) string { return "\u2068" + s + "\u2069" }

// origin is scheme and host of an address. Browsers hold form-action against where the answer to a form leads to, too.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	if strings.Contains(u.Host, "[") { // a policy has no words for it
		return u.Scheme + ":"
	}
	return u.Scheme + "://" + u.Host
}

// showRefusal tells a person of a request that cannot be answered to the client, since it is not known who that is.
func (s *Service) showRefusal(w http.ResponseWriter, r *http.Request, f *fault) {
	s.show(w, f.status, view{words: s.page.in(r), site: s.o.SiteName(), failed: f.Error()}, "'none'")
}

func (s *Service) show(w http.ResponseWriter, status int, v view, actions string) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+s.page.hash+"'; form-action "+actions+"; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.Language)
	h.Set("Vary", "Accept-Language")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if _, err := w.Write([]byte(v.html(s.page.style))); err != nil {
		s.o.Logger.Debug("the consent page was not delivered", "error", err)
	}
}

// html is the whole page.
func (v view) html(style markup) string {
	h, dir := &sheet{}, "ltr"
	if v.RTL {
		dir = "rtl"
	}
	h.raw("<!doctype html>\n")
	h.open("html", attr{"lang", v.Language}, attr{"dir", dir})
	h.raw(`<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">`)
	h.element("title", v.Title+" · "+v.site)
	h.raw("<style>", style, "</style></head>\n<body><main>\n")
	h.element("p", v.site, attr{"class", "site"})
	if v.failed != "" {
		h.element("h1", v.Failed)
		h.element("p", v.Again)
		h.element("p", v.failed, attr{"class", "code"}, attr{"dir", "ltr"})
	} else {
		v.question(h)
	}
	h.raw("</main></body></html>\n")
	return h.b.String()
}

func (v view) question(h *sheet) {
	h.element("h1", v.asks)
	h.element("p", v.as)
	h.element("h2", v.May, attr{"id", "may"})
	h.open("ul", attr{"aria-labelledby", "may"})
	for _, may := range v.may {
		h.element("li", may)
	}
	h.raw("</ul>\n")
	h.element("p", v.back+" "+v.Revoke, attr{"class", "small"})
	h.open("form", attr{"method", "post"}, attr{"action", v.action})
	h.open("input", attr{"type", "hidden"}, attr{"name", "seal"}, attr{"value", v.seal})
	h.element("button", v.Allow, attr{"name", "answer"}, attr{"value", "allow"})
	h.element("button", v.Deny, attr{"name", "answer"}, attr{"value", "deny"}, attr{"class", "quiet"})
	h.raw("</form>\n")
}

// inWords says what a scope lets do.
func (s *Service) inWords(t words, scope string) string {
	if text, ok := t.Scopes[scope]; ok {
		return text
	}
	sm, ok := parseSmart(scope)
	if !ok {
		if text := s.o.Words(scope); text != "" && t.Language == "en" {
			return text
		}
		return strings.ReplaceAll(t.Use, "%name", isolate(scope))
	}
	var verbs []string
	for _, v := range []string{"rs", "c", "u", "d"} {
		if strings.ContainsAny(sm.may, v) {
			verbs = append(verbs, t.Verbs[v])
		}
	}
	what := sm.resource
	if what == "*" {
		what = t.All
	}
	text := strings.Join(verbs, "، ")
	if !t.RTL {
		text = strings.Join(verbs, ", ")
	}
	text += ": " + isolate(what) + " (" + t.Levels[sm.level] + ")"
	if sm.query != "" {
		text += " " + strings.ReplaceAll(t.Only, "%query", isolate(sm.query))
	}
	return text
}
