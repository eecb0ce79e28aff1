package edge

import (
	"errors"
	"fmt"
	"testing"
)

func TestPanicked(t *testing.T) {
	says := func(f func()) (text string) {
		defer func() { text = Panicked(recover()) }()
		f()
		return ""
	}
	var list []int
	var nobody *Error
	for want, f := range map[string]func(){
		"a value of type string":                                           func() { panic("amina@example.org is there twice") },
		"a value of type *fmt.wrapError":                                   func() { panic(fmt.Errorf("amina: %w", errors.New("secret"))) },
		"runtime error: index out of range [3] with length 0":              func() { list[len("abc")]++ },
		"runtime error: invalid memory address or nil pointer dereference": func() { nobody.Msg = "" },
		"interface conversion: interface {} is string, not int":            func() { _ = any("amina").(int) },
		"runtime error: hash of unhashable type []int":                     func() { _ = map[any]bool{list: true} },
	} {
		if got := says(f); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
