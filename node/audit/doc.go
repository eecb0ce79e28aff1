// Package audit keeps what was decided, read and changed in a form nobody can rewrite unseen: records in a
// journal, a Merkle tree over the journal, checkpoints of the tree that are signed by the node and cosigned by
// others, and a verification that needs no network. No record, no access.
package audit
