package hijri

// names of months in the tongues of the portal, as calendars of the countries print them: Indonesian after KBBI, Malay
// after Dewan Bahasa (secondary sources), without vowel signs in Arabic and Urdu.
var names = map[string][12]string{
	"en": {"Muharram", "Safar", "Rabi al-Awwal", "Rabi al-Thani", "Jumada al-Ula", "Jumada al-Akhirah", "Rajab", "Sha'ban", "Ramadan", "Shawwal", "Dhu al-Qa'dah", "Dhu al-Hijjah"},
	"id": {"Muharam", "Safar", "Rabiulawal", "Rabiulakhir", "Jumadilawal", "Jumadilakhir", "Rajab", "Syakban", "Ramadan", "Syawal", "Zulkaidah", "Zulhijah"},
	"ms": {"Muharam", "Safar", "Rabiulawal", "Rabiulakhir", "Jamadilawal", "Jamadilakhir", "Rejab", "Syaaban", "Ramadan", "Syawal", "Zulkaedah", "Zulhijah"},
	"ur": {"محرم", "صفر", "ربیع الاول", "ربیع الثانی", "جمادی الاول", "جمادی الثانی", "رجب", "شعبان", "رمضان", "شوال", "ذوالقعدہ", "ذوالحجہ"},
	"ar": {"محرم", "صفر", "ربيع الأول", "ربيع الآخر", "جمادى الأولى", "جمادى الآخرة", "رجب", "شعبان", "رمضان", "شوال", "ذو القعدة", "ذو الحجة"},
}

// MonthName is the name of month 1 to 12 in en, id, ms, ur or ar, and in English for another tongue. It is not ok where
// there is no such month.
func MonthName(language string, month int) (name string, ok bool) {
	if month < 1 || month > 12 {
		return "", false
	}
	list, ok := names[language]
	if !ok {
		list = names["en"]
	}
	return list[month-1], true
}
