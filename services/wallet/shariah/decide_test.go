package shariah_test

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/shariah"
	"github.com/aielon/edge/services/wallet/shariah/mcc"
)

func compiled(t testing.TB, data []byte) *shariah.Compiled {
	t.Helper()
	s, err := shariah.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	c, err := shariah.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func fund(t testing.TB, s string) shariah.Fund {
	t.Helper()
	f, err := shariah.ParseFund(s)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func n(v uint64) amount.Amount { return amount.Of(v) }

// dealings are what the built-in set says of one dealing after another; those of one rule that differ in one fact
// stand together.
var dealings = []struct {
	name     string
	from, to string
	f        shariah.Facts
	act      shariah.Act
	rule     string
}{
	{"a plain transfer", "amanah", "amanah", shariah.Facts{Purpose: shariah.Transfer, AmountOut: n(5)}, shariah.Allow, ""},
	{"interest", "amanah", "amanah", shariah.Facts{Purpose: shariah.Interest}, shariah.Deny, "RIBA-1"},
	{"interest on deposits", "general", "amanah", shariah.Facts{Purpose: shariah.DepositInterest}, shariah.Deny, "RIBA-1"},
	{"a loan with more to pay back", "qard_pool", "amanah", shariah.Facts{Purpose: shariah.QardDisbursement, Principal: n(100), ScheduleSum: n(101)}, shariah.Deny, "RIBA-1"},
	{"a loan with less to pay back", "qard_pool", "amanah", shariah.Facts{Purpose: shariah.QardDisbursement, Principal: n(100), ScheduleSum: n(99)}, shariah.Deny, "RIBA-1"},
	{"a good loan", "qard_pool", "amanah", shariah.Facts{Purpose: shariah.QardDisbursement, Principal: n(100), ScheduleSum: n(100)}, shariah.Allow, ""},
	{"its repayment", "amanah", "qard_pool", shariah.Facts{Purpose: shariah.QardRepayment, Principal: n(100), ScheduleSum: n(100)}, shariah.Allow, ""},
	{"a late amount to income", "amanah", "general", shariah.Facts{Purpose: shariah.LatePayment}, shariah.Route, "RIBA-2"},
	{"a late amount to charity", "amanah", "charity", shariah.Facts{Purpose: shariah.LatePayment}, shariah.Allow, ""},
	{"pay for the delay", "amanah", "charity", shariah.Facts{Purpose: shariah.DelayCompensation}, shariah.Deny, "RIBA-2"},
	{"cost of collecting", "amanah", "amanah", shariah.Facts{Purpose: shariah.CollectionCost, Document: true, AmountOut: n(7), ActualCost: n(7)}, shariah.Review, "RIBA-3"},
	{"cost of collecting without a paper", "amanah", "amanah", shariah.Facts{Purpose: shariah.CollectionCost, AmountOut: n(7), ActualCost: n(7)}, shariah.Deny, "RIBA-3"},
	{"more than the cost", "amanah", "amanah", shariah.Facts{Purpose: shariah.CollectionCost, Document: true, AmountOut: n(8), ActualCost: n(7)}, shariah.Deny, "RIBA-3"},
	{"fee of a loan", "amanah", "general", shariah.Facts{Purpose: shariah.QardFee, FeeFlat: true, AmountOut: n(7), ActualCost: n(7)}, shariah.Allow, ""},
	{"fee above cost", "amanah", "general", shariah.Facts{Purpose: shariah.QardFee, FeeFlat: true, AmountOut: n(8), ActualCost: n(7)}, shariah.Deny, "RIBA-4"},
	{"fee by time", "amanah", "general", shariah.Facts{Purpose: shariah.QardFee, AmountOut: n(7), ActualCost: n(7)}, shariah.Deny, "RIBA-4"},
	{"a gift", "amanah", "amanah", shariah.Facts{Purpose: shariah.Gift}, shariah.Allow, ""},
	{"a gift to the lender", "amanah", "amanah", shariah.Facts{Purpose: shariah.Gift, OwesPayee: true}, shariah.Deny, "RIBA-4"},
	{"exchange", "amanah", "amanah", shariah.Facts{Purpose: shariah.Exchange, Chain: true, AssetOut: "IDR", AssetIn: "XAU", AmountOut: n(9), AmountIn: n(1)}, shariah.Allow, ""},
	{"exchange in two steps", "amanah", "amanah", shariah.Facts{Purpose: shariah.Exchange, AssetOut: "IDR", AssetIn: "XAU"}, shariah.Deny, "SARF-1"},
	{"exchange on hold", "amanah", "amanah", shariah.Facts{Purpose: shariah.Exchange, Chain: true, Pending: true, AssetOut: "IDR", AssetIn: "XAU"}, shariah.Deny, "SARF-1"},
	{"exchange tomorrow", "amanah", "amanah", shariah.Facts{Purpose: shariah.Exchange, Chain: true, ExecuteIn: time.Hour, AssetOut: "IDR", AssetIn: "XAU"}, shariah.Deny, "SARF-1"},
	{"exchange called a transfer", "amanah", "amanah", shariah.Facts{Purpose: shariah.Transfer, Pending: true, Chain: true, AssetOut: "IDR", AssetIn: "XAU"}, shariah.Deny, "SARF-1"},
	{"gold for less gold", "amanah", "amanah", shariah.Facts{Purpose: shariah.Exchange, Chain: true, AssetOut: "XAU", AssetIn: "XAU", AmountOut: n(9), AmountIn: n(8)}, shariah.Deny, "SARF-2"},
	{"gold for as much gold", "amanah", "amanah", shariah.Facts{Purpose: shariah.Exchange, Chain: true, AssetOut: "XAU", AssetIn: "XAU", AmountOut: n(9), AmountIn: n(9)}, shariah.Allow, ""},
	{"a counter", "amanah", "amanah", shariah.Facts{Purpose: shariah.Purchase}, shariah.Allow, ""},
	{"a vague sale", "amanah", "amanah", shariah.Facts{Purpose: shariah.Sale, Offer: shariah.HasPrice | shariah.HasCurrency}, shariah.Deny, "GHARAR-1"},
	{"a vague invoice", "amanah", "amanah", shariah.Facts{Purpose: shariah.InvoicePayment, Offer: whole &^ shariah.HasDelivery}, shariah.Deny, "GHARAR-1"},
	{"a sale", "amanah", "amanah", shariah.Facts{Purpose: shariah.Sale, Offer: whole}, shariah.Allow, ""},
	{"a murabaha of nobody's goods", "general", "amanah", shariah.Facts{Purpose: shariah.MurabahaSale, Offer: whole, Cost: n(90), Markup: n(10), Price: n(100), ScheduleSum: n(100)}, shariah.Deny, "GHARAR-2"},
	{"a murabaha", "general", "amanah", shariah.Facts{Purpose: shariah.MurabahaSale, Owned: true, Offer: whole, Cost: n(90), Markup: n(10), Price: n(100), ScheduleSum: n(100)}, shariah.Allow, ""},
	{"a hidden markup", "general", "amanah", shariah.Facts{Purpose: shariah.MurabahaSale, Owned: true, Offer: whole, Cost: n(90), Markup: n(9), Price: n(100), ScheduleSum: n(100)}, shariah.Deny, "MURA-1"},
	{"instalments above the price", "general", "amanah", shariah.Facts{Purpose: shariah.MurabahaSale, Owned: true, Offer: whole, Cost: n(90), Markup: n(10), Price: n(100), ScheduleSum: n(101)}, shariah.Deny, "MURA-1"},
	{"a price that rose", "amanah", "general", shariah.Facts{Purpose: shariah.MurabahaInstalment, Cost: n(90), Markup: n(11), Price: n(101), FirstPrice: n(100), ScheduleSum: n(101)}, shariah.Deny, "MURA-1"},
	{"an instalment of unknown price", "amanah", "general", shariah.Facts{Purpose: shariah.MurabahaInstalment, Cost: n(90), Markup: n(10), Price: n(100), ScheduleSum: n(100)}, shariah.Deny, "MURA-1"},
	{"an instalment", "amanah", "general", shariah.Facts{Purpose: shariah.MurabahaInstalment, Cost: n(90), Markup: n(10), Price: n(100), FirstPrice: n(100), ScheduleSum: n(100)}, shariah.Allow, ""},
	{"a rebate inside the price", "general", "amanah", shariah.Facts{Purpose: shariah.MurabahaRebate}, shariah.Deny, "MURA-1"},
	{"a rebate as a gift", "general", "amanah", shariah.Facts{Purpose: shariah.MurabahaRebate, Separate: true}, shariah.Allow, ""},
	{"a bet", "amanah", "amanah", shariah.Facts{Purpose: shariah.Bet}, shariah.Deny, "MAYSIR-1"},
	{"a paid raffle", "amanah", "amanah", shariah.Facts{Purpose: shariah.RaffleTicket}, shariah.Deny, "MAYSIR-1"},
	{"a raffle with a given prize", "amanah", "amanah", shariah.Facts{Purpose: shariah.RaffleTicket, PrizeDonated: true}, shariah.Allow, ""},
	{"a casino", "amanah", "amanah", shariah.Facts{Purpose: shariah.Purchase, MCC: 7995}, shariah.Deny, "MAYSIR-1"},
	{"a pub", "amanah", "amanah", shariah.Facts{Purpose: shariah.Purchase, MCC: 5813}, shariah.Deny, "MCC-D"},
	{"an insurance", "amanah", "amanah", shariah.Facts{Purpose: shariah.Purchase, MCC: 6300}, shariah.Review, "MCC-R"},
	{"a code nobody knows", "amanah", "amanah", shariah.Facts{Purpose: shariah.Purchase, MCC: 1}, shariah.Review, "MCC-R"},
	{"a funeral", "amanah", "amanah", shariah.Facts{Purpose: shariah.Purchase, MCC: 7261}, shariah.Allow, "MCC-A"},
	{"a restaurant", "amanah", "amanah", shariah.Facts{Purpose: shariah.Purchase, MCC: 5812}, shariah.Allow, ""},
	{"shares without figures", "amanah", "amanah", shariah.Facts{Purpose: shariah.SharePurchase}, shariah.Review, "SCREEN-1"},
	{"shares with debt", "amanah", "amanah", shariah.Facts{Purpose: shariah.SharePurchase, Shares: &shariah.Figures{MarketCap: n(100), Debt: n(31), Income: n(100)}}, shariah.Deny, "SCREEN-1"},
	{"shares", "amanah", "amanah", shariah.Facts{Purpose: shariah.SharePurchase, Shares: &shariah.Figures{MarketCap: n(100), Debt: n(30), Deposits: n(30), Income: n(100), ImpermissibleIncome: n(5)}}, shariah.Allow, ""},
	{"impermissible income as zakat", "amanah", "zakat", shariah.Facts{Purpose: shariah.Purification}, shariah.Route, "PURIFY-1"},
	{"impermissible income", "amanah", "purification", shariah.Facts{Purpose: shariah.Purification}, shariah.Allow, ""},
	{"giving", "amanah", "sadaqah:roof", shariah.Facts{Purpose: shariah.Donation}, shariah.Allow, ""},
	{"a campaign's money elsewhere", "sadaqah:roof", "sadaqah:well", shariah.Facts{Purpose: shariah.Transfer}, shariah.Deny, "FUND-1"},
	{"a campaign's money within", "sadaqah:roof", "sadaqah:roof", shariah.Facts{Purpose: shariah.Transfer}, shariah.Allow, ""},
	{"a campaign's money for its purpose", "sadaqah:roof", "amanah", shariah.Facts{Purpose: shariah.Transfer, CampaignPurpose: true}, shariah.Allow, ""},
	{"the rest of a campaign", "sadaqah:roof", "general", shariah.Facts{Purpose: shariah.FundRelease, Document: true, Approvals: 2, CampaignEnded: true, DonorsConsent: true}, shariah.Allow, ""},
	{"without the donors' consent", "sadaqah:roof", "general", shariah.Facts{Purpose: shariah.FundRelease, Document: true, Approvals: 2, CampaignEnded: true}, shariah.Deny, "FUND-1"},
	{"a release with one approval", "general", "building", shariah.Facts{Purpose: shariah.FundRelease, Document: true, Approvals: 1}, shariah.Deny, "FUND-1"},
	{"a release without a paper", "general", "building", shariah.Facts{Purpose: shariah.FundRelease, Approvals: 2}, shariah.Deny, "FUND-1"},
	{"a release", "general", "building", shariah.Facts{Purpose: shariah.FundRelease, Document: true, Approvals: 2}, shariah.Allow, ""},
	{"charity to income", "charity", "general", shariah.Facts{Purpose: shariah.FundRelease, Document: true, Approvals: 2}, shariah.Deny, "FUND-1"},
	{"charity to the needy", "charity", "amanah", shariah.Facts{Purpose: shariah.Transfer, Beneficiary: true}, shariah.Allow, ""},
	{"a reversed gift", "sadaqah:roof", "amanah", shariah.Facts{Purpose: shariah.Reversal, Reverses: shariah.Donation}, shariah.Allow, ""},
	{"zakat to a debtor", "zakat", "amanah", shariah.Facts{Purpose: shariah.ZakatGrant, Asnaf: shariah.Gharim, Beneficiary: true}, shariah.Allow, ""},
	{"zakat without a category", "zakat", "amanah", shariah.Facts{Purpose: shariah.ZakatGrant, Beneficiary: true}, shariah.Deny, "ASNAF-1"},
	{"zakat in cash to nobody", "zakat", "zakat", shariah.Facts{Purpose: shariah.CashOut}, shariah.Deny, "ASNAF-1"},
	{"zakat from the desk to the bank", "zakat", "zakat", shariah.Facts{Purpose: shariah.Transfer, Within: true}, shariah.Allow, ""},
	{"zakat from the desk to somewhere", "zakat", "zakat", shariah.Facts{Purpose: shariah.Transfer}, shariah.Deny, "ASNAF-1"},
	{"zakat taken in by mistake", "zakat", "amanah", shariah.Facts{Purpose: shariah.Reversal, Reverses: shariah.ZakatIn}, shariah.Allow, ""},
	{"a grant called back wrongly", "zakat", "amanah", shariah.Facts{Purpose: shariah.Reversal, Reverses: shariah.Donation}, shariah.Deny, "ASNAF-1"},
	{"zakat for a roof", "zakat", "amanah", shariah.Facts{Purpose: shariah.Upkeep, Asnaf: shariah.FiSabilillah, Beneficiary: true}, shariah.Deny, "ASNAF-2"},
	{"an eighth to the amil", "zakat", "general", shariah.Facts{Purpose: shariah.Amil, Asnaf: shariah.AmilCategory, Beneficiary: true, AmountOut: n(125), AmilTaken: n(125), ZakatReceived: n(1000)}, shariah.Allow, ""},
	{"more than an eighth", "zakat", "general", shariah.Facts{Purpose: shariah.Amil, Asnaf: shariah.AmilCategory, Beneficiary: true, AmountOut: n(1), AmilTaken: n(126), ZakatReceived: n(1000)}, shariah.Deny, "ASNAF-3"},
	{"an amil without totals", "zakat", "general", shariah.Facts{Purpose: shariah.Amil, Asnaf: shariah.AmilCategory, Beneficiary: true, AmountOut: n(1)}, shariah.Deny, "ASNAF-3"},
	{"fitr in time", "amanah", "fitr", shariah.Facts{Purpose: shariah.Fitr}, shariah.Allow, ""},
	{"fitr too late", "amanah", "fitr", shariah.Facts{Purpose: shariah.Fitr, AfterPrayer: true}, shariah.Info, "FITR-1"},
	{"a waqf sold", "waqf_corpus:land", "waqf_corpus:land", shariah.Facts{Purpose: shariah.CashOut}, shariah.Deny, "WAQF-1"},
	{"a waqf released", "waqf_corpus:land", "general", shariah.Facts{Purpose: shariah.FundRelease, Document: true, Approvals: 9}, shariah.Deny, "FUND-1"},
	{"a gift to a waqf called back", "waqf_corpus:land", "amanah", shariah.Facts{Purpose: shariah.Reversal, Reverses: shariah.Donation}, shariah.Deny, "WAQF-1"},
	{"a swap", "waqf_corpus:land", "amanah", shariah.Facts{Purpose: shariah.Istibdal, Approvals: 2, ValueOut: n(10), ValueIn: n(10)}, shariah.Allow, ""},
	{"a swap for less", "waqf_corpus:land", "amanah", shariah.Facts{Purpose: shariah.Istibdal, Approvals: 2, ValueOut: n(10), ValueIn: n(9)}, shariah.Deny, "WAQF-1"},
	{"a swap by one", "waqf_corpus:land", "amanah", shariah.Facts{Purpose: shariah.Istibdal, Approvals: 1, ValueOut: n(10), ValueIn: n(10)}, shariah.Deny, "WAQF-1"},
	{"a swap without values", "waqf_corpus:land", "amanah", shariah.Facts{Purpose: shariah.Istibdal, Approvals: 2}, shariah.Deny, "WAQF-1"},
	{"yield for the deed", "waqf_yield:land", "amanah", shariah.Facts{Purpose: shariah.WaqfSpend, DeedPurpose: true}, shariah.Allow, ""},
	{"yield in cash for something else", "waqf_yield:land", "waqf_yield:land", shariah.Facts{Purpose: shariah.WaqfSpend}, shariah.Deny, "WAQF-2"},
	{"a loan of unknown size", "qard_pool", "amanah", shariah.Facts{Purpose: shariah.QardDisbursement}, shariah.Deny, "RIBA-1"},
	{"an exchange for nothing", "amanah", "amanah", shariah.Facts{Purpose: shariah.Exchange, Chain: true, AssetOut: "IDR"}, shariah.Deny, "SARF-1"},
	{"a waqf moved to its bank", "waqf_corpus:land", "waqf_corpus:land", shariah.Facts{Purpose: shariah.Transfer, Within: true}, shariah.Allow, ""},
	{"a number that is none", "amanah", "amanah", shariah.Facts{Purpose: 200}, shariah.Deny, shariah.UnknownRule},
	{"a code that is none", "amanah", "amanah", shariah.Facts{MCC: mcc.Max + 1}, shariah.Deny, shariah.UnknownRule},
}

const whole = shariah.HasPrice | shariah.HasCurrency | shariah.HasQuantity | shariah.HasDescription | shariah.HasDelivery

func TestDealings(t *testing.T) {
	c := compiled(t, shariah.Builtin())
	spoke := map[string]bool{}
	for _, tc := range dealings {
		tc.f.From, tc.f.To = fund(t, tc.from), fund(t, tc.to)
		d := c.Decide(&tc.f)
		spoke[d.Rule] = true
		if d.Act != tc.act || d.Rule != tc.rule || d.SetName != "aaoifi-core" || d.SetVersion != 1 {
			t.Errorf("%s: %s by %q of %s/%d, want %s by %q; %v", tc.name, d.Act, d.Rule, d.SetName, d.SetVersion, tc.act, tc.rule, d.Facts)
		}
		if (d.Err("en") != nil) != (tc.act == shariah.Deny) {
			t.Errorf("%s: refusal %v", tc.name, d.Err("en"))
		}
		if tc.act == shariah.Route {
			tc.f.To = shariah.Fund{Kind: d.To}
			if again := c.Decide(&tc.f); again.Act != shariah.Allow {
				t.Errorf("%s, to the fund %s: %s by %s", tc.name, d.To, again.Act, again.Rule)
			}
		}
		for _, lang := range []string{"en", "id", "ms", "ur", "ar", "ar-SA", "fr"} {
			if text := d.Text(lang); (text == "") != (d.Rule == "") || strings.ContainsAny(text, "{}") {
				t.Errorf("%s, in %s: %q", tc.name, lang, text)
			}
		}
	}
	for _, r := range c.Rules() {
		asked := r.ID == "AMANAH-1" || strings.HasPrefix(r.ID, "AML-") || r.ID == "SCREEN-2" || r.ID == "SCREEN-3"
		if !spoke[r.ID] && !asked {
			t.Errorf("no dealing above is judged by %s", r.ID)
		}
	}
}

// The nine codes that a bank published, with our written decision about funerals; and every code of the public list.
func TestMerchants(t *testing.T) {
	c := compiled(t, shariah.Builtin())
	for code, want := range map[mcc.Code]shariah.Act{
		5921: shariah.Deny, 5993: shariah.Deny, 7261: shariah.Allow, 7273: shariah.Deny, 7800: shariah.Deny, 7801: shariah.Deny, 7802: shariah.Deny, 7995: shariah.Deny, 9406: shariah.Deny,
	} {
		if act, rule := c.Classify(code); act != want || rule == "" {
			t.Errorf("%s: %s by %q, want %s", code, act, rule, want)
		}
	}
	classes := map[shariah.Act]int{}
	for code, name := range mcc.All() {
		act, rule := c.Classify(code)
		if act != shariah.Allow && act != shariah.Deny && act != shariah.Review || act != shariah.Allow && rule == "" {
			t.Errorf("%s %s: %s by %q", code, name, act, rule)
		}
		classes[act]++
	}
	if classes[shariah.Deny] != 8 || classes[shariah.Review] != 12 || classes[shariah.Allow] != 961 {
		t.Errorf("classes of the 981 codes: %v", classes)
	}
	for code := range mcc.Max + 1 {
		if _, public := mcc.Name(code); code > 0 && !public && code != 9406 {
			if act, _ := c.Classify(code); act != shariah.Review {
				t.Fatalf("%s, which the list lacks: %s", code, act)
			}
		}
	}
}

// Money whose fund nobody named is not moved.
func TestWithoutFund(t *testing.T) {
	c := compiled(t, shariah.Builtin())
	own := shariah.Fund{Kind: shariah.Amanah}
	for _, f := range []shariah.Facts{{}, {From: own}, {To: own}, {From: own, To: shariah.Fund{Kind: 99}}} {
		if d := c.Decide(&f); d.Act != shariah.Deny || d.Err("en").Code != "shariah_unknown" {
			t.Errorf("from %v to %v: %s by %q", f.From, f.To, d.Act, d.Rule)
		}
	}
}

// Every rule speaks five languages, each in its own script, and none repeats another.
func TestTexts(t *testing.T) {
	c := compiled(t, shariah.Builtin())
	for _, r := range c.Rules() {
		said := map[string]string{}
		for lang, text := range map[string]string{"en": r.Texts.EN, "id": r.Texts.ID, "ms": r.Texts.MS, "ur": r.Texts.UR, "ar": r.Texts.AR} {
			arabic := 0
			for _, letter := range text {
				if unicode.In(letter, unicode.Arabic) {
					arabic++
				}
			}
			if right := lang == "ur" || lang == "ar"; right && arabic < 10 || !right && arabic > 0 || said[text] != "" {
				t.Errorf("%s in %s, as in %s: %s", r.ID, lang, said[text], text)
			}
			said[text] = lang
		}
	}
}

func TestRefusal(t *testing.T) {
	c := compiled(t, shariah.Builtin())
	err := c.Decide(&shariah.Facts{Purpose: shariah.Purchase, MCC: 5813, From: shariah.Fund{Kind: shariah.Amanah}, To: shariah.Fund{Kind: shariah.Amanah}}).Err("id")
	want := []edge.Fact{{Name: "rule", Value: "MCC-D"}, {Name: "set", Value: "aaoifi-core"}, {Name: "version", Value: "1"}, {Name: "mcc", Value: "5813"}}
	if err.Kind != edge.Refused || err.Code != "shariah_mcc_d" || len(err.Facts) != 5 || !strings.Contains(err.Msg, "5813") || !strings.Contains(err.Msg, "Pedagang") {
		t.Fatalf("%s, %s, %v, %v", err.Kind, err.Code, err, err.Facts)
	}
	for i, f := range want {
		if err.Facts[i] != f {
			t.Errorf("fact %d is %v, want %v", i, err.Facts[i], f)
		}
	}
	d := c.Decide(&shariah.Facts{Purpose: shariah.LatePayment, From: shariah.Fund{Kind: shariah.Amanah}, To: shariah.Fund{Kind: shariah.General}})
	if again, ok := c.Explain(d.Rule, "ar", d.Facts); !ok || again != d.Text("ar") || d.To != shariah.Charity {
		t.Errorf("%q, %v; want %q; to %s", again, ok, d.Text("ar"), d.To)
	}
	if _, ok := c.Explain("NONE-1", "en", nil); ok {
		t.Error("a rule that is none was explained")
	}
}

func BenchmarkDecidePlain(b *testing.B) {
	c := compiled(b, shariah.Builtin())
	f := &shariah.Facts{Purpose: shariah.Transfer, From: shariah.Fund{Kind: shariah.Sadaqah, Label: "roof"}, To: shariah.Fund{Kind: shariah.Sadaqah, Label: "roof"}, AssetOut: "IDR", AmountOut: n(5)}
	b.ReportAllocs()
	for b.Loop() {
		if c.Decide(f).Act != shariah.Allow {
			b.Fatal("denied")
		}
	}
}

func BenchmarkDecideDonation(b *testing.B) {
	c := compiled(b, shariah.Builtin())
	f := &shariah.Facts{Purpose: shariah.Donation, From: shariah.Fund{Kind: shariah.Amanah}, To: shariah.Fund{Kind: shariah.Sadaqah, Label: "roof"}, AssetOut: "IDR", AmountOut: n(5)}
	b.ReportAllocs()
	for b.Loop() {
		if c.Decide(f).Act != shariah.Allow {
			b.Fatal("denied")
		}
	}
}

func BenchmarkDecideDenied(b *testing.B) {
	c := compiled(b, shariah.Builtin())
	own := shariah.Fund{Kind: shariah.Amanah}
	f := &shariah.Facts{Purpose: shariah.Purchase, MCC: 5813, From: own, To: own}
	b.ReportAllocs()
	for b.Loop() {
		if c.Decide(f).Act != shariah.Deny {
			b.Fatal("allowed")
		}
	}
}

func TestPlainTakesNoMemory(t *testing.T) {
	c := compiled(t, shariah.Builtin())
	f := &shariah.Facts{From: shariah.Fund{Kind: shariah.Amanah}, To: shariah.Fund{Kind: shariah.Amanah}, AssetOut: "IDR"}
	if got := testing.AllocsPerRun(100, func() { c.Decide(f) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}
