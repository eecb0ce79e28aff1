package pki

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
)

func drawLabel() *rapid.Generator[string] {
	return rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?`)
}

func TestNamesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := Name{Site: drawLabel().Draw(t, "site"), Region: drawLabel().Draw(t, "region"), Role: Role(rapid.IntRange(0, 1).Draw(t, "role"))}
		copy(n.ID[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "id"))
		if got, err := ParseName(n.String()); err != nil || got != n {
			t.Fatalf("%v became %v, %v", n, got, err)
		}
	})
}

func TestNamesRefused(t *testing.T) {
	id := strings.Repeat("ab", 32)
	if _, err := ParseName("aielon://clinic-a.punjab/" + id); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		"", "aielon://", "aielon:///" + id, "aielon://a/" + id, "aielon://a.b", "aielon://a.b/", "aielon://a.b/" + id[1:],
		"aielon://a.b.c/" + id, "aielon://x.a.b/" + id, "aielon://.b/" + id, "aielon://a./" + id, "aielon://a.b./" + id,
		"AIELON://a.b/" + id, "aielon://A.b/" + id, "aielon://a.b/" + strings.ToUpper(id), "aielon://a.b/" + id + "/", "aielon://a.b//" + id,
		"aielon://a.b/hub/", "aielon://a.b/hub/hub/" + id, "aielon://a.b/HUB/" + id, "aielon://a.b/node/" + id, "aielon://a.b/../" + id,
		"aielon://u@a.b/" + id, "aielon://a.b:1/" + id, "aielon://a.b/" + id + "?x", "aielon://a.b/" + id + "#x", " aielon://a.b/" + id,
		"aielon://-a.b/" + id, "aielon://a-.b/" + id, "aielon://a_b.c/" + id, "aielon://" + strings.Repeat("a", 64) + ".b/" + id, "https://a.b/" + id,
		"aielon://a.b/%61" + id[2:], "aielon-device://a/b", "aielon://a\x00.b/" + id, "aielon://ä.b/" + id,
	} {
		if n, err := ParseName(s); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%q was read as %v, %v", s, n, err)
		}
	}
}

func TestDeviceNames(t *testing.T) {
	for s, ok := range map[string]bool{
		"aielon-device://clinic-a/bp-01": true, "aielon-device://clinic-a/AA:BB.c_d": true,
		"aielon-device://clinic-a/": false, "aielon-device://clinic-a/a/b": false, "aielon-device://clinic-a/#": false,
		"aielon-device://clinic-a/a b": false, "aielon-device://a.b/x": false, "aielon://clinic-a/x": false,
		"aielon-device://clinic-a/" + strings.Repeat("a", 65): false,
	} {
		if d, err := ParseDeviceName(s); (err == nil) != ok || ok && d.String() != s {
			t.Errorf("%q: %v, %v", s, d, err)
		}
	}
}

func FuzzParseName(f *testing.F) {
	f.Add("aielon://a.b/" + strings.Repeat("00", 32))
	f.Add("aielon://a.b/hub/" + strings.Repeat("ff", 32))
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseName(s); err == nil && n.String() != s {
			t.Fatalf("%q and %q are the same name", s, n)
		}
		if d, err := ParseDeviceName(s); err == nil && d.String() != s {
			t.Fatalf("%q and %q are the same device", s, d)
		}
	})
}
