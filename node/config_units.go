package node

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
)

// Bytes is a size in bytes, written as a number with an optional unit: "512KiB", "64MiB", "2GB".
type Bytes int64

var byteUnits = []struct {
	suffix string
	size   int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// UnmarshalText reads what MarshalText wrote, and plain numbers. It fails with Invalid.
func (b *Bytes) UnmarshalText(text []byte) error {
	s, size := strings.TrimSpace(string(text)), int64(1)
	for _, u := range byteUnits {
		if rest, ok := strings.CutSuffix(s, u.suffix); ok {
			s, size = strings.TrimSpace(rest), u.size
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/size {
		return edge.E(edge.Invalid, `%q is not a size: write it like "64MiB"`, text)
	}
	*b = Bytes(n * size)
	return nil
}

// MarshalText writes the largest binary unit that divides the size.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// String is the size with its unit, "64MiB".
func (b Bytes) String() string {
	for i := 3; i >= 0; i-- {
		if u := byteUnits[i]; b != 0 && int64(b)%u.size == 0 {
			return fmt.Sprintf("%d%s", int64(b)/u.size, u.suffix)
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// Duration is a time span, written like "90s", "15m", "36h" or "14d".
type Duration time.Duration

// UnmarshalText reads Go's notation and whole days. It fails with Invalid.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err == nil && n >= 0 && n <= 36500 {
			*d = Duration(time.Duration(n) * 24 * time.Hour)
			return nil
		}
	}
	v, err := time.ParseDuration(s)
	if err != nil || v < 0 {
		return edge.E(edge.Invalid, `%q is not a time span: write it like "90s", "15m", "36h" or "14d"`, s)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes whole days as days and everything else as Go does.
func (d Duration) MarshalText() ([]byte, error) {
	if day := 24 * time.Hour; d != 0 && time.Duration(d)%day == 0 {
		return []byte(strconv.Itoa(int(time.Duration(d)/day)) + "d"), nil
	}
	return []byte(time.Duration(d).String()), nil
}
