package gateway

import "strings"

// words are the texts of the page in one language.
type words struct {
	Lang, Dir                                                                         string
	Title, Accepted, OnHub, Waiting, Shed, Lost, Class, Link, Parts, Recent, Sites    string
	Connected, Offline, NotJoined, NothingLost, SomethingLost, Received, Stream, Live string
	Classes                                                                           map[string]string
}

var english = words{
	Lang: "en", Dir: "ltr", Title: "Delivery ledger", Accepted: "accepted", OnHub: "on the hub", Waiting: "waiting", Shed: "shed", Lost: "lost", Class: "class",
	Link: "Link to the hub", Parts: "Parts of this node", Recent: "Newest records", Sites: "Streams gathered here",
	Connected: "connected", Offline: "no link: everything is kept here and sent later", NotJoined: "not joined to a hub yet",
	NothingLost: "Nothing is lost", SomethingLost: "Records are missing", Received: "received", Stream: "stream", Live: "live",
	Classes: map[string]string{"critical": "critical", "ledger": "money and audit", "clinical": "clinical", "community": "community", "telemetry": "readings", "bulk": "large files", "total": "all"},
}

var arabic = words{
	Lang: "ar", Dir: "rtl", Title: "سجلّ التسليم", Accepted: "مقبول", OnHub: "في المركز", Waiting: "بانتظار الإرسال", Shed: "أُسقط", Lost: "مفقود", Class: "الفئة",
	Link: "الاتصال بالمركز", Parts: "أجزاء هذه العقدة", Recent: "أحدث السجلات", Sites: "التدفقات المجمّعة هنا",
	Connected: "متصل", Offline: "لا يوجد اتصال: كل شيء محفوظ هنا وسيُرسل لاحقًا", NotJoined: "لم تنضم بعد إلى مركز",
	NothingLost: "لم يُفقد شيء", SomethingLost: "توجد سجلات مفقودة", Received: "مستلم", Stream: "التدفق", Live: "مباشر",
	Classes: map[string]string{"critical": "حرج", "ledger": "المال والتدقيق", "clinical": "سريري", "community": "المجتمع", "telemetry": "القراءات", "bulk": "الملفات الكبيرة", "total": "الكل"},
}

type pageView struct {
	W words
	S Status
	N string // shortened node id
}

func pageData(s Status, lang string) pageView {
	w := english
	if strings.HasPrefix(lang, "ar") {
		w = arabic
	}
	return pageView{W: w, S: s, N: s.Node[:min(12, len(s.Node))]}
}
