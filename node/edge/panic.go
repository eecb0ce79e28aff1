package edge

import (
	"fmt"
	"runtime"
)

// Panicked is what may be written down of a value that was recovered from a panic. Faults that Go finds speak of types
// and indices, and are given in full; any other value may hold what somebody sent, and so only its type is. The stack
// says where it was.
func Panicked(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a value of type %T", p)
}
