package oidc

import (
	"github.com/go-jose/go-jose/v4"
)

// A metadata document says what this provider can (OpenID Connect Discovery section 3, RFC 8414, RFC 9207, RFC 9449).
type metadata struct {
	Issuer            string   `json:"issuer"`
	Authorize         string   `json:"authorization_endpoint"`
	Token             string   `json:"token_endpoint"`
	Userinfo          string   `json:"userinfo_endpoint"`
	Keys              string   `json:"jwks_uri"`
	Revoke            string   `json:"revocation_endpoint"`
	Introspect        string   `json:"introspection_endpoint"`
	Scopes            []string `json:"scopes_supported"`
	ResponseTypes     []string `json:"response_types_supported"`
	ResponseModes     []string `json:"response_modes_supported"`
	GrantTypes        []string `json:"grant_types_supported"`
	Subjects          []string `json:"subject_types_supported"`
	IDAlgs            []string `json:"id_token_signing_alg_values_supported"`
	Proofs            []string `json:"token_endpoint_auth_methods_supported"`
	ProofAlgs         []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	RevokeProofs      []string `json:"revocation_endpoint_auth_methods_supported"`
	RevokeAlgs        []string `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	IntrospectProofs  []string `json:"introspection_endpoint_auth_methods_supported"`
	IntrospectAlgs    []string `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	Challenges        []string `json:"code_challenge_methods_supported"`
	DPoPAlgs          []string `json:"dpop_signing_alg_values_supported"`
	Claims            []string `json:"claims_supported"`
	Prompts           []string `json:"prompt_values_supported"`
	Languages         []string `json:"ui_locales_supported"`
	SaysIssuer        bool     `json:"authorization_response_iss_parameter_supported"`
	TakesRequest      bool     `json:"request_parameter_supported"`
	TakesRequestURI   bool     `json:"request_uri_parameter_supported"` // true where it is left out
	TakesClaims       bool     `json:"claims_parameter_supported"`
	ServiceDocsOnNode string   `json:"service_documentation"`
}

func (s *Service) metadata() any {
	at := s.o.Issuer
	proofs, algs := []string{"private_key_jwt", "none"}, names(assertionAlgs())
	return metadata{Issuer: at, Authorize: at + authorizePath, Token: at + tokenPath, Userinfo: at + userinfoPath, Keys: at + keysPath, Revoke: at + revokePath, Introspect: at + introspectPath,
		Scopes: s.scopesSupported(), ResponseTypes: []string{"code"}, ResponseModes: []string{"query"}, GrantTypes: grantTypes(), Subjects: []string{"public"}, IDAlgs: []string{string(jose.ES384)},
		Proofs: proofs, ProofAlgs: algs, RevokeProofs: proofs, RevokeAlgs: algs, IntrospectProofs: proofs[:1], IntrospectAlgs: algs, Challenges: []string{"S256"}, DPoPAlgs: names(dpopAlgs()),
		Claims: []string{"iss", "sub", "aud", "iat", "exp", "auth_time", "nonce", "fhirUser"}, Prompts: []string{"none", "login", "consent", "select_account"}, Languages: s.page.languages(),
		SaysIssuer: true, ServiceDocsOnNode: at + "/docs"}
}

// scopesSupported are the scopes by name; of SMART's, which are without number, some of the widest.
func (s *Service) scopesSupported() []string {
	list := append(plainScopes(), s.o.Names...)
	if s.o.Launch != nil {
		list = append(list, "patient/*.rs")
	}
	return append(list, "user/*.cruds", "system/*.cruds")
}

// smartMetadata is what SMART apps look for (app-launch section "Conformance").
type smartMetadata struct {
	Issuer        string   `json:"issuer"`
	Keys          string   `json:"jwks_uri"`
	Authorize     string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	Proofs        []string `json:"token_endpoint_auth_methods_supported"`
	ProofAlgs     []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	GrantTypes    []string `json:"grant_types_supported"`
	Scopes        []string `json:"scopes_supported"`
	ResponseTypes []string `json:"response_types_supported"`
	Introspect    string   `json:"introspection_endpoint"`
	Revoke        string   `json:"revocation_endpoint"`
	Challenges    []string `json:"code_challenge_methods_supported"`
	Capabilities  []string `json:"capabilities"`
}

// smart lists what holds here and nothing more: patients can be worked with only where there are some.
func (s *Service) smart() any {
	m := s.metadata().(metadata)
	can := []string{"client-public", "client-confidential-asymmetric", "permission-offline", "permission-user", "permission-v1", "permission-v2", "sso-openid-connect"}
	if s.o.Launch != nil {
		can = append(can, "launch-standalone", "launch-ehr", "context-standalone-patient", "context-ehr-patient", "permission-patient")
	}
	return smartMetadata{Issuer: m.Issuer, Keys: m.Keys, Authorize: m.Authorize, Token: m.Token, Proofs: m.Proofs[:1], ProofAlgs: m.ProofAlgs, GrantTypes: m.GrantTypes, Scopes: m.Scopes,
		ResponseTypes: m.ResponseTypes, Introspect: m.Introspect, Revoke: m.Revoke, Challenges: m.Challenges, Capabilities: can}
}

func names(algs []jose.SignatureAlgorithm) (list []string) {
	for _, a := range algs {
		list = append(list, string(a))
	}
	return list
}
