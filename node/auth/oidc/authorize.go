package oidc

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/edge"
)

// An authRequest is what a client asks a person for (RFC 6749 section 4.1.1).
type authRequest struct {
	edge.Redacted

	client    client
	redirect  string
	state     string
	nonce     string
	challenge string // base64url(SHA-256) of the client's verifier
	scopes    []string
	prompt    string        // "", none, login
	age       time.Duration // how old the proof of the person may be; negative: any
	launch    string
	key       string // thumbprint of the key the code is bound to, may be empty
}

// readAuthRequest reads a request. Where sure is false it is not known who asks, or not where they may be told, and no
// browser must be sent anywhere.
func (s *Service) readAuthRequest(v edge.View, raw string) (q authRequest, sure bool, err error) {
	if len(raw) > maxQuery {
		return q, false, refuse(invalidRequest, "the request is too long")
	}
	f, twice, err := parseForm(raw)
	if err != nil {
		return q, false, err
	}
	if q.client, err = clientOf(v, f["client_id"]); edge.IsKind(err, edge.NotFound) {
		return q, false, refuse(invalidRequest, "there is no such client")
	} else if err != nil {
		return q, false, err
	}
	if !q.client.returnsTo(f["redirect_uri"]) {
		return q, false, refuse(invalidRequest, "the client is not registered for this redirect_uri")
	}
	q.redirect = f["redirect_uri"]
	if visible(f["state"], maxText) {
		q.state = f["state"]
	}
	if twice != "" {
		return q, true, refuse(invalidRequest, clip(twice)+" is there more than once")
	}
	return q, true, s.fill(&q, f)
}

// returnsTo reports whether browsers may be sent to an address for a client: letter by letter one of those it registered,
// or one of a native program with any port put in (RFC 8252 section 7.3).
func (c client) returnsTo(address string) bool {
	if address == "" {
		return false
	}
	if slices.Contains(c.Redirects, address) {
		return true
	}
	return c.Native && slices.ContainsFunc(c.Redirects, func(r string) bool { return anyPort(r, address) })
}

// anyPort reports whether address is registered, which has no port, with a port put in.
func anyPort(registered, address string) bool {
	u, err := url.Parse(registered)
	if err != nil || u.Scheme != "http" || u.Port() != "" || !loopback(u.Hostname()) {
		return false
	}
	head := "http://" + u.Host
	port, ok := strings.CutPrefix(address, head+":")
	if !ok {
		return false
	}
	port, ok = strings.CutSuffix(port, strings.TrimPrefix(registered, head))
	n, err := strconv.ParseUint(port, 10, 16)
	return ok && err == nil && n > 0 && strconv.FormatUint(n, 10) == port
}

// fill reads what a known client asks for.
func (s *Service) fill(q *authRequest, f form) (err error) {
	if f["state"] != q.state || !visible(f["nonce"], maxText) || !visible(f["launch"], maxText) {
		return refuse(invalidRequest, "state, nonce and launch are up to "+strconv.Itoa(maxText)+" printable ASCII characters")
	}
	q.nonce, q.launch = f["nonce"], f["launch"]
	for _, name := range []string{"request", "request_uri", "registration"} {
		if f[name] != "" {
			return refuse(name+"_not_supported", name+" is not taken here")
		}
	}
	if f["response_type"] != "code" {
		if err := f.need("response_type"); err != nil {
			return err
		}
		return refuse(wrongResponse, "the one response_type is code")
	}
	if m := f["response_mode"]; m != "" && m != "query" {
		return refuse(invalidRequest, "the one response_mode is query")
	}
	if q.challenge = f["code_challenge"]; f["code_challenge_method"] != "S256" || !unreserved(q.challenge, 43, 43) {
		return refuse(invalidRequest, "PKCE is needed: code_challenge with the code_challenge_method S256")
	}
	if q.key = f["dpop_jkt"]; q.key != "" && !unreserved(q.key, 43, 43) {
		return refuse(invalidRequest, "dpop_jkt is not the thumbprint of a key")
	}
	if err := s.forUs(f); err != nil {
		return err
	}
	if q.scopes, err = q.client.mayAsk(f["scope"]); err != nil {
		return err
	}
	return q.fillPrompt(f)
}

// forUs refuses requests for tokens of another server (SMART's aud, RFC 8707's resource).
func (s *Service) forUs(f form) error {
	for name, code := range map[string]string{"aud": invalidRequest, "resource": invalidTarget} {
		if to := strings.TrimSuffix(f[name], "/"); to != "" && to != s.o.Issuer && to != s.o.Issuer+s.o.FHIR {
			return refuse(code, name+" is not this server")
		}
	}
	return nil
}

