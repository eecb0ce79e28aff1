package mcc_test

import (
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/shariah/mcc"
)

func TestTheWholeList(t *testing.T) {
	n, last := 0, mcc.Code(0)
	for c, name := range mcc.All() {
		n++
		if c <= last || name == "" {
			t.Errorf("%s %q comes after %s", c, name, last)
		}
		if got, ok := mcc.Name(c); !ok || got != name {
			t.Errorf("%s is called %q, %v; want %q", c, got, ok, name)
		}
		if back, err := mcc.Parse(c.String()); err != nil || back != c {
			t.Errorf("%s reads as %s, %v", c, back, err)
		}
		last = c
	}
	if n != 981 {
		t.Errorf("%d codes, want the 981 of the public list", n)
	}
	for c, want := range map[mcc.Code]string{742: "Veterinary Services", 7261: "Funeral Service and Crematories", 9950: "Intra – Company Purchases ( For Visa Only)"} {
		if got, _ := mcc.Name(c); got != want {
			t.Errorf("%s is called %q, want %q", c, got, want)
		}
	}
	for _, c := range []mcc.Code{0, 1, 9406, mcc.Max, 65535} {
		if name, ok := mcc.Name(c); ok {
			t.Errorf("%s is called %q", c, name)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{"", "0", "0000", "742", "07420", "59a2", "-742", "+742", " 742", "٥٩١٢", "5912\n"} {
		if c, err := mcc.Parse(s); !edge.IsKind(err, edge.Invalid) || c != 0 {
			t.Errorf("%q: %s, %v", s, c, err)
		}
	}
}
