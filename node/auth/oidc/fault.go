package oidc

import (
	"errors"
	"net/http"
	"strings"

	"github.com/aielon/edge/node/edge"
)

// Errors of the protocol (RFC 6749 sections 4.1.2.1 and 5.2, RFC 9449 section 5, OpenID Connect Core section 3.1.2.6).
const (
	invalidRequest  = "invalid_request"
	invalidClient   = "invalid_client"
	invalidGrant    = "invalid_grant"
	invalidScope    = "invalid_scope"
	invalidTarget   = "invalid_target"
	invalidProof    = "invalid_dpop_proof"
	invalidToken    = "invalid_token"
	wrongGrantType  = "unsupported_grant_type"
	wrongResponse   = "unsupported_response_type"
	notThisClient   = "unauthorized_client"
	accessDenied    = "access_denied"
	loginRequired   = "login_required"
	consentRequired = "consent_required"
	narrowScope     = "insufficient_scope"
	tryLater        = "temporarily_unavailable"
	serverError     = "server_error"
)

// A fault is a refusal in the words of the protocol.
type fault struct {
	code, text string
	status     int
	cause      error // of ours, for the log; never told
}

// Error implements error.
func (f *fault) Error() string { return f.code + ": " + f.text }

// refuse makes a fault. Of its text nothing is left that a description may not hold (RFC 6749 section 5.2).
func refuse(code, text string) *fault {
	f := &fault{code: code, text: plain(text), status: http.StatusBadRequest}
	switch code {
	case invalidClient, invalidToken:
		f.status = http.StatusUnauthorized
	case narrowScope, accessDenied:
		f.status = http.StatusForbidden
	case tryLater:
		f.status = http.StatusServiceUnavailable
	case serverError:
		f.status = http.StatusInternalServerError
	}
	return f
}

func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
			return '?'
		}
		return r
	}, s)
}

// told turns any error into a fault: what can be mended by waiting is said to be so, and nothing else of how it came.
func told(err error) *fault {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*fault](err); ok {
		return f
	}
	f := refuse(serverError, "this cannot be answered")
	switch edge.KindOf(err) {
	case edge.Unavailable, edge.Exhausted:
		f = refuse(tryLater, "the site cannot decide this just now")
	case edge.Denied, edge.NotFound, edge.Conflict:
		f = refuse(invalidGrant, "this does not count any more")
	}
	f.cause = err
	return f
}
