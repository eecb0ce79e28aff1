// Package sim runs a whole site, real nodes with a real log, in virtual time on a network that loses, holds
// and delays what it carries, and checks that the site keeps its promises. It belongs inside a
// testing/synctest bubble: an hour of faults takes milliseconds. DESIGN.md says what it can and cannot show.
package sim
