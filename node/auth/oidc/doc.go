// Package oidc lets programs act for people of a site, or for themselves: an OAuth 2.0 and OpenID Connect provider whose
// state is the site's. DESIGN.md says how.
package oidc
