package edge

import (
	"fmt"
	"io"
	"log/slog"
)

// Redacted, embedded in a struct that holds a secret or what is known of a person, keeps all of it out of logs and
// error texts, whoever prints one by mistake and however: fmt with any verb, and log/slog. It does not keep it from
// being encoded where that is meant. A value inside of another is covered too, with two exceptions that the rule of
// node's TestSecretsAreRedacted closes: in a field that is not exported fmt does not ask the value, and inside of a
// value that is logged as JSON nobody does.
type Redacted struct{}

const redacted = "[redacted]"

// Format implements fmt.Formatter.
func (Redacted) Format(s fmt.State, _ rune) { io.WriteString(s, redacted) }

// String implements fmt.Stringer.
func (Redacted) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (Redacted) GoString() string { return redacted }

// LogValue implements slog.LogValuer.
func (Redacted) LogValue() slog.Value { return slog.StringValue(redacted) }
