package statement

import "github.com/aielon/edge/node/edge"

// words are the texts of a statement in one language.
type words struct {
	lang, title, account, owner, fund, currency, period, opening, closing string
	date, note, in, out, balance, totals, page, generated, computed       string
	rtl                                                                   bool
}

// wordsOf are the texts of a language: en, id, ms, ur or ar. page takes the page and how many there are.
func wordsOf(lang string) (words, error) {
	switch lang {
	case "", "en":
		return words{"en", "Account statement", "Account", "Holder", "Fund", "Currency", "Period", "Opening balance", "Closing balance",
			"Date", "Description", "In", "Out", "Balance", "Totals", "Page %d of %d", "Generated", "Computed by this node from its own ledger.", false}, nil
	case "id":
		return words{"id", "Rekening koran", "Rekening", "Pemilik", "Dana", "Mata uang", "Periode", "Saldo awal", "Saldo akhir",
			"Tanggal", "Keterangan", "Masuk", "Keluar", "Saldo", "Jumlah", "Halaman %d dari %d", "Dibuat", "Dihitung oleh simpul ini dari buku besarnya sendiri.", false}, nil
	case "ms":
		return words{"ms", "Penyata akaun", "Akaun", "Pemegang", "Dana", "Mata wang", "Tempoh", "Baki awal", "Baki akhir",
			"Tarikh", "Butiran", "Masuk", "Keluar", "Baki", "Jumlah", "Halaman %d daripada %d", "Dijana", "Dikira oleh nod ini daripada lejarnya sendiri.", false}, nil
	case "ur":
		return words{"ur", "کھاتے کا گوشوارہ", "کھاتہ", "کھاتہ دار", "فنڈ", "کرنسی", "مدت", "ابتدائی بقایا", "اختتامی بقایا",
			"تاریخ", "تفصیل", "آمد", "خرچ", "بقایا", "میزان", "صفحہ %d از %d", "تیار کردہ", "اس نوڈ نے اپنے کھاتوں سے شمار کیا۔", true}, nil
	case "ar":
		return words{"ar", "كشف حساب", "الحساب", "صاحب الحساب", "الصندوق", "العملة", "الفترة", "الرصيد الافتتاحي", "الرصيد الختامي",
			"التاريخ", "البيان", "وارد", "صادر", "الرصيد", "المجموع", "صفحة %d من %d", "أُنشئ في", "حسبته هذه العقدة من دفترها.", true}, nil
	}
	return words{}, edge.E(edge.Invalid, "there is no statement in this language").WithCode("invalid_request").WithHint("choose en, id, ms, ur or ar")
}

// KindWord is what an entry of the ledger is called in a language, by its kind; the kind itself where there is no word.
func KindWord(lang, kind string) string {
	at := map[string]int{"transfer": 0, "post": 0, "reverse": 1, "release": 2, "clearing": 3}
	texts := map[string][4]string{
		"en": {"Transfer", "Reversal", "Release", "Between sites"},
		"id": {"Transfer", "Pembatalan", "Pelepasan dana", "Antarlokasi"},
		"ms": {"Pindahan", "Pembalikan", "Pelepasan dana", "Antara tapak"},
		"ur": {"منتقلی", "واپسی", "فنڈ کا اجرا", "مقامات کے درمیان"},
		"ar": {"تحويل", "عكس قيد", "إفراج عن أموال", "بين المواقع"},
	}
	if lang == "" {
		lang = "en"
	}
	i, known := at[kind]
	words, spoken := texts[lang]
	if !known || !spoken {
		return kind
	}
	return words[i]
}
