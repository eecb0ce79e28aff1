// Package registry is the site's list of devices: who they are, what they may publish and read, and what
// proves them. It is commands and queries on the site's state ("d/..."), and an Authenticator that answers
// the broker from a view of that state. Secrets are returned once and kept as hashes.
package registry
