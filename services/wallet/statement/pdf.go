package statement

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// The page, in points: A4, and where things stand on it as seen from the side where reading begins.
const (
	pageW, pageH = 595.28, 841.89
	margin       = 42.0
	noteAt       = margin + 68
	noteEnd      = 295.0
	inAt         = 379.0 // right edge of the column
	outAt        = 463.0
	balanceAt    = pageW - margin
	columnW      = 78.0 // of the three columns of amounts
	rowH         = 17.0
	firstTop     = 260.0 // of the rows, on the first page and on the others
	nextTop      = 100.0
	bottom       = pageH - 100
)

// AccountPDF writes a statement in a language (en, id, ms, ur, ar) as PDF, pages running from right to left for Urdu and
// Arabic. Equal input gives equal bytes. It fails with Exhausted beyond MaxLines, Corrupt where the lines do not lead from
// Opening to Closing, Invalid for a language it has no words of, and Unavailable where w fails; nothing is written before
// all lines were read.
func AccountPDF(w io.Writer, a Account, lang string, lines iter.Seq2[Line, error]) error {
	text, err := wordsOf(lang)
	if err != nil {
		return err
	}
	d := &document{a: a, text: text, face: newFace()}
	err = a.rows(lines, func(r row) error {
		if len(d.rows) == MaxLines {
			return edge.E(edge.Exhausted, "a statement as PDF has at most %d entries", MaxLines).WithHint("ask for a shorter time, or for CSV")
		}
		d.rows = append(d.rows, r)
		sum := &d.in
		if r.Amount.Neg {
			sum = &d.out
		}
		var ok bool
		if *sum, ok = sum.Add(r.Amount.Amount); !ok {
			return edge.E(edge.Corrupt, "the statement's totals are larger than can be counted")
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := d.write(w); err != nil {
		return unwritten(err)
	}
	return nil
}

// A document is a statement on its way to pages.
type document struct {
	edge.Redacted
	a       Account
	text    words
	face    face
	rows    []row
	in, out amount.Amount
	page    bytes.Buffer // what is drawn on the page at hand
}

// pages cuts the rows: so many fit on the first page, so many on each other. The last keeps room for the totals.
func (d *document) pages() (cut [][]row) {
	rest, top := d.rows, firstTop
	for {
		fit := int((bottom - top) / rowH)
		if len(rest) <= fit-4 {
			return append(cut, rest)
		}
		n := min(fit, len(rest))
		cut, rest, top = append(cut, rest[:n]), rest[n:], nextTop
	}
}

// write makes the objects: catalog 1, information 2, pages 3, fonts 4 to 13, then two for each page.
func (d *document) write(w io.Writer) error {
	p := &pdf{w: w}
	cut := d.pages()
	p.put("%%PDF-1.7\n%%\xe2\xe3\xcf\xd3\n")
	direction := "L2R"
	if d.text.rtl {
		direction = "R2L"
	}
	p.object("<< /Type /Catalog /Pages 3 0 R /Lang (%s) /ViewerPreferences << /Direction /%s /DisplayDocTitle true >> >>", d.text.lang, direction)
	p.object("<< /Title %s /Producer (aielon-edge) /CreationDate (D:%sZ) >>", docText(d.text.title), d.a.Made.UTC().Format("20060102150405"))
	var kids strings.Builder
	for i := range cut {
		fmt.Fprintf(&kids, "%d 0 R ", 14+2*i)
	}
	p.object("<< /Type /Pages /Count %d /Kids [%s] >>", len(cut), strings.TrimSpace(kids.String()))
	p.font("AAAAAA+NotoSans", latinFont, latinGlyphs, 1069, -293, "-621 -389 2800 1067")
	p.font("AAAAAB+NotoNaskhArabic", arabicFont, arabicGlyphs, 1069, -634, "-249 -610 6092 1056")
	for i, rows := range cut {
		d.draw(rows, i, len(cut))
		p.object("<< /Type /Page /Parent 3 0 R /MediaBox [0 0 %.2f %.2f] /Contents %d 0 R /Resources << /Font << /L 4 0 R /A 9 0 R >> >> >>", pageW, pageH, 15+2*i)
		p.stream("", d.page.Bytes())
	}
	return p.end(1, 2)
}

func (d *document) draw(rows []row, page, pages int) {
	d.page.Reset()
	top := nextTop
	if page == 0 {
		d.head()
		top = firstTop
	} else {
		d.put(margin, 60, 9, d.a.Number+" · "+d.a.Currency, false)
	}
	d.columns(top - 10)
	for i, r := range rows {
		d.row(top+rowH*float64(i)+11, r)
	}
	if page == pages-1 {
		d.totals(top + rowH*float64(len(rows)) + 11)
	}
	y := pageH - 46
	d.line(y-14, 0.4)
	d.put(margin, y, 8, d.text.computed, false)
	d.put(margin, y+13, 8, d.text.generated+" "+d.a.Made.In(d.a.zone()).Format("2006-01-02 15:04 -07:00"), false)
	d.put(pageW-margin, y, 8, fmt.Sprintf(d.text.page, page+1, pages), true)
}

func (d *document) head() {
	d.bold(margin, 64, 18, d.text.title, false)
	d.put(pageW-margin, 64, 11, d.fit(d.a.Site, 11, 250), true)
	facts := [][2]string{{d.text.account, d.a.Number}, {d.text.owner, d.a.Owner}, {d.text.fund, d.a.Fund}, {d.text.currency, d.a.Currency},
		{d.text.period, d.date(d.a.From) + " – " + d.date(d.a.To)}}
	y := 94.0
	for _, f := range facts {
		if f[1] != "" {
			d.put(margin, y, 10, f[0], false)
			d.put(margin+100, y, 10, d.fit(f[1], 10, 400), false)
			y += 17
		}
	}
	d.put(margin, 200, 10, d.text.opening, false)
	d.figure(margin+230, 200, 10, 130, d.a.Opening.Decimal(d.a.Scale))
	d.put(margin, 217, 10, d.text.closing, false)
	d.figure(margin+230, 217, 10, 130, d.a.Closing.Decimal(d.a.Scale))
}

func (d *document) columns(y float64) {
	d.bold(margin, y, 9, d.text.date, false)
	d.bold(noteAt, y, 9, d.text.note, false)
	for _, c := range []struct {
		x    float64
		text string
	}{{inAt, d.text.in}, {outAt, d.text.out}, {balanceAt, d.text.balance}} {
		if d.text.rtl { // above the figures, which end at the right
			d.bold(c.x-columnW, y, 9, c.text, false)
		} else {
			d.bold(c.x, y, 9, c.text, true)
		}
	}
	d.line(y+6, 0.8)
}

func (d *document) row(y float64, r row) {
	in, out := r.sides(d.a.Scale)
	d.put(margin, y, 9, d.date(r.Time), false)
	d.put(noteAt, y, 9, d.fit(r.Note, 9, noteEnd-noteAt), false)
	d.figure(inAt, y, 9, columnW, in)
	d.figure(outAt, y, 9, columnW, out)
	d.figure(balanceAt, y, 9, columnW, r.balance.Decimal(d.a.Scale))
}

func (d *document) totals(y float64) {
	d.line(y-12, 0.8)
	d.bold(margin, y+4, 9, d.text.totals, false)
	d.figure(inAt, y+4, 9, columnW, amount.Signed{Amount: d.in}.Decimal(d.a.Scale))
	d.figure(outAt, y+4, 9, columnW, amount.Signed{Amount: d.out}.Decimal(d.a.Scale))
	d.bold(margin, y+4+rowH, 9, d.text.closing+" ("+d.a.Currency+")", false)
	d.figure(balanceAt, y+4+rowH, 9, columnW, d.a.Closing.Decimal(d.a.Scale))
}

func (d *document) date(t time.Time) string { return t.In(d.a.zone()).Format(time.DateOnly) }

// gap is between thousands, in thousandths of the size: readers of text take a tenth for a space.
const gap = 85

// fit cuts text to a width, with three points where something was cut.
func (d *document) fit(text string, size, width float64) string {
	if d.face.width(shape(text, d.text.rtl), size) <= width {
		return text
	}
	list := []rune(text)
	for len(list) > 0 && d.face.width(shape(string(list)+"…", d.text.rtl), size) > width {
		list = list[:len(list)-1]
	}
	return strings.TrimSpace(string(list)) + "…"
}

// put writes a text that begins, or with end set ends, at x as seen from the side where reading begins.
func (d *document) put(x, y, size float64, text string, end bool) {
	if text == "" {
		return
	}
	line := shape(text, d.text.rtl)
	if d.text.rtl {
		x, end = pageW-x, !end
	}
	if end {
		x -= d.face.width(line, size)
	}
	d.glyphs(x, y, size, line, nil)
}

// figure writes an amount into a column of a width whose last side, as one reads, is x: on the right of it, so that points
// stand below each other in every language, its thousands apart by a gap that is no character, and smaller where it would
// not fit.
func (d *document) figure(x, y, size, width float64, text string) {
	if text == "" {
		return
	}
	if w := d.face.width([]rune(text), size) * 1.1; w > width {
		size *= width / w
	}
	if d.text.rtl {
		x = pageW - x + width
	}
	d.glyphs(x-d.figureWidth(text, size), y, size, []rune(text), thousands(text))
}

func (d *document) figureWidth(text string, size float64) float64 {
	return d.face.width([]rune(text), size) + float64(gap*len(thousands(text)))*size/1000
}

// thousands are the places in a number before which a gap stands.
func thousands(text string) map[int]bool {
	gaps := map[int]bool{}
	whole, _, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	sign := len(text) - len(strings.TrimPrefix(text, "-"))
	for i := len(whole) - 3; i > 0; i -= 3 {
		gaps[sign+i] = true
	}
	return gaps
}

// bold draws the edges of the letters too: one weight of the fonts is enough.
func (d *document) bold(x, y, size float64, text string, end bool) {
	fmt.Fprintf(&d.page, "2 Tr %.2f w\n", size/40)
	d.put(x, y, size, text, end)
	d.page.WriteString("0 Tr\n")
}

func (d *document) line(y, width float64) {
	fmt.Fprintf(&d.page, "%.2f w %.2f %.2f m %.2f %.2f l S\n", width, margin, pageH-y, pageW-margin, pageH-y)
}

// glyphs writes a shaped line from x to the right, in runs of one font each.
func (d *document) glyphs(x, y, size float64, line []rune, gaps map[int]bool) {
	fmt.Fprintf(&d.page, "BT %.2f %.2f Td ", x, pageH-y)
	for i := 0; i < len(line); {
		arabic := d.face.of(line[i]).arabic
		if arabic {
			fmt.Fprintf(&d.page, "/A %.2f Tf [<", size*arabicSize)
		} else {
			fmt.Fprintf(&d.page, "/L %.2f Tf [<", size)
		}
		for ; i < len(line) && d.face.of(line[i]).arabic == arabic; i++ {
			if gaps[i] {
				fmt.Fprintf(&d.page, "> -%d <", gap)
			}
			fmt.Fprintf(&d.page, "%04x", d.face.of(line[i]).id)
		}
		d.page.WriteString(">] TJ ")
	}
	d.page.WriteString("ET\n")
}
