// Package wire is the language a node and its hub speak: AES/1, the AiElon Edge Sync protocol. It holds
// the frames and their byte-exact codec, the packing and checking of batches of records, and one Link
// over either of two transports: a QUIC connection, or two TLS connections where UDP is blocked. It
// keeps no state of any stream; the uplink and the hub do.
//
// A frame is
//
//	uvarint type | uvarint length | body
//
// Numbers are unsigned varints in their shortest form. The length is checked against the cap of the type
// before anything is allocated. A reader skips an unknown type whose bit 0 is 0 and gives up on one whose
// bit 0 is 1.
package wire
