package edge

import (
	"encoding/base32"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The letters of an ID are those of base 32 (RFC 4648 section 6) with Crockford's alphabet, whatever their case.
func TestIDLetters(t *testing.T) {
	enc := base32.NewEncoding(idLetters).WithPadding(base32.NoPadding)
	rapid.Check(t, func(t *rapid.T) {
		var id ID
		copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		want := enc.EncodeToString(id[:])
		if id.String() != want || string(id.Append([]byte("x"))) != "x"+want {
			t.Fatalf("%x is %s, want %s", id[:], id, want)
		}
		if back, err := ParseID(strings.ToUpper(want)); err != nil || back != id {
			t.Fatal(back, err)
		}
	})
	for _, bad := range []string{"", "a", strings.Repeat("a", 25), strings.Repeat("a", 27), strings.Repeat("u", 26), strings.Repeat("a", 24) + "é", strings.Repeat("a", 25) + "\n", strings.Repeat("a", 25) + "="} {
		if id, err := ParseID(bad); !IsKind(err, Invalid) || !id.IsZero() {
			t.Errorf("%q: %s, %v", bad, id, err)
		}
	}
}
