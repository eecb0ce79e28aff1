package shariah

import _ "embed"

// builtin is the set aaoifi-core/1. A changed rule is a new version beside it, never a change of this one: decisions
// that were recorded name it.
//
//go:embed sets/aaoifi-core-1.json
var builtin []byte

// Builtin returns the set that comes with the program, aaoifi-core/1, as a document for Parse. It needs no signature.
// Its rules name their sources, which are secondary: the texts of AAOIFI are sold, and were not read.
func Builtin() []byte { return append([]byte(nil), builtin...) }
