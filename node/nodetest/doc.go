// Package nodetest tests whole nodes inside one process. What needs processes of their own, killed and
// stopped from outside, is in package e2e.
package nodetest
