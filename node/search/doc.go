// Package search is full-text search over what a node holds: people, devices, audit records, announcements, in
// English, Indonesian, Malay, Urdu and Arabic. It is an inverted index with BM25 ranking in a sealed store, so that
// no word of a document lies readable on the disk.
//
// The index is derived data. It may be thrown away and made again from the state it was made from; Follower keeps
// it up to date from journals. What a caller may not see influences nothing the caller gets: no hit, no count, no
// score, no completion and no correction. For that every kind and class of documents has words and statistics of its own.
//
// See DESIGN.md for how and why.
package search
