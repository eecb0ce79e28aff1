// Package node puts one node together: it opens the stores, starts the parts in order, restarts those
// that may fail alone, and stops everything in the reverse order. It is the only package that knows
// all others; everything else meets through the interfaces of package edge.
package node
