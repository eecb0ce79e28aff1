package amount_test

import (
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

func big128(a amount.Amount) *big.Int {
	n := new(big.Int).SetUint64(a.Hi)
	return n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(a.Lo))
}

func any128(t *rapid.T, name string) amount.Amount {
	edges := []uint64{0, 1, 1<<63 - 1, 1 << 63, ^uint64(0) - 1, ^uint64(0)}
	word := func(n string) uint64 {
		return rapid.OneOf(rapid.SampledFrom(edges), rapid.Uint64(), rapid.Uint64Range(0, 100)).Draw(t, name+n)
	}
	return amount.Amount{Hi: word("hi"), Lo: word("lo")}
}

// Everything comes to what integers without a bound come to, or says that it does not fit.
func TestAgainstBig(t *testing.T) {
	limit := new(big.Int).Lsh(big.NewInt(1), 128)
	rapid.Check(t, func(t *rapid.T) {
		a, b := any128(t, "a"), any128(t, "b")
		x, y := big128(a), big128(b)
		if a.Cmp(b) != x.Cmp(y) || a.Less(b) != (x.Cmp(y) < 0) {
			t.Fatalf("%s and %s compare as %d", a, b, a.Cmp(b))
		}
		want := new(big.Int).Add(x, y)
		if sum, ok := a.Add(b); ok != (want.Cmp(limit) < 0) || ok && big128(sum).Cmp(want) != 0 {
			t.Fatalf("%s + %s = %s, %v", a, b, sum, ok)
		}
		want.Sub(x, y)
		if rest, ok := a.Sub(b); ok != (want.Sign() >= 0) || ok && big128(rest).Cmp(want) != 0 {
			t.Fatalf("%s - %s = %s, %v", a, b, rest, ok)
		}
		if d := amount.Diff(a, b); d.String() != want.String() {
			t.Fatalf("%s - %s = %s", a, b, d)
		}
		if back, err := amount.Parse(a.String()); err != nil || back != a || a.String() != x.String() {
			t.Fatalf("%s: %v, %v", a, back, err)
		}
		mulDiv(t, a, x, limit)
	})
}

