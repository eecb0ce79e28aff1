// Package amount computes with money: whole numbers of minor units, 128 bits wide, that never wrap around and never
// pass through floating point.
package amount

import (
	"math/bits"
	"strconv"
	"strings"

	"github.com/aielon/edge/node/edge"
)

// An Amount is a number of minor units of one currency, 0 to 2^128-1. What a unit is, the currency's scale says.
type Amount struct{ Hi, Lo uint64 }

// Max is the largest Amount.
func Max() Amount { return Amount{^uint64(0), ^uint64(0)} }

// Of returns n minor units.
func Of(n uint64) Amount { return Amount{Lo: n} }

// maxDigits is how many digits the largest Amount has.
const maxDigits = 39

// Codes of amounts that are none.
const (
	CodeInvalid = "amount_invalid"
	CodeScale   = "scale_mismatch"
)

// Parse reads decimal digits of ASCII, without sign, separators or leading zeros: "0", "12500". It fails with Invalid:
// code scale_mismatch where a fraction is given, amount_invalid otherwise.
func Parse[S ~string | ~[]byte](s S) (a Amount, err error) {
	switch {
	case len(s) == 0:
		return a, invalid("an amount is missing")
	case len(s) > maxText:
		return a, invalid("an amount may have %d digits", maxDigits)
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return Amount{}, notDigits(string(s))
		}
	}
	switch {
	case len(s) > 1 && s[0] == '0':
		return a, invalid("an amount is written without leading zeros")
	case len(s) > maxDigits:
		return a, invalid("an amount may have %d digits", maxDigits)
	case len(s) < 19: // fits one word
		for i := range len(s) {
			a.Lo = a.Lo*10 + uint64(s[i]-'0')
		}
		return a, nil
	}
	for i := range len(s) {
		var over bool
		if a, over = a.mulAdd(10, uint64(s[i]-'0')); over {
			return Amount{}, invalid("the amount is larger than any this ledger can hold")
		}
	}
	return a, nil
}

// maxText is how long what is no amount may be and still be looked at.
const maxText = 64

func notDigits(s string) error {
	whole, part, cut := strings.Cut(s, ".")
	if cut && strings.Trim(whole+part, "0123456789") == "" {
		return edge.E(edge.Invalid, "an amount is a whole number of the smallest unit of its currency").
			WithHint("write 12.50 as 1250 where the currency has two decimals").WithCode(CodeScale)
	}
	return invalid("an amount is written with the digits 0 to 9 only")
}

func invalid(format string, args ...any) error {
	return edge.E(edge.Invalid, format, args...).WithHint("write it as a whole number of the smallest unit, for example 1250").WithCode(CodeInvalid)
}

// mulAdd is a*m + n.
func (a Amount) mulAdd(m, n uint64) (Amount, bool) {
	high, lo := bits.Mul64(a.Lo, m)
	over, hi := bits.Mul64(a.Hi, m)
	lo, c := bits.Add64(lo, n, 0)
	hi, c = bits.Add64(hi, high, c)
	return Amount{hi, lo}, over != 0 || c != 0
}

// String writes what Parse reads.
func (a Amount) String() string {
	var room [maxDigits]byte
	return string(a.Append(room[:0]))
}

// Append appends what Parse reads to dst.
func (a Amount) Append(dst []byte) []byte {
	if a.Hi == 0 {
		return strconv.AppendUint(dst, a.Lo, 10)
	}
	var digits [maxDigits]byte
	i := len(digits)
	for {
		var r uint64
		a, r = a.QuoRem(10)
		i--
		digits[i] = '0' + byte(r)
		if a.IsZero() {
			return append(dst, digits[i:]...)
		}
	}
}

// IsZero reports whether a is nothing.
func (a Amount) IsZero() bool { return a.Hi|a.Lo == 0 }

// Cmp is -1, 0 or 1 as a is less than, equal to or more than b.
func (a Amount) Cmp(b Amount) int {
	switch {
	case a == b:
		return 0
	case a.Hi < b.Hi || a.Hi == b.Hi && a.Lo < b.Lo:
		return -1
	}
	return 1
}

// Less reports whether a is less than b.
func (a Amount) Less(b Amount) bool { return a.Hi < b.Hi || a.Hi == b.Hi && a.Lo < b.Lo }

// Add is a+b; it is not ok where no Amount is large enough.
func (a Amount) Add(b Amount) (sum Amount, ok bool) {
	lo, c := bits.Add64(a.Lo, b.Lo, 0)
	hi, c := bits.Add64(a.Hi, b.Hi, c)
	return Amount{hi, lo}, c == 0
}

// Sub is a-b; it is not ok where b is more than a.
func (a Amount) Sub(b Amount) (rest Amount, ok bool) {
	lo, c := bits.Sub64(a.Lo, b.Lo, 0)
	hi, c := bits.Sub64(a.Hi, b.Hi, c)
	return Amount{hi, lo}, c == 0
}

// QuoRem divides by d, which must not be 0.
func (a Amount) QuoRem(d uint64) (quo Amount, rem uint64) {
	quo.Hi, rem = bits.Div64(0, a.Hi, d)
	quo.Lo, rem = bits.Div64(rem, a.Lo, d)
	return quo, rem
}

// A Rounding says what becomes of what is less than one minor unit.
type Rounding uint8

const (
	Down     Rounding = iota // it is dropped
	Up                       // it counts as a whole unit
	HalfEven                 // it goes to the nearer unit, and to the even one from the middle (ISO 80000-1 annex B, rule A)
)

// MulDiv is a*m/d, rounded, computed without loss on the way. It is not ok where d is 0 or no Amount is large enough.
func (a Amount) MulDiv(m, d uint64, r Rounding) (Amount, bool) {
	if d == 0 {
		return Amount{}, false
	}
	p1, p0 := bits.Mul64(a.Lo, m)
	h1, h0 := bits.Mul64(a.Hi, m)
	p1, c := bits.Add64(p1, h0, 0)
	p2 := h1 + c
	if p2 >= d {
		return Amount{}, false
	}
	hi, rem := bits.Div64(p2, p1, d)
	lo, rem := bits.Div64(rem, p0, d)
	q := Amount{hi, lo}
	if up(r, rem, d, lo&1 == 1) {
		return q.Add(Of(1))
	}
	return q, true
}

func up(r Rounding, rem, d uint64, odd bool) bool {
	switch {
	case rem == 0 || r == Down:
		return false
	case r == Up:
		return true
	}
	rest := d - rem // compares rem with d/2 without overflow
	return rem > rest || rem == rest && odd
}
