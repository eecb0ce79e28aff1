// Package badgerstore keeps a hub's streams in node/state: one box, no other program.
//
// Keys:
//
//	hs/<origin>/<name>                        the stream and its cursor
//	hf/<origin>/<name>/<epoch>                how an epoch began
//	h/<origin>/<name>/<epoch><last seq>       a block of records, or a declared gap
//	hp/<origin>/<name>/<epoch><last seq><n>   parts 1, 2, ... of a block too long for one value
//	hr/<site>/<kind>/<key>                    a row
//
// Epochs and sequence numbers are 8 bytes, big endian. All that an Append brings is one write of the
// store's group committer, so data and cursor are durable together or not at all.
package badgerstore
