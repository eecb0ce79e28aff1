package node

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/aielon/edge/node/edge"
)

// MaxConfig is the largest configuration file that is read, in bytes.
const MaxConfig = 1 << 20

// LoadConfig reads a TOML file over the defaults and checks it. Errors are Invalid and name file and
// line; nothing is ever taken from a file that has one.
func LoadConfig(path string) (Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return Config{}, edge.E(edge.Invalid, "the configuration cannot be opened: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxConfig+1))
	if err != nil {
		return Config{}, edge.E(edge.Invalid, "the configuration cannot be read: %w", err)
	}
	return ParseConfig(path, b)
}

// ParseConfig is LoadConfig for bytes; name stands for the file in messages.
func ParseConfig(name string, b []byte) (Config, error) {
	if len(b) > MaxConfig {
		return Config{}, edge.E(edge.Invalid, "%s has more than %d bytes", name, MaxConfig)
	}
	c := Default()
	d := toml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return Config{}, explain(name, err)
	}
	if err := c.Validate(); err != nil {
		return Config{}, at(name, b, err)
	}
	return c, nil
}

// explain turns the decoder's error into file:line, what is wrong, and for an unknown key the nearest known one.
func explain(name string, err error) error {
	var missing *toml.StrictMissingError
	if errors.As(err, &missing) && len(missing.Errors) > 0 {
		first := missing.Errors[0]
		row, _ := first.Position()
		key := strings.Join(first.Key(), ".")
		e := edge.E(edge.Invalid, "%s:%d: there is no setting called %q", name, row, key)
		if near := nearest(key, knownKeys(reflect.TypeFor[Config](), "")); near != "" {
			return e.WithHint("did you mean %q?", near)
		}
		return e
	}
	var at *toml.DecodeError
	if errors.As(err, &at) {
		row, col := at.Position()
		what := wrongType.ReplaceAllString(strings.TrimPrefix(at.Error(), "toml: "), "a value of type $2 is expected here, not of type $1")
		return edge.E(edge.Invalid, "%s:%d:%d: %s", name, row, col, what)
	}
	return edge.E(edge.Invalid, "%s: %w", name, err)
}

// wrongType is the decoder's word for a value of another type than the setting's.
var wrongType = regexp.MustCompile(`cannot decode TOML (\S+) into struct field \S+ of type \*?(\S+)`)

// A badSetting is a value that parses but cannot be used.
type badSetting struct {
	key string
	err *edge.Error
}

func (b *badSetting) Error() string { return b.key + ": " + b.err.Error() }
func (b *badSetting) Unwrap() error { return b.err }

func bad(key, format string, args ...any) *badSetting {
	return &badSetting{key: key, err: edge.E(edge.Invalid, format, args...)}
}

// at finds the line on which the setting that err complains about stands.
func at(name string, text []byte, err error) error {
	var b *badSetting
	if !errors.As(err, &b) {
		return err
	}
	where := name
	if line := lineOf(text, b.key); line > 0 {
		where = fmt.Sprintf("%s:%d", name, line)
	}
	e := edge.E(edge.Invalid, "%s: %s: %s", where, b.key, b.err.Msg)
	e.Hint = b.err.Hint
	return e
}

func lineOf(text []byte, key string) int {
	table, leaf := "", key
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		table, leaf = key[:i], key[i+1:]
	}
	current := ""
	for n, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			current = strings.Trim(line, "[] ")
		}
		name, _, ok := strings.Cut(line, "=")
		if ok && current == table && strings.TrimSpace(name) == leaf {
			return n + 1
		}
	}
	return 0
}

// knownKeys lists every key a configuration may have, "mqtt.addr".
func knownKeys(t reflect.Type, prefix string) []string {
	var keys []string
	for i := range t.NumField() {
		f := t.Field(i)
		key := prefix + f.Tag.Get("toml")
		ft := f.Type
		if ft.Kind() == reflect.Slice {
			ft = ft.Elem()
		}
		keys = append(keys, key)
		if ft.Kind() == reflect.Struct {
			keys = append(keys, knownKeys(ft, key+".")...)
		}
	}
	return keys
}

// nearest returns the known key closest to key, or nothing when none is close.
func nearest(key string, known []string) string {
	best, found := 1+len(key)/3, ""
	for _, k := range known {
		if d := distance(key, k); d < best || d == best && found == "" {
			best, found = d, k
		}
	}
	return found
}

// distance is Levenshtein's: how many letters to insert, delete or change.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
