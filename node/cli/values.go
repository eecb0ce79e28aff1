package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A textValue is a string that a command line sets.
type textValue struct {
	to   *string
	kind string // what it is, for help
	make func(string) (string, error)
}

// Set takes s from the command line.
func (v textValue) Set(s string) (err error) {
	*v.to, err = v.make(s)
	return err
}

func (v textValue) String() string { return "" }

// Type names what the flag takes.
func (v textValue) Type() string { return v.kind }

// text is any text.
func text(to *string) textValue {
	return textValue{to, "STRING", func(s string) (string, error) { return s, nil }}
}

// path is the name of a file that need not be there.
func path(to *string) textValue { return textValue{to, "FILE", absolute} }

func directory(to *string) textValue { return textValue{to, "DIR", absolute} }

// file is the name of a file that must be there.
func file(to *string) textValue { return textValue{to, "FILE", existing} }

func absolute(s string) (string, error) {
	if rest, ok := strings.CutPrefix(s, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("there is no home directory: %w", err)
		}
		return filepath.Join(home, rest), nil
	}
	return filepath.Abs(s)
}

func existing(s string) (string, error) {
	s, err := absolute(s)
	if err != nil {
		return "", err
	}
	st, err := os.Stat(s)
	if err == nil && st.IsDir() {
		err = &fs.PathError{Op: "open", Path: s, Err: fmt.Errorf("is a directory")}
	}
	return s, err
}

// A listValue is a flag that may be repeated.
type listValue struct {
	to   *[]string
	kind string
	make func(string) ([]string, error)
}

// Set adds to what was given before.
func (v listValue) Set(s string) error {
	l, err := v.make(s)
	*v.to = append(*v.to, l...)
	return err
}

func (v listValue) String() string { return "" }

// Type names what the flag takes.
func (v listValue) Type() string { return v.kind }

// list is a flag that takes several of what, apart by commas; it may be repeated.
func list(to *[]string, what string) listValue {
	return listValue{to, what + ",...", func(s string) ([]string, error) { return strings.Split(s, ","), nil }}
}

// files is a flag that takes the name of a file that must be there, and may be repeated.
func files(to *[]string) listValue {
	return listValue{to, "FILE", func(s string) ([]string, error) {
		s, err := existing(s)
		return []string{s}, err
	}}
}

// A choiceValue is one of some words.
type choiceValue struct {
	to    *string
	words []string
}

// Set takes one of the words.
func (v *choiceValue) Set(s string) error {
	if !slices.Contains(v.words, s) {
		return fmt.Errorf("it must be one of %s, not %q", strings.Join(v.words, ", "), s)
	}
	*v.to = s
	return nil
}

func (v *choiceValue) String() string { return *v.to }

// Type names what the flag takes.
func (v *choiceValue) Type() string { return strings.Join(v.words, "|") }
