// Package gateway is the node's one door for people and programs. A registry of methods, read from the schemas,
// stands behind every protocol; each call is proven, held to its limits, decided on and recorded in one place,
// whatever wire it came on. The command line has a socket of its own, open to the node's own user and root.
package gateway
