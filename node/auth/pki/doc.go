// Package pki says which machine is which: node keys and their certificates, the certificate authorities
// of a site and of a region, what is trusted and what is revoked, the clock certificates are judged by,
// and the one-time codes by which a machine joins. It makes the TLS configurations every connection
// between machines uses; nothing else in the system decides whether a machine is who it says it is.
//
// A node is its key: its NodeID is the hash of it and outlives every certificate. Certificates are
// short (7 days) and say which site the node belongs to. DESIGN.md has the threat model.
package pki
