// Package pgstore keeps a hub's streams in PostgreSQL, or in an engine that speaks its language, for when
// one box is not enough: several hub processes may share one database.
//
// The site comes first in every primary key, so that the tables can be distributed by it; there are no
// sequences, no foreign keys and no triggers; what a statement touches is named by key. Data and cursor
// move in one transaction under a lock on the stream's row. A transaction the server asks to repeat
// (SQLSTATE 40001, 40P01) is repeated.
package pgstore
