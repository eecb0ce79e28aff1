// Package lockout slows down guessing without locking anybody out: tries are delayed, per account and per
// address, and a browser that its owner signed in from before has a count of its own. What it answers does not
// depend on whether there is such an account.
package lockout