func (q *authRequest) fillPrompt(f form) error {
	q.age = -1
	if text := f["max_age"]; text != "" {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return refuse(invalidRequest, "max_age is a number of seconds")
		}
		q.age = time.Duration(n) * time.Second
	}
	list := strings.Fields(f["prompt"])
	for _, p := range list {
		switch p {
		case "none":
			if q.prompt = p; len(list) > 1 {
				return refuse(invalidRequest, "the prompt none stands alone")
			}
		case "login", "select_account":
			q.prompt = "login"
		case "consent": // always
		default:
			return refuse(invalidRequest, "the prompt "+clip(p)+" is not known")
		}
	}
	return nil
}

// mayAsk returns the scopes of a request once each. It refuses those the client is not registered for, and asking for
// none.
func (c client) mayAsk(scopes string) (list []string, err error) {
	list = strings.Fields(scopes)
	if len(list) == 0 || len(list) > maxScopes {
		return nil, refuse(invalidScope, "ask for 1 to "+strconv.Itoa(maxScopes)+" scopes")
	}
	for _, scope := range list {
		if !allows(c.Scopes, scope) {
			return nil, refuse(invalidScope, "this client may not ask for "+clip(scope))
		}
	}
	return distinct(list), nil
}

func distinct(list []string) (out []string) {
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// serveAuthorize is the person's part of an authorization: sign in, then be asked.
func (s *Service) serveAuthorize(w http.ResponseWriter, r *http.Request) {
	raw, given := cutJourney(r.URL.RawQuery)
	var q authRequest
	sure := false
	err := s.o.View(func(v edge.View) (err error) { q, sure, err = s.readAuthRequest(v, raw); return err })
	if err == nil {
		err = s.begin(w, r, q, raw, s.readJourney(given, raw))
	}
	switch {
	case err == nil:
	case sure:
		s.sendBack(w, r, q, "", err)
	default:
		s.showRefusal(w, r, s.failed(r.Context(), authorizePath, "", err))
	}
}

// begin sends a person to sign in, or asks them.
func (s *Service) begin(w http.ResponseWriter, r *http.Request, q authRequest, raw string, j journey) error {
	who := s.person(r)
	if !who.Proven() || q.stale(who, j, s.o.Now()) {
		return s.sendToSignIn(w, r, q, raw, j)
	}
	if q.prompt == "none" {
		return refuse(consentRequired, "the person has to be asked")
	}
	return s.present(w, r, q, who)
}

// person is who is signed in in the browser, if it is a person with all their rights.
func (s *Service) person(r *http.Request) auth.Caller {
	who, err := s.o.Person(r)
	if err != nil || who.Kind != edge.Person || who.Scopes != nil {
		return auth.Caller{}
	}
	return who
}

// stale reports whether the client wants a younger proof than there is. One made on this very journey is young enough.
func (q authRequest) stale(who auth.Caller, j journey, now time.Time) bool {
	if j.sent > 0 && !who.Since.Before(j.began) {
		return false
	}
	return q.prompt == "login" || q.age >= 0 && now.Sub(who.Since) > q.age
}

// mostSent bounds how often one request sends a person to sign in.
const mostSent = 3

// sendToSignIn has the portal sign the person in. The browser comes back with the whole request, so that strangers leave
// nothing behind here.
func (s *Service) sendToSignIn(w http.ResponseWriter, r *http.Request, q authRequest, raw string, j journey) error {
	if q.prompt == "none" || j.sent >= mostSent {
		return refuse(loginRequired, "nobody is signed in")
	}
	if j.sent == 0 {
		j.began = s.o.Now()
	}
	j.sent++
	text, err := s.writeJourney(j, raw)
	if err != nil {
		return err
	}
	to := "/sign-in?next=" + url.QueryEscape(authorizePath+"?"+raw+journeyParam+text)
	if len(to) > maxQuery-100 { // as long as an address may be, less the host
		return refuse(invalidRequest, "the request is too long")
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// journeyParam stands at the end of a request that comes back from signing in.
const journeyParam = "&journey="

func cutJourney(query string) (raw, journey string) {
	if i := strings.LastIndex(query, journeyParam); i >= 0 && !strings.Contains(query[i+1:], "&") {
		return query[:i], query[i+len(journeyParam):]
	}
	return query, ""
}

// sendBack sends the browser back to the client with a code, or with what went wrong. iss tells the client whose answer
// it is (RFC 9207).
func (s *Service) sendBack(w http.ResponseWriter, r *http.Request, q authRequest, code string, err error) {
	answer := url.Values{"iss": {s.o.Issuer}}
	if q.state != "" {
		answer.Set("state", q.state)
	}
	if err != nil {
		f := s.failed(r.Context(), authorizePath, q.client.ID.String(), err)
		answer.Set("error", f.code)
		answer.Set("error_description", f.text)
	} else {
		answer.Set("code", code)
	}
	mark := "?"
	if strings.Contains(q.redirect, "?") {
		mark = "&"
	}
	w.Header().Set("Location", q.redirect+mark+answer.Encode())
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusSeeOther) // never 307, by which a browser would send a form on (RFC 9700 section 4.12)
}
