package statement

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

var languages = []string{"en", "id", "ms", "ur", "ar"}

// sample is an account with n lines, of which every third goes out.
func sample(n int, lang string) (Account, iter.Seq2[Line, error]) {
	notes := map[string][]string{
		"en": {"Donation for the roof", "Transfer", "A note that is far too long for the column it has to stand in"},
		"ur": {"چھت کے لیے عطیہ", "منتقلی (نمبر 12)", "رقم 1,250.00 IDR کی ادائیگی"},
		"ar": {"تبرع لسقف المسجد", "تحويل (رقم 12)", "دفعة Invoice 7 بمبلغ 1,250.00"},
	}
	list := notes[lang]
	if list == nil {
		list = notes["en"]
	}
	a := Account{Site: "Site A – الموقع", Number: "0190a1b2-c3d4-e5f6-0718-293a4b5c6d7e", Owner: "Member A", Fund: "sadaqah:roof", Currency: "IDR", Scale: 2,
		From: march, To: march.AddDate(0, 1, 0), Made: march.AddDate(0, 1, 1), Zone: march.Location(), Opening: pos(123_456_789), Closing: pos(123_456_789)}
	var lines []Line
	for i := range n {
		l := Line{Time: march.Add(time.Duration(i) * time.Hour), ID: fmt.Sprint("t", i), Note: list[i%3], Amount: pos(uint64(i+1) * 12_345)}
		if i%3 == 2 {
			l.Amount = l.Amount.Negated()
		}
		a.Closing, _ = a.Closing.Add(l.Amount)
		lines = append(lines, l)
	}
	return a, func(yield func(Line, error) bool) {
		for _, l := range lines {
			if !yield(l, nil) {
				return
			}
		}
	}
}

func render(t testing.TB, n int, lang string) []byte {
	a, lines := sample(n, lang)
	var out bytes.Buffer
	if err := AccountPDF(&out, a, lang, lines); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// The file is what its own table says, in every language and for every way the pages may fall.
func TestPDFStructure(t *testing.T) {
	for n := range 90 {
		structure(t, render(t, n, languages[n%5]))
	}
	structure(t, render(t, MaxLines, "ar"))
}

func structure(t *testing.T, b []byte) {
	t.Helper()
	start := regexp.MustCompile(`startxref\n(\d+)\n%%EOF\n$`).FindSubmatch(b)
	if start == nil || !bytes.HasPrefix(b, []byte("%PDF-1.7\n")) {
		t.Fatal("no end")
	}
	at, _ := strconv.Atoi(string(start[1]))
	if !bytes.HasPrefix(b[at:], []byte("xref\n")) {
		t.Fatal("the table of objects is not where the file says")
	}
	rows := regexp.MustCompile(`(?m)^(\d{10}) 00000 n $`).FindAllSubmatch(b[at:], -1)
	for i, row := range rows {
		off, _ := strconv.Atoi(string(row[1]))
		if !bytes.HasPrefix(b[off:], fmt.Appendf(nil, "%d 0 obj\n", i+1)) {
			t.Fatalf("object %d is not where the table says", i+1)
		}
	}
	for _, ref := range regexp.MustCompile(`(\d+) 0 R`).FindAllSubmatch(b, -1) {
		if n, _ := strconv.Atoi(string(ref[1])); n < 1 || n > len(rows) {
			t.Fatalf("object %d is named and not there", n)
		}
	}
	pages := bytes.Count(b, []byte("/Type /Page /"))
	if count := regexp.MustCompile(`/Count (\d+)`).FindSubmatch(b); string(count[1]) != strconv.Itoa(pages) {
		t.Fatalf("%d pages, said to be %s", pages, count[1])
	}
	for _, s := range regexp.MustCompile(`(?s)/Length (\d+) >>\nstream\n`).FindAllSubmatchIndex(b, -1) {
		n, _ := strconv.Atoi(string(b[s[2]:s[3]]))
		z, err := zlib.NewReader(bytes.NewReader(b[s[1] : s[1]+n]))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, z); err != nil || !bytes.HasPrefix(b[s[1]+n:], []byte("\nendstream")) {
			t.Fatal("a stream is not as long as it says", err)
		}
	}
}

func TestPDFIsTheSameEachTime(t *testing.T) {
	for _, lang := range languages {
		if !bytes.Equal(render(t, 60, lang), render(t, 60, lang)) {
			t.Errorf("%s differs", lang)
		}
	}
}

