package names

// Likeness is the Jaro-Winkler likeness of two texts, 0 to 1, by characters: Jaro's measure, and a tenth of what it
// lacks to 1 for each of up to four first characters that are the same (Winkler 1990). Two empty texts are the same.
func Likeness(a, b string) float64 { return likeness([]rune(a), []rune(b)) }

const (
	prefix = 4
	weight = 0.1
)

func likeness(a, b []rune) float64 {
	return boost(jaro(a, b), common(a, b))
}

// boost is Winkler's: n first characters are the same.
func boost(j float64, n int) float64 { return j + float64(n)*weight*(1-j) }

// common is how many first characters are the same, up to four.
func common(a, b []rune) int {
	n := 0
	for n < prefix && n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// maxRunes is how much of a name is compared: the marks of characters that were paired fit a word.
const maxRunes = 64

func jaro(a, b []rune) float64 {
	a, b = a[:min(len(a), maxRunes)], b[:min(len(b), maxRunes)]
	if len(a) == 0 || len(b) == 0 {
		if len(a) == len(b) {
			return 1
		}
		return 0
	}
	reach := max(max(len(a), len(b))/2-1, 0)
	var inA, inB uint64 // which characters have a partner
	m := 0
	for i, r := range a {
		for j := max(0, i-reach); j < min(len(b), i+reach+1); j++ {
			if b[j] == r && inB>>j&1 == 0 {
				inA, inB, m = inA|1<<i, inB|1<<j, m+1
				break
			}
		}
	}
	if m == 0 {
		return 0
	}
	return measure(m, swapped(a, b, inA, inB), len(a), len(b))
}

// swapped is how many partners stand in another order.
func swapped(a, b []rune, inA, inB uint64) int {
	n, j := 0, 0
	for i, r := range a {
		if inA>>i&1 == 0 {
			continue
		}
		for inB>>j&1 == 0 {
			j++
		}
		if b[j] != r {
			n++
		}
		j++
	}
	return n
}

// measure is Jaro's formula for m pairs, of which some are swapped, in texts of lengths la and lb.
func measure(m, swapped, la, lb int) float64 {
	p := float64(m)
	return (p/float64(la) + p/float64(lb) + (p-float64(swapped/2))/p) / 3
}
