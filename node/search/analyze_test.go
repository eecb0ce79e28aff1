package search

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFold(t *testing.T) {
	for _, c := range []struct{ why, in, want string }{
		{"case", "Hospital", "hospital"},
		{"accents", "José ÁÇÃ", "jose aca"},
		{"compatibility forms", "ﬁle Ａ１", "file a1"},
		{"letters without decomposition", "Straße Łódź", "strasse lodz"},
		{"dotted and dotless i", "İstanbul ılık", "istanbul ilik"},
		{"tashkeel", "مُحَمَّد", "محمد"},
		{"tatweel is a letter until words drop it", "مسجد", "مسجد"},
		{"alef forms", "أحمد إبراهيم آدم ٱلله", "احمد ابراهيم ادم الله"},
		{"alef maqsura", "مصطفى", "مصطفي"},
		{"ta marbuta", "فاطمة", "فاطمه"},
		{"hamza on waw and ya", "مؤمن مسائل", "مومن مسايل"},
		{"Urdu kaf and ya", "پاکستانی", "پاكستاني"},
		{"Urdu ha", "ہسپتال بھائی", "هسپتال بهايي"},
		{"Urdu bari ye", "لڑکے", "لڑكي"},
		{"Arabic-Indic digits", "١٢٣٤", "1234"},
		{"Urdu digits", "۴۵۶", "456"},
		{"presentation forms", "ﻣﺤﻤﺪ", "محمد"},
	} {
		if got := fold(c.in); got != c.want {
			t.Errorf("%s: %q became %q, want %q", c.why, c.in, got, c.want)
		}
	}
}

func folded(s string) (out []string) {
	words(s, func(w word) bool {
		out = append(out, w.folded)
		return true
	})
	return out
}