// A reader of PDF finds every figure, in every language.
func TestPDFText(t *testing.T) {
	tool, err := exec.LookPath("pdftotext")
	if err != nil {
		t.Skip("the text of pages was not read: needs Debian's poppler-utils")
	}
	for _, lang := range languages {
		path := filepath.Join(t.TempDir(), "s.pdf")
		if err := os.WriteFile(path, render(t, 60, lang), 0o600); err != nil {
			t.Fatal(err)
		}
		if dir := os.Getenv("PDF_KEEP"); dir != "" {
			os.WriteFile(filepath.Join(dir, lang+".pdf"), render(t, 60, lang), 0o600)
		}
		out, err := exec.Command(tool, "-layout", path, "-").CombinedOutput()
		if err != nil {
			t.Fatalf("%v %s", err, out)
		}
		a, lines := sample(60, lang)
		want := []string{a.Opening.Decimal(2), a.Closing.Decimal(2), a.Number, a.Currency, "2026-04-02"}
		a.rows(lines, func(r row) error {
			in, out := r.sides(2)
			want = append(want, in+out, r.balance.Decimal(2))
			return nil
		})
		for _, w := range want {
			if !strings.Contains(string(out), w) {
				t.Errorf("%s: %s is not to be found", lang, w)
			}
		}
		if strings.Contains(string(out), "Syntax") || strings.Contains(string(out), "?") {
			t.Errorf("%s:\n%.3000s", lang, out)
		}
	}
}

func TestPDFRefused(t *testing.T) {
	a, lines := sample(3, "en")
	if err := AccountPDF(io.Discard, a, "fr", lines); !edge.IsKind(err, edge.Invalid) {
		t.Error(err)
	}
	if err := AccountPDF(failing{io.ErrShortWrite}, a, "en", lines); !edge.IsKind(err, edge.Unavailable) {
		t.Error(err)
	}
	if err := AccountCSV(failing{io.ErrShortWrite}, a, lines); !edge.IsKind(err, edge.Unavailable) {
		t.Error(err)
	}
	a.Closing = amount.Signed{}
	var out bytes.Buffer
	if err := AccountPDF(&out, a, "en", lines); !edge.IsKind(err, edge.Corrupt) || out.Len() > 0 {
		t.Error(err)
	}
	a, lines = sample(MaxLines+1, "en")
	if err := AccountPDF(&out, a, "en", lines); !edge.IsKind(err, edge.Exhausted) || out.Len() > 0 {
		t.Error(err)
	}
}

func TestAccountCSV(t *testing.T) {
	a, lines := sample(3, "en")
	var out bytes.Buffer
	if err := AccountCSV(&out, a, lines); err != nil {
		t.Fatal(err)
	}
	const want = "\ufefftime,id,note,in,out,balance,currency\n2026-03-01T08:30:00+07:00,,opening,,,1234567.89,IDR\n2026-03-01T08:30:00+07:00,t0,Donation for the roof,123.45,,1234691.34,IDR\n"
	if !strings.HasPrefix(out.String(), want) || strings.Count(out.String(), "\n") != 6 || !strings.Contains(out.String(), ",370.35,1234567.89,IDR\n") {
		t.Error(out.String())
	}
}

// Letters take the form their neighbours give them, and lines of mixed direction stand as people read them.
func TestShape(t *testing.T) {
	for _, c := range []struct {
		text string
		rtl  bool
		want string
	}{
		{"Invoice 7", false, "Invoice 7"},
		{"سلام", true, "\uFEE1\uFEFC\uFEB3"},          // seen initial, lam-alef final, meem isolated; from left to right on the page
		{"لا", true, "\uFEFB"},                        // lam-alef alone
		{"ہے", true, "\uFBAF\uFBA8"},                  // heh goal initial, yeh barree final
		{"عَدَد", true, "\uFEA9\uFEAA\uFECB"},         // marks are dropped, what they stood between still links
		{"(رقم 12)", true, "(12 \uFEE2\uFED7\uFEAD)"}, // brackets look towards what they hold
		{"2026-03-01", true, "2026-03-01"},
		{"-5.00", true, "-5.00"},
		{"ب 1,250.00 IDR", true, "IDR 1,250.00 \uFE8F"},
		{"Masjid – مسجد", false, "Masjid – \uFEAA\uFEA0\uFEB4\uFEE3"},
		{"", true, ""},
	} {
		if got := string(shape(c.text, c.rtl)); got != c.want {
			t.Errorf("%q is %q (%U), want %q", c.text, got, []rune(got), c.want)
		}
	}
}

// No text whatever stops a statement, and of what is longer than its place only the end is lost.
func TestPDFOfAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, _ := sample(0, "en")
		a.Site, a.Owner, a.Fund, a.Scale = rapid.String().Draw(t, "site"), rapid.String().Draw(t, "owner"), rapid.String().Draw(t, "fund"), rapid.IntRange(0, 18).Draw(t, "scale")
		l := Line{Time: march, Note: rapid.StringOf(rapid.RuneFrom([]rune("لاسمہے ab 12.-()ـ"))).Draw(t, "note"), Amount: amount.Signed{Amount: amount.Amount{Hi: rapid.Uint64Max(1<<40).Draw(t, "amount")}}}
		a.Closing, _ = a.Opening.Add(l.Amount)
		lang := rapid.SampledFrom(languages).Draw(t, "lang")
		if err := AccountPDF(io.Discard, a, lang, func(yield func(Line, error) bool) { yield(l, nil) }); err != nil {
			t.Fatal(err)
		}
		f := newFace()
		if d := (&document{text: words{rtl: true}, face: f}); f.width(shape(d.fit(l.Note, 9, 100), true), 9) > 101 {
			t.Fatal("wider than its place")
		}
	})
}
