// Package shariah says whether a dealing is permissible, by named, versioned and signed sets of rules that are data.
//
// It is pure: no storage, no clock, no network. Parse reads a Set, Compile makes tables of it, Decide answers for one
// dealing and says which rule of which set spoke and on what facts. The ledger gathers the Facts and keeps sets,
// decisions and reviews. What was read for the built-in set, its rules say themselves; none of it is a fatwa.
package shariah
