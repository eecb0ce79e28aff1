package statement

import (
	"slices"
	"unicode"
)

// shape is a line of text as its glyphs stand on the page from left to right: Arabic letters in the forms their
// neighbours give them, lines of mixed direction in the order they are read. rtl is the direction of the page. It is the
// Unicode bidirectional algorithm (UAX 9) for a line without explicit directions, which text has none of by then: numbers
// run from left to right in every direction, what is neutral between two like runs is of their direction, else the page's.
func shape(text string, rtl bool) []rune {
	var line []rune
	for _, r := range text {
		if !unicode.Is(unicode.Mn, r) && !unicode.IsControl(r) && !unicode.Is(unicode.Bidi_Control, r) {
			line = append(line, r)
		}
	}
	return order(join(line), rtl)
}

// join gives letters their forms. Marks were dropped: without the font's own tables they could not be placed.
func join(line []rune) []rune {
	out := make([]rune, 0, len(line))
	for i := 0; i < len(line); i++ {
		r := line[i]
		forms, ok := formOf(r)
		if !ok {
			out = append(out, r)
			continue
		}
		before := i > 0 && linksOn(line[i-1])
		if r == 0x0644 && i+1 < len(line) {
			if pair, ok := lamAlef(line[i+1]); ok {
				out = append(out, pair[at(before)])
				i++
				continue
			}
		}
		after := i+1 < len(line) && linksBack(line[i+1])
		form := forms[at(before)+2*at(after)]
		for _, other := range []rune{forms[at(before)], forms[0], r} { // a letter that never links on has no such form
			if form == 0 {
				form = other
			}
		}
		out = append(out, form)
	}
	return out
}

func at(b bool) int {
	if b {
		return 1
	}
	return 0
}

// linksOn reports whether a letter links to the one after it: it has an initial form.
func linksOn(r rune) bool {
	f, ok := formOf(r)
	return ok && f[2] != 0 || r == 0x0640
}

// linksBack reports whether a letter links to the one before it: it has a final form.
func linksBack(r rune) bool {
	f, ok := formOf(r)
	return ok && f[1] != 0 || r == 0x0640
}

// Classes of characters, as far as a line needs them.
const (
	neutral = iota
	left
	right
	digit
)

func class(r rune) int {
	switch {
	case r >= '0' && r <= '9', r >= 0x0660 && r <= 0x0669, r >= 0x06F0 && r <= 0x06F9:
		return digit
	case unicode.In(r, unicode.Arabic, unicode.Hebrew) && unicode.IsLetter(r):
		return right
	case unicode.IsLetter(r):
		return left
	}
	return neutral
}

// order sorts runs of one direction for the page. Levels are those of UAX 9: even from left to right, odd the other way.
func order(line []rune, rtl bool) []rune {
	levels := levelsOf(line, rtl)
	for i, r := range line {
		if levels[i]%2 == 1 {
			line[i] = mirror(r)
		}
	}
	for level := 2; level >= 1; level-- { // rule L2
		for from := 0; from < len(line); {
			if levels[from] < level {
				from++
				continue
			}
			to := from
			for to < len(line) && levels[to] >= level {
				to++
			}
			slices.Reverse(line[from:to])
			from = to
		}
	}
	return line
}

func levelsOf(line []rune, rtl bool) []int {
	base := left
	if rtl {
		base = right
	}
	kinds := make([]int, len(line))
	for i, r := range line {
		kinds[i] = class(r)
	}
	separators(line, kinds)
	letters(kinds, base)
	levels := make([]int, len(line))
	for i := 0; i < len(line); {
		if kinds[i] != neutral {
			levels[i] = levelOf(kinds[i], rtl)
			i++
			continue
		}
		end := i
		for end < len(line) && kinds[end] == neutral {
			end++
		}
		side := base
		if before, after := strong(kinds, i-1, base), strong(kinds, end, base); before == after {
			side = before
		}
		for ; i < end; i++ {
			levels[i] = levelOf(side, rtl)
		}
	}
	return levels
}

// separators makes one number of "1,250.50", "2026-03-01" and "-5" (rules W4 and W5, and dates kept whole as people do).
func separators(line []rune, kinds []int) {
	for i, r := range line {
		next := i+1 < len(line) && kinds[i+1] == digit
		before := i > 0 && kinds[i-1] == digit
		switch r {
		case '.', ',', ':', '/':
			if before && next {
				kinds[i] = digit
			}
		case '-', '\u2212', '+':
			if next && (before || i == 0 || line[i-1] == ' ') {
				kinds[i] = digit
			}
		case '%':
			if before {
				kinds[i] = digit
			}
		}
	}
}

// letters makes numbers after Latin letters part of those (rule W7).
func letters(kinds []int, base int) {
	last := base
	for i, k := range kinds {
		switch {
		case k == left || k == right:
			last = k
		case k == digit && last == left:
			kinds[i] = left
		}
	}
}

// strong is the direction at a place; numbers count as right to left there (rule N1).
func strong(kinds []int, i, base int) int {
	switch {
	case i < 0 || i >= len(kinds):
		return base
	case kinds[i] == digit:
		return right
	}
	return kinds[i]
}

func levelOf(kind int, rtl bool) int {
	switch {
	case kind == right:
		return 1
	case kind == digit, rtl:
		return 2
	}
	return 0
}

// mirror is the character that looks as r does from behind.
func mirror(r rune) rune {
	const pairs = "()[]{}<>«»‹›"
	list := []rune(pairs)
	if i := slices.Index(list, r); i >= 0 {
		return list[i^1]
	}
	return r
}
