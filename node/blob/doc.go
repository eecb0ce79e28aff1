// Package blob keeps large immutable values by the SHA-256 of their content: images, models, backups.
//
// A blob is one file, sealed in pieces of 64 KiB. Its name on the disk is a keyed hash of its content's
// hash, so that the disk does not tell who has which known file. Get verifies every piece before it
// gives out a byte of it, and the whole against the name; what was damaged reads as Corrupt. Put returns
// after the fsync. All access goes through os.Root: no name can lead out of the directory.
package blob
