package statement

import (
	"bytes"
	"compress/zlib"
	_ "embed" // the two fonts
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"

	"golang.org/x/text/unicode/norm"
)

var (
	//go:embed font/latin.ttf
	latinFont []byte
	//go:embed font/latin.bin
	latinGlyphs []byte
	//go:embed font/arabic.ttf
	arabicFont []byte
	//go:embed font/arabic.bin
	arabicGlyphs []byte
)

// A glyph is where a character stands in the fonts.
type glyph struct {
	id, width uint16 // width in thousandths of the size
	arabic    bool
}

// A face knows the glyphs of both fonts.
type face map[rune]glyph

func newFace() face {
	f := make(face, (len(latinGlyphs)+len(arabicGlyphs))/6)
	for i, table := range [][]byte{arabicGlyphs, latinGlyphs} {
		for ; len(table) >= 6; table = table[6:] {
			f[rune(binary.BigEndian.Uint16(table))] = glyph{binary.BigEndian.Uint16(table[2:]), binary.BigEndian.Uint16(table[4:]), i == 0}
		}
	}
	return f
}

// of is the glyph of a character; what the fonts do not have is a question mark, so that it is seen that something stood there.
func (f face) of(r rune) glyph {
	if g, ok := f[r]; ok {
		return g
	}
	if list := []rune(norm.NFKC.String(string(r))); len(list) == 1 {
		if g, ok := f[list[0]]; ok {
			return g
		}
	}
	return f['?']
}

// arabicSize is how much larger the Arabic font is set: its letters are small beside Latin ones of one size.
const arabicSize = 1.15

// width of a shaped line, in points.
func (f face) width(line []rune, size float64) float64 {
	sum := 0.0
	for _, r := range line {
		g := f.of(r)
		if g.arabic {
			sum += arabicSize * float64(g.width)
		} else {
			sum += float64(g.width)
		}
	}
	return sum * size / 1000
}

// A pdf is a file while it is written: PDF 1.7 (ISO 32000-1), objects in order, no two the same for no reason. Equal input
// gives equal bytes.
type pdf struct {
	w       io.Writer
	at      int
	offsets []int // of objects, from 1
	err     error
}

func (p *pdf) put(format string, args ...any) {
	if p.err != nil {
		return
	}
	n, err := fmt.Fprintf(p.w, format, args...)
	p.at, p.err = p.at+n, err
}

// object writes object n, which must be the next.
func (p *pdf) object(format string, args ...any) {
	p.offsets = append(p.offsets, p.at)
	p.put("%d 0 obj\n"+format+"\nendobj\n", append([]any{len(p.offsets)}, args...)...)
}

func (p *pdf) stream(dict string, data []byte) {
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	z.Write(data) // to memory: it cannot fail
	z.Close()
	p.object("<< %s /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream", dict, packed.Len(), packed.Bytes())
}

// font writes the five objects of a font, the first of them with the number it must have.
func (p *pdf) font(name string, file, glyphs []byte, ascent, descent int, box string) {
	first := len(p.offsets) + 1
	var widths, unicodes strings.Builder
	n := 0
	for table := glyphs; len(table) >= 6; table = table[6:] {
		code, id, width := binary.BigEndian.Uint16(table), binary.BigEndian.Uint16(table[2:]), binary.BigEndian.Uint16(table[4:])
		fmt.Fprintf(&widths, "%d [%d] ", id, width)
		if n%100 == 0 {
			if n > 0 {
				unicodes.WriteString("endbfchar\n")
			}
			fmt.Fprintf(&unicodes, "%d beginbfchar\n", min(100, len(table)/6))
		}
		n++
		fmt.Fprintf(&unicodes, "<%04x> <%s>\n", id, plainForm(rune(code)))
	}
	p.object("<< /Type /Font /Subtype /Type0 /BaseFont /%s /Encoding /Identity-H /DescendantFonts [%d 0 R] /ToUnicode %d 0 R >>", name, first+1, first+4)
	p.object("<< /Type /Font /Subtype /CIDFontType2 /BaseFont /%s /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /FontDescriptor %d 0 R /DW 500 /CIDToGIDMap /Identity /W [%s] >>",
		name, first+2, strings.TrimSpace(widths.String()))
	p.object("<< /Type /FontDescriptor /FontName /%s /Flags 4 /FontBBox [%s] /ItalicAngle 0 /Ascent %d /Descent %d /CapHeight 714 /StemV 80 /FontFile2 %d 0 R >>",
		name, box, ascent, descent, first+3)
	p.stream(fmt.Sprintf("/Length1 %d", len(file)), file)
	p.stream("", []byte("/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"+
		"1 begincodespacerange\n<0000> <ffff>\nendcodespacerange\n"+unicodes.String()+"endbfchar\nendcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"))
}

// plainForm is what a reader copies for a glyph: the letter, not the form it has.
func plainForm(r rune) string {
	text := string(r)
	if r >= 0xFB50 {
		text = norm.NFKC.String(text)
	}
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(text)) {
		fmt.Fprintf(&b, "%04x", u)
	}
	return b.String()
}

// text is a string of the document's own information, in UTF-16.
func docText(s string) string {
	var b strings.Builder
	b.WriteString("<feff")
	for _, u := range utf16.Encode([]rune(s)) {
		fmt.Fprintf(&b, "%04x", u)
	}
	return b.String() + ">"
}

// end writes the table of objects. info and root are numbers of objects.
func (p *pdf) end(root, info int) error {
	start := p.at
	p.put("xref\n0 %d\n0000000000 65535 f \n", len(p.offsets)+1)
	for _, at := range p.offsets {
		p.put("%010d 00000 n \n", at)
	}
	p.put("trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(p.offsets)+1, root, info, start)
	return p.err
}
