package oidc

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

const (
	maxForm   = 32 << 10 // bytes of a request's body
	maxQuery  = 8 << 10  // bytes of a query
	maxParams = 64
	maxText   = 512 // bytes of a state, a nonce, a launch
)

// A form holds parameters: those without a value are left out, and those that came more than once, too (RFC 6749
// section 3.1).
type form map[string]string

// parseForm reads what stands in a query or a body. twice names a parameter that came more than once, where one did.
func parseForm(raw string) (f form, twice string, err error) {
	values, err := url.ParseQuery(raw)
	if err != nil || len(values) > maxParams {
		return nil, "", refuse(invalidRequest, "the parameters cannot be read")
	}
	f = form{}
	for name, all := range values {
		if len(all) > 1 {
			twice = name
			continue
		}
		if all[0] != "" {
			f[name] = all[0]
		}
	}
	return f, twice, nil
}

// readForm reads the body of a request to an endpoint of programs.
func readForm(w http.ResponseWriter, r *http.Request) (form, error) {
	if r.URL.RawQuery != "" {
		return nil, refuse(invalidRequest, "parameters belong in the body, not in the address")
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, refuse(invalidRequest, "the body must be application/x-www-form-urlencoded")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		return nil, refuse(invalidRequest, "the body is too long or did not arrive")
	}
	f, twice, err := parseForm(string(body))
	if err == nil && twice != "" {
		err = refuse(invalidRequest, clip(twice)+" is there more than once")
	}
	return f, err
}

// need returns a fault where a parameter is missing.
func (f form) need(names ...string) error {
	for _, name := range names {
		if f[name] == "" {
			return refuse(invalidRequest, name+" is missing")
		}
	}
	return nil
}

// visible reports whether a text is printable ASCII of no more than n bytes, as state has to be (RFC 6749 appendix A.5).
func visible(s string, n int) bool {
	return len(s) <= n && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7e })
}

// unreserved reports whether a text has only letters, digits and -._~, and a length between two bounds.
func unreserved(s string, least, most int) bool {
	return len(s) >= least && len(s) <= most && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~", r))
	})
}
