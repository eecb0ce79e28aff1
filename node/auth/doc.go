// Package auth says who is asking: callers and what proves them.
package auth
