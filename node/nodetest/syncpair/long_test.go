//go:build fault

package syncpair

const long = true
