// Package edge is the vocabulary of the system: commands, events, records, positions, errors and the
// small interfaces through which the parts of a node meet. It holds no behaviour beyond encoding and
// checking its own values, and imports the standard library only, so that every other package may
// depend on it and it depends on none.
package edge
