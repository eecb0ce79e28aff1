// Package token makes the secrets that programs and people carry: session and service tokens of 256 random
// bits, and one-time codes that a person can type. Only hashes of them are ever kept.
package token
