package fastjson

import (
	"errors"
	"unicode/utf8"
)

const hex = "0123456789abcdef"

// appendString quotes s. What would end a script element or a line of JavaScript is escaped too, so that the
// answer is harmless wherever it is pasted.
func appendString(dst []byte, s string) ([]byte, error) {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if plain(c) {
				i++
				continue
			}
			dst = appendEscape(append(dst, s[start:i]...), c)
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			return nil, errors.New("a text is not valid UTF-8")
		case r == '\u2028' || r == '\u2029':
			dst = append(append(append(dst, s[start:i]...), `\u202`...), hex[r&0xf])
			start = i + n
		}
		i += n
	}
	return append(append(dst, s[start:]...), '"'), nil
}

func plain(c byte) bool { return c >= ' ' && c != '"' && c != '\\' && c != '<' && c != 0x7f }

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
}

// compact appends JSON without the white space between its tokens.
func compact(dst, b []byte) []byte {
	quoted := false
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case quoted && c == '\\':
			dst = append(dst, c)
			i++
			c = b[i]
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ' ' || c == '\n' || c == '\t' || c == '\r'):
			continue
		}
		dst = append(dst, c)
	}
	return dst
}
