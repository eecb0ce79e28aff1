// Package object moves large objects over a link, from the store of blobs of one side to that of the other:
// a Sender and a Receiver, used by nodes and hubs alike in both directions. The package knows nothing of
// who may have what, when, and how fast: its callers do.
//
// OBJECT offers, HAVE says what is on the receiver's disk already, CHUNK frames bring the rest in runs of
// their own, HAVE with Done ends it. A transfer that is cut goes on from HAVE in the next session.
package object
