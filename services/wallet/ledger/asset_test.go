package ledger

import "testing"

// Decimals are those of ISO 4217, not how many CLDR would show.
func TestScales(t *testing.T) {
	w := newWorld(t)
	for code, want := range map[string]int{"IDR": 2, "PKR": 2, "LBP": 2, "MYR": 2, "JPY": 0, "KWD": 3, "IQD": 3, "XOF": 0, "XCD": 2, "XAU": -1, "XXX": -1, "ZZZ": -1, "idr": -1, "": -1} {
		got, err := scaleOf(w.state, code)
		if (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%q has %d, %v; want %d", code, got, err, want)
		}
	}
}