func TestWords(t *testing.T) {
	for in, want := range map[string]string{
		"Don't panic, O’Brien!":  "dont panic obrien",
		"blood-pressure 120/80":  "blood pressure 120 80",
		"محمد\u200cعلی":          "محمدعلي",
		"مـــسجد":                "مسجد",
		"صلى ﷺ":                  "صلي صلي الله عليه وسلم",
		"klinik مسجد":            "klinik مسجد",
		"klinikمسجد":             "klinik مسجد",
		"covid19 a1b2":           "covid19 a1b2",
		"'' - ' \u200f":          "",
		"\xff\xfeabc\xff":        "abc",
		"rumah\u00adsakit":       "rumahsakit",
		"'quoted'":               "quoted",
		strings.Repeat("x", 100): strings.Repeat("x", maxWord),
		"日本語":                    "日本語",
		"e\u0301le\u0300ve":      "eleve",
		"user@example.org":       "user example org",
		"+62 812-3456":           "62 812 3456",
		"آغا خان ہسپتال، کراچی":  "اغا خان هسپتال كراچي",
		"الرَّحْمَـٰنِ":          "الرحمن",
	} {
		if got := strings.Join(folded(in), " "); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// Both ways of writing have to meet.
func TestStemsMeet(t *testing.T) {
	for _, c := range []struct {
		lang string
		rows []string
	}{
		{"en", []string{"patient patients", "announcement announcements announced announcing", "vaccinate vaccinated vaccination", "fasting fasted fasts"}},
		{"ar", []string{"كتاب الكتاب كتابه", "مسجد المسجد", "معلم معلمون المعلمين", "مدرسة المدرسة مدرسه"}},
		{"ur", []string{"کتاب کتابیں کتابوں", "مریض مریضوں", "سوال سوالات"}},
		{"id", []string{
			"tulis menulis ditulis tulisan penulis penulisan menuliskan tulislah",
			"ajar belajar pelajaran mengajar pelajar diajarkan",
			"obat obatnya pengobatan mengobati diobati",
			"sakit kesakitan sakitnya menyakiti penyakit",
			"daftar pendaftaran mendaftar terdaftar didaftarkan mendaftarkan",
			"periksa pemeriksaan memeriksa diperiksa pemeriksa",
			"kirim mengirim dikirim pengiriman kirimkan kirimanmu",
			"bantu membantu bantuan dibantu pembantu",
			"rawat merawat perawat perawatan dirawat",
			"lahir kelahiran dilahirkan melahirkan",
			"panggil memanggil panggilan dipanggil",
			"masak memasak masakan dimasak",
			"nyanyi menyanyi menyanyikan nyanyian",
			"guna menggunakan penggunaan digunakan pengguna",
			"sehat kesehatan menyehatkan",
			"mandi memandikan mandikan",
			"kerja bekerja pekerja pekerjaan mengerjakan",
			"tanya bertanya pertanyaan menanyakan",
			"henti berhenti memberhentikan",
			"besar terbesar membesarkan sebesar",
		}},
		{"ms", []string{
			"ubat perubatan mengubati ubatan",
			"sihat kesihatan",
			"bayar membayar bayaran pembayaran dibayar",
			"maklum pemakluman dimaklumkan memaklumkan",
			"rumah rumahnya perumahan berumah",
			"jumpa berjumpa menjumpai dijumpai",
		}},
	} {
		for _, row := range c.rows {
			list := strings.Fields(row)
			for _, w := range list[1:] {
				if !meet(list[0], w, c.lang) {
					t.Errorf("%s: %s and %s do not meet: %v and %v", c.lang, list[0], w, formsOf(list[0], c.lang), formsOf(w, c.lang))
				}
			}
		}
	}
}

// Words that look alike and are not related must not meet.
func TestStemsStayApart(t *testing.T) {
	for _, pair := range []string{"id makan maka", "id hari harimau", "id dia di", "id beri bela", "id kepala pala", "id pekan peka", "en university universe2", "ar كتاب كلب", "id ibu ibukota"} {
		p := strings.Fields(pair)
		if meet(p[1], p[2], p[0]) {
			t.Errorf("%s and %s meet: %v and %v", p[1], p[2], formsOf(p[1], p[0]), formsOf(p[2], p[0]))
		}
	}
}

func formsOf(s, lang string) (out []string) {
	words(s, func(w word) bool {
		t := tonguesOf(s, lang).of(w.folded)
		out = append(append(out, w.folded), stems(w, t)...)
		return true
	})
	return out
}

// meet tells whether a query for b finds a document with a: see scope.word.
func meet(a, b, lang string) bool {
	fa, fb := formsOf(a, lang), formsOf(b, lang)
	return slices.ContainsFunc(fb, func(s string) bool { return slices.Contains(fa, s) })
}

func TestTongues(t *testing.T) {
	for _, c := range []struct {
		text, lang string
		want       tongues
	}{
		{"The patient is in the clinic", "", tongues{arabic, english}},
		{"Pasien ini sudah datang dari klinik", "", tongues{arabic, malay}},
		{"Siti Aminah", "", tongues{arabic, noTongue}},
		{"Siti Aminah", "ms-MY", tongues{arabic, malay}},
		{"مریض ہسپتال میں ہے", "", tongues{urdu, noTongue}},
		{"المريض في المستشفى", "", tongues{arabic, noTongue}},
		{"مريض", "ur", tongues{urdu, noTongue}},
		{"the patient مریض", "ar", tongues{arabic, english}},
	} {
		if got := tonguesOf(c.text, c.lang); got != c.want {
			t.Errorf("%q %q: got %c, want %c", c.text, c.lang, got, c.want)
		}
	}
}

func TestPhoneCodes(t *testing.T) {
	for in, want := range map[string]string{
		"+62 812-3456-789": "628123456789 28123456789 8123456789 123456789",
		"0812 3456 789":    "8123456789 123456789 23456789 3456789",
		"٠٨١٢٣٤٥":          "812345 12345",
		"119":              "119",
		"":                 "",
		"000":              "",
	} {
		if got := strings.Join(phoneCodes(in), " "); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzAnalyze(f *testing.F) {
	for _, s := range []string{"Don't", "مُحَمَّد", "ﷺ", "a\u0301\u200d\u200db", "İı", "\xff", "Ⓐⅷ", "ẞßﬁ", "𞤀𝔸", "'a'b'", "ـ"} {
		f.Add(s, "en")
	}
	f.Fuzz(func(t *testing.T, s, lang string) {
		spoken := tonguesOf(s, lang)
		last := 0
		words(s, func(w word) bool {
			switch {
			case w.from < last && w.from != w.to && w.from < 0, w.to <= w.from, w.to > len(s), s[w.from:w.to] != w.raw:
				t.Fatalf("%q stands at %d to %d of %q", w.raw, w.from, w.to, s)
			case w.folded == "" || len(w.folded) > maxWord || !utf8.ValidString(w.folded) || strings.ContainsAny(w.folded, "\x00 "):
				t.Fatalf("%q became %q", w.raw, w.folded)
			}
			last = w.from
			if again := folded(w.folded); len(w.folded) < maxWord-8 && (len(again) != 1 || again[0] != w.folded) {
				t.Fatalf("%q is folded to %q, and that to %q", w.raw, w.folded, again)
			}
			for _, st := range stems(w, spoken.of(w.folded)) {
				if st == "" || len(st) > 2*maxWord || strings.ContainsRune(st, 0) {
					t.Fatalf("%q has the stem %q", w.folded, st)
				}
			}
			return true
		})
		if c := squash(s); len(c) > maxCode || strings.ContainsRune(c, 0) {
			t.Fatalf("%q is the code %q", s, c)
		}
		phoneCodes(s)
	})
}

func FuzzQuery(f *testing.F) {
	f.Add("two words", "", false)
	f.Add("+62 812 3456", "AAAA", true)
	f.Add("MR-001 \xff محمد", "", false)
	f.Fuzz(func(t *testing.T, text, cursor string, whole bool) {
		q := Query{Text: text, Cursor: cursor, Whole: whole}
		p, err := parse(q)
		if err != nil {
			return
		}
		n := 0
		for _, c := range p.clauses {
			n += len(c.words)
		}
		if n == 0 || n > MaxWords || p.offset+p.limit > MaxResults {
			t.Fatalf("%q was accepted as %+v", text, p)
		}
		q.Cursor = q.cursor(40)
		if again, err := parse(q); err != nil || again.offset != 40 {
			t.Fatalf("the cursor of %q is not taken: %v", text, err)
		}
	})
}
