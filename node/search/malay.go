package search

import (
	"slices"
	"strings"
)

// minRoot is the shortest root the rules may leave, in letters. Indonesian and Malay roots with fewer are so rare
// that cutting to them does more harm than good.
const minRoot = 4

// maxRoots bounds the forms of one word.
const maxRoots = 8

// stemMalay returns the roots an Indonesian or Malay word may come from. Particles and possessives come off first,
// then prefixes and suffixes in every combination the grammar knows; where a prefix swallowed the first letter of
// the root (menulis from tulis, menari from tari, menanti from nanti) each letter it may have been is given back.
// The same letters that come out of both a root and its derivations make them meet; wrong roots meet nothing.
func stemMalay(w string) []string {
	if len(w) <= minRoot || !isASCIILetters(w) {
		return nil
	}
	var roots []string
	add := func(r string) {
		if len(r) >= minRoot && r != w && vowels(r) && !slices.Contains(roots, r) && len(roots) < maxRoots {
			roots = append(roots, r)
		}
	}
	whole := cutEnding(w, "lah", "kah", "tah", "pun")
	for _, base := range slices.Compact([]string{cutEnding(whole, "nya", "ku", "mu"), whole}) {
		for _, h := range append(prefixed(base), base) {
			for _, r := range suffixed(h, h != base) {
				add(r)
			}
			add(h)
		}
	}
	return roots
}

// cutEnding takes off the first ending that leaves a root.
func cutEnding(w string, endings ...string) string {
	for _, e := range endings {
		if s, ok := strings.CutSuffix(w, e); ok && len(s) >= minRoot {
			return s
		}
	}
	return w
}

// suffixed returns what w is without -kan, -an or -i, which only count with a prefix before them or where enough is left.
func suffixed(w string, prefix bool) (out []string) {
	need := minRoot
	if !prefix {
		need = minRoot + 1 // makan, pekan, hari: roots that look derived
	}
	for _, e := range []string{"kan", "an", "i"} {
		if s, ok := strings.CutSuffix(w, e); ok && len(s) >= need || ok && e != "i" && len(s) >= minRoot {
			if e == "i" && !prefix {
				continue
			}
			out = append(out, s)
		}
	}
	return out
}

// prefixed returns what w is without one prefix, or two where they stack (memper-, diper-, keber-, seper-).
func prefixed(w string) (out []string) {
	for _, r := range onePrefix(w) {
		out = append(out, r)
		for _, p := range []string{"per", "ber", "ter", "pel"} {
			if s, ok := strings.CutPrefix(r, p); ok && len(s) >= minRoot && r != w {
				out = append(out, s)
			}
		}
	}
	return out
}

func onePrefix(w string) (out []string) {
	if strings.HasPrefix(w, "me") || strings.HasPrefix(w, "pe") {
		out = append(out, nasal(w)...)
	}
	for _, p := range []string{"ber", "per", "ter", "di", "ke", "se"} {
		s, ok := strings.CutPrefix(w, p)
		switch {
		case !ok || len(s) < minRoot-1 || p == "ke" && !strings.HasSuffix(w, "an"): // kepala has no prefix, kesehatan has
			continue
		case p[len(p)-1] == 'r' && strings.IndexByte("aeiou", s[0]) >= 0:
			out = append(out, "r"+s) // berumah from rumah
		}
		out = append(out, s)
	}
	for _, p := range []string{"be", "pe", "te"} { // without r before a syllable that has one: bekerja
		if s, ok := strings.CutPrefix(w, p); ok && len(s) > minRoot && s[1:3] == "er" {
			out = append(out, s)
		}
	}
	for _, p := range []string{"bel", "pel"} {
		if s, ok := strings.CutPrefix(w, p); ok && strings.HasPrefix(s, "ajar") {
			out = append(out, s)
		}
	}
	return out
}

// nasal undoes meN- and peN-, whose last sound follows the first of the root and may have replaced it.
func nasal(w string) []string {
	rest := w[2:]
	switch {
	case strings.HasPrefix(rest, "ny") && len(rest) > 2:
		return []string{"s" + rest[2:], rest}
	case strings.HasPrefix(rest, "ng") && len(rest) > 3:
		if strings.IndexByte("aeiou", rest[2]) >= 0 {
			return []string{rest[2:], "k" + rest[2:]}
		}
		return []string{rest[2:]}
	case strings.HasPrefix(rest, "n") && len(rest) > 2:
		if strings.IndexByte("aeiou", rest[1]) >= 0 {
			return []string{"t" + rest[1:], rest}
		}
		return []string{rest[1:]}
	case strings.HasPrefix(rest, "m") && len(rest) > 2:
		if strings.IndexByte("aeiou", rest[1]) >= 0 {
			return []string{"p" + rest[1:], rest}
		}
		return []string{rest[1:]}
	case len(rest) > 0 && strings.IndexByte("lrwy", rest[0]) >= 0:
		return []string{rest}
	}
	return nil
}

func isASCIILetters(w string) bool {
	for i := 0; i < len(w); i++ {
		if w[i] < 'a' || w[i] > 'z' {
			return false
		}
	}
	return true
}

// vowels reports whether a root could be spoken: it has a vowel.
func vowels(w string) bool { return strings.ContainsAny(w, "aeiou") }
