// Package api holds what every schema of this project shares: the options by which a method says what it
// needs, and the schemas' own descriptors with their comments.
package api