func mulDiv(t *rapid.T, a amount.Amount, x, limit *big.Int) {
	m, d := rapid.Uint64().Draw(t, "m"), rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 50)).Draw(t, "d")
	if d == 0 {
		if _, ok := a.MulDiv(m, d, amount.HalfEven); ok {
			t.Fatal("divided by nothing")
		}
		return
	}
	num, den := new(big.Int).Mul(x, new(big.Int).SetUint64(m)), new(big.Int).SetUint64(d)
	down, rem := new(big.Int).QuoRem(num, den, new(big.Int))
	up := new(big.Int).Set(down)
	if rem.Sign() > 0 {
		up.Add(up, big.NewInt(1))
	}
	near := down
	if c := new(big.Int).Lsh(rem, 1).Cmp(den); c > 0 || c == 0 && down.Bit(0) == 1 {
		near = up
	}
	for r, want := range map[amount.Rounding]*big.Int{amount.Down: down, amount.Up: up, amount.HalfEven: near} {
		got, ok := a.MulDiv(m, d, r)
		if ok != (want.Cmp(limit) < 0) || ok && big128(got).Cmp(want) != 0 {
			t.Fatalf("%s * %d / %d rounded %d = %s, %v; want %s", a, m, d, r, got, ok, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, code := range map[string]string{
		"": amount.CodeInvalid, "-1": amount.CodeInvalid, "+1": amount.CodeInvalid, "1e3": amount.CodeInvalid, "NaN": amount.CodeInvalid, "Infinity": amount.CodeInvalid,
		"٣": amount.CodeInvalid, "１２": amount.CodeInvalid, "1,5": amount.CodeInvalid, " 1": amount.CodeInvalid, "1 ": amount.CodeInvalid, "007": amount.CodeInvalid, "0x10": amount.CodeInvalid,
		"1_000": amount.CodeInvalid, "1.5": amount.CodeScale, "1.": amount.CodeScale, ".5": amount.CodeScale, "1.2.3": amount.CodeInvalid, "340282366920938463463374607431768211456": amount.CodeInvalid,
		strings.Repeat("9", 39): amount.CodeInvalid, strings.Repeat("1", 1<<20): amount.CodeInvalid, "1\x00": amount.CodeInvalid,
	} {
		a, err := amount.Parse(text)
		if edge.CodeOf(err) != code || !edge.IsKind(err, edge.Invalid) || !a.IsZero() {
			t.Errorf("%.50q: %s, %q, %v", text, a, edge.CodeOf(err), err)
		}
	}
	if a, err := amount.Parse("340282366920938463463374607431768211455"); err != nil || a != amount.Max() {
		t.Errorf("the largest: %v, %v", a, err)
	}
}

func TestDecimal(t *testing.T) {
	for _, tc := range []struct {
		text  string
		scale int
		minor string
		back  string
	}{
		{"12.50", 2, "1250", "12.50"}, {"12", 2, "1200", "12.00"}, {"0.005", 3, "5", "0.005"}, {"-3.1", 2, "-310", "-3.10"}, {"7", 0, "7", "7"},
		{"1.500000", 2, "150", "1.50"}, {"0", 2, "0", "0.00"}, {"-0.00", 2, "0", "0.00"}, {"00012.5", 1, "125", "12.5"},
	} {
		s, err := amount.ParseDecimal(tc.text, tc.scale)
		if err != nil || s.String() != tc.minor || s.Decimal(tc.scale) != tc.back {
			t.Errorf("%s: %s, %s, %v", tc.text, s, s.Decimal(tc.scale), err)
		}
	}
	for text, code := range map[string]string{"1.005": amount.CodeScale, "1.": amount.CodeInvalid, ".5": amount.CodeInvalid, "1.2.3": amount.CodeInvalid, "--1": amount.CodeInvalid, "1e2": amount.CodeInvalid, "": amount.CodeInvalid, "-": amount.CodeInvalid} {
		if s, err := amount.ParseDecimal(text, 2); edge.CodeOf(err) != code {
			t.Errorf("%q: %s, %v", text, s, err)
		}
	}
}

// Parts add up to the whole, none is more than a unit above its exact share, and what is left goes to the earliest.
func TestSplit(t *testing.T) {
	parts, _ := amount.Split(amount.Of(15), []uint64{80, 8, 12})
	if len(parts) != 3 || parts[0] != amount.Of(13) || parts[1] != amount.Of(1) || parts[2] != amount.Of(1) {
		t.Errorf("15 by 80, 8, 12: %v", parts)
	}
	for _, w := range [][]uint64{nil, {0}, {0, 0}, {^uint64(0), 1}} {
		if _, err := amount.Split(amount.Of(1), w); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%v: %v", w, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		total, weights := any128(t, "total"), rapid.SliceOfN(rapid.Uint64Range(0, 1<<40), 1, 20).Draw(t, "weights")
		parts, err := amount.Split(total, weights)
		if err != nil {
			return // all were 0, which the table above has
		}
		var sum amount.Amount
		last := true
		for i, p := range parts {
			sum, _ = sum.Add(p)
			exact, _ := total.MulDiv(weights[i], total64(weights), amount.Down)
			more, ok := p.Sub(exact)
			if !ok || amount.Of(1).Less(more) || weights[i] == 0 && !p.IsZero() {
				t.Fatalf("part %d of %s by %v is %s", i, total, weights, p)
			}
			if extra := !more.IsZero(); weights[i] > 0 {
				if extra && !last {
					t.Fatalf("%s by %v: %v: a later part has the unit an earlier one lacks", total, weights, parts)
				}
				last = extra
			}
		}
		if sum != total {
			t.Fatalf("%s by %v: %v add up to %s", total, weights, parts, sum)
		}
	})
}

func total64(w []uint64) (sum uint64) {
	for _, x := range w {
		sum += x
	}
	return sum
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"0", "1250", "-1", "1.5", "340282366920938463463374607431768211456"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if a, err := amount.Parse(s); err == nil && a.String() != s {
			t.Errorf("%q reads as %s", s, a)
		}
		if d, err := amount.ParseDecimal(s, 2); err == nil {
			if again, err := amount.ParseDecimal(d.Decimal(2), 2); err != nil || again != d {
				t.Errorf("%q: %s, %s, %v", s, d, again, err)
			}
		}
	})
}
