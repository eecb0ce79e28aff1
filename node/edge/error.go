package edge

import (
	"errors"
	"fmt"
)

// A Kind says what a program may do about an error. The set is closed and its numbers cross the
// wire: add at the end, never reorder.
type Kind uint8

const (
	Internal    Kind = iota // our fault; the operator is told, the user is not bothered with details
	Invalid                 // the request can never succeed as it is; mend it
	NotFound                // what it names does not exist (or may not be known to exist)
	Conflict                // it clashes with the present state; read again, then decide
	Denied                  // whoever asks may not
	Unavailable             // not now; the outcome may be unknown; retry with the same ID
	Exhausted               // a limit or the disk is reached; free something or wait
	Corrupt                 // stored data is not what was written; it was not used
	Refused                 // understood, and a rule of the service forbids it as things are; Code says which
)

var kindNames = [...]string{"internal", "invalid", "not_found", "conflict", "denied", "unavailable", "exhausted", "corrupt", "refused"}

// String returns the name used on the wire and in logs.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// An Error has a Kind the program can act on and a sentence fit for the user.
type Error struct {
	Kind Kind
	Msg  string // what is wrong, in words for the person who asked
	Hint string // what to do next, where we know it
	Code string // what is wrong, for programs, where the kind is not enough: "insufficient_funds"
	Err  error  // what lies beneath, for the operator

	Facts []Fact // what the decision stood on, where the caller may know it
}

// A Fact is something a refusal stood on: {"rule", "RIBA-1"}. Names are codes, values words or figures.
type Fact struct{ Name, Value string }

// E makes an Error of a kind with a sentence. A trailing error argument wrapped by %w stays reachable
// through errors.Is and errors.As.
func E(k Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: k, Msg: err.Error(), Err: errors.Unwrap(err)}
}

// WithHint returns a copy of e that says what to do next.
func (e *Error) WithHint(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// WithCode returns a copy of e that programs can tell from others of its kind, with what the decision stood on.
func (e *Error) WithCode(code string, facts ...Fact) *Error {
	c := *e
	c.Code, c.Facts = code, facts
	return &c
}

// CodeOf returns the Code of the first Error in err's chain; empty where it has none.
func CodeOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// A Kept refusal is the answer to a command for good, and what its handler wrote and emitted stays: that an identifier
// is spent, what was decided and why. A handler returns it in the place of the Error itself, which drops everything.
type Kept struct{ Err *Error }

// Error returns the refusal's own words.
func (k *Kept) Error() string { return k.Err.Error() }

// Unwrap returns the refusal.
func (k *Kept) Unwrap() error { return k.Err }

// Error returns the sentence, with the hint after it.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Msg
	}
	return e.Msg + " (" + e.Hint + ")"
}

// Unwrap returns what lies beneath.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the Kind of the first Error in err's chain, and Internal where there is none.
func KindOf(err error) Kind {
	if e, ok := err.(*Error); ok { // nearly always, and without an allocation
		return e.Kind
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// IsKind reports whether err is an Error of kind k.
func IsKind(err error, k Kind) bool { return err != nil && KindOf(err) == k }

// ParseKind reads what String wrote; anything else is Internal.
func ParseKind(s string) Kind {
	for i, name := range kindNames {
		if name == s {
			return Kind(i)
		}
	}
	return Internal
}
