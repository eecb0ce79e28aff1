// Package e2e drives the built program from outside: over its sockets, with signals, on disks that fill up
// or lose power, and over lines that fail.
package e2e
