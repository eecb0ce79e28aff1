// Package device knows the credentials of things: tokens the node makes, passwords people choose for
// things that cannot hold a token, and keys of device certificates. It keeps no state but a small memory
// of passwords just checked; where credentials are stored is its caller's business.
package device
