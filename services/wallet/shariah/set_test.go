package shariah_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/shariah"
	"github.com/aielon/edge/services/wallet/shariah/mcc"
)

// changed is the built-in set with one piece of its text replaced.
func changed(t testing.TB, old, new string) []byte {
	t.Helper()
	data := shariah.Builtin()
	if bytes.Count(data, []byte(old)) < 1 {
		t.Fatalf("the set does not have %q", old)
	}
	return bytes.Replace(data, []byte(old), []byte(new), 1)
}

func TestParseRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		data []byte
		says string
	}{
		"no JSON":              {[]byte(`{"name": `), "not JSON"},
		"nothing":              {nil, "not JSON"},
		"a list":               {[]byte(`[]`), "cannot unmarshal"},
		"two documents":        {append(shariah.Builtin(), "{}"...), "behind its end"},
		"no UTF-8":             {changed(t, "aaoifi-core", "aaoifi-\xffcore"), "UTF-8"},
		"too large":            {append(shariah.Builtin(), bytes.Repeat([]byte(" "), shariah.MaxSet)...), "bytes"},
		"too deep":             {[]byte(`{"rules":` + strings.Repeat("[", 50) + strings.Repeat("]", 50) + `}`), "deeply"},
		"an unknown key":       {changed(t, `"version": 1`, `"version": 1, "colour": "red"`), "colour"},
		"a doubled key":        {changed(t, `"version": 1`, `"version": 1, "version": 2`), "twice"},
		"a key in capitals":    {changed(t, `"version": 1`, `"Version": 1`), "small letters"},
		"version 0":            {changed(t, `"version": 1`, `"version": 0`), "count from 1"},
		"no name":              {changed(t, `aaoifi-core`, ``), "at name"},
		"a doubled id":         {changed(t, `"id": "RIBA-2"`, `"id": "RIBA-1"`), "RIBA-1"},
		"no id":                {changed(t, `"id": "RIBA-2"`, `"id": "riba two"`), "rules[1]"},
		"an unknown kind":      {changed(t, `"kind": "interest"`, `"kind": "usury"`), "rules[0] (RIBA-1)"},
		"an unknown act":       {changed(t, `"act": "DENY"`, `"act": "FORBID"`), "FORBID"},
		"a wrong act":          {changed(t, `"kind": "interest", "act": "DENY"`, `"kind": "interest", "act": "ROUTE"`), "does not go with"},
		"an unknown parameter": {changed(t, `"classes":`, `"klasses":`), "klasses"},
		"a wrong parameter":    {changed(t, `"num": 30`, `"num": 130`), "at most the whole"},
		"by nothing":           {changed(t, `"den": 100`, `"den": 0`), "share"},
		"half a per cent":      {changed(t, `"num": 30`, `"num": 0.5`), "num"},
		"an unknown purpose":   {changed(t, `"collection_cost"]`, `"collecting"]`), "collecting"},
		"a purpose twice":      {changed(t, `["collection_cost"]`, `["collection_cost", "collection_cost"]`), "twice"},
		"no merchant code":     {changed(t, `"5813"`, `"581"`), "four digits"},
		"an unknown fund":      {changed(t, `"fund": "charity"`, `"fund": "vault"`), "vault"},
		"an unknown policy":    {changed(t, `"policy": "deny"`, `"policy": "maybe"`), "maybe"},
		"an unknown condition": {changed(t, `"when": "campaign"`, `"when": "moon"`), "moon"},
		"a text is missing":    {changed(t, `"ms": "Ini ialah judi`, `"ms": "", "xx": "`), "xx"},
		"an empty text":        {changed(t, `"ur": "یہ جوا (میسر) ہے: رقم قسمت پر لگائی جاتی ہے۔ یہاں اس کی ادائیگی نہیں ہو سکتی۔"`, `"ur": " "`), "texts.ur"},
		"an unknown fact":      {changed(t, `({from}) is only for`, `({balance}) is only for`), "{balance"},
		"half a fact":          {changed(t, `({from}) is only for`, `({from is only for`), "{from"},
		"allowed and denied":   {changed(t, `"5813"`, `"5912"`), "5912"},
		"allowed and reviewed": {changed(t, `"5933"`, `"8661"`), "8661"},
		"two destinations":     {changed(t, `"purposes": ["purification"]`, `"purposes": ["late_payment"]`), "different funds"},
		"a negative limit":     {changed(t, `"day_sum": "200000000"`, `"day_sum": "-1"`), "digits"},
		"no params":            {changed(t, `"params": {"funds": ["waqf_yield"]}`, `"params": null`), "must be an object"},
	} {
		_, err := shariah.Parse(tc.data)
		if !edge.IsKind(err, edge.Invalid) || edge.CodeOf(err) != "rule_set_invalid" || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v; want it to say %q", name, err, tc.says)
		}
	}
}

// What is signed must not change with the program: sets that were signed would no longer verify.
func TestCanonicalIsStable(t *testing.T) {
	s, err := shariah.Parse(shariah.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	data, err := s.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	const want = "edb1afeeb781d572c043d9f6adea46b4010a9db32f61cd16d4ab53a9e6a5b57c"
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != want {
		t.Errorf("the canonical form of aaoifi-core/1 is now %x", sum)
	}
	back, err := shariah.Parse(data)
	if err != nil || !reflect.DeepEqual(back, s) {
		t.Errorf("the canonical form reads as another set: %v", err)
	}
}

func TestSignatures(t *testing.T) {
	public, private, _ := ed25519.GenerateKey(nil)
	other, _, _ := ed25519.GenerateKey(nil)
	s, _ := shariah.Parse(shariah.Builtin())
	sig, err := shariah.Sign(s, private)
	if err != nil {
		t.Fatal(err)
	}
	canonical, _ := s.Canonical()
	for _, data := range [][]byte{shariah.Builtin(), canonical} { // however it is laid out
		if got, by, err := shariah.Verify(data, sig, []ed25519.PublicKey{other, public}); err != nil || by != 1 || got.Version != 1 {
			t.Errorf("a good signature: %v, by %d", err, by)
		}
	}
	flipped := bytes.Clone(sig)
	flipped[5] ^= 1
	for name, try := range map[string]func() error{
		"another set": func() error {
			_, _, err := shariah.Verify(changed(t, `"num": 30`, `"num": 33`), sig, []ed25519.PublicKey{public})
			return err
		},
		"another text": func() error {
			_, _, err := shariah.Verify(changed(t, "gambling (maysir)", "gambling"), sig, []ed25519.PublicKey{public})
			return err
		},
		"another key": func() error { _, _, err := shariah.Verify(canonical, sig, []ed25519.PublicKey{other}); return err },
		"no key":      func() error { _, _, err := shariah.Verify(canonical, sig, nil); return err },
		"half a key":  func() error { _, _, err := shariah.Verify(canonical, sig, []ed25519.PublicKey{public[:7]}); return err },
		"half of it": func() error {
			_, _, err := shariah.Verify(canonical, sig[:32], []ed25519.PublicKey{public})
			return err
		},
		"one bit": func() error { _, _, err := shariah.Verify(canonical, flipped, []ed25519.PublicKey{public}); return err },
		"without domain": func() error {
			_, _, err := shariah.Verify(canonical, ed25519.Sign(private, canonical), []ed25519.PublicKey{public})
			return err
		},
	} {
		if err := try(); !edge.IsKind(err, edge.Denied) || edge.CodeOf(err) != "rule_set_unsigned" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Another opinion is another set: 33 % instead of 30 %, zakat for buildings by need, an amil's share of an eighth more.
func TestAnotherOpinion(t *testing.T) {
	data := bytes.ReplaceAll(shariah.Builtin(), []byte(`"num": 30`), []byte(`"num": 33`))
	data = bytes.Replace(data, []byte(`"aaoifi-core"`), []byte(`"by-need"`), 1)
	data = bytes.Replace(data, []byte(`"policy": "deny"`), []byte(`"policy": "by_need"`), 1)
	data = bytes.Replace(data, []byte(`"num": 125`), []byte(`"num": 250`), 1)
	first, second := compiled(t, shariah.Builtin()), compiled(t, data)
	amil := shariah.Facts{Purpose: shariah.Amil, Asnaf: shariah.AmilCategory, Beneficiary: true, AmilTaken: n(250), ZakatReceived: n(1000), From: fund(t, "zakat"), To: fund(t, "general")}
	roof := shariah.Facts{Purpose: shariah.Upkeep, Asnaf: shariah.FiSabilillah, Beneficiary: true, From: fund(t, "zakat"), To: fund(t, "amanah")}
	shares := shariah.Facts{Purpose: shariah.SharePurchase, From: fund(t, "amanah"), To: fund(t, "amanah"), Shares: &shariah.Figures{MarketCap: n(100), Debt: n(33), Income: n(1)}}
	for name, tc := range map[string]struct {
		f    shariah.Facts
		a, b shariah.Act
	}{"amil": {amil, shariah.Deny, shariah.Allow}, "roof": {roof, shariah.Deny, shariah.Review}, "shares": {shares, shariah.Deny, shariah.Allow}} {
		if a, b := first.Decide(&tc.f), second.Decide(&tc.f); a.Act != tc.a || b.Act != tc.b || b.SetName != "by-need" {
			t.Errorf("%s: %s (%s) by the one, %s (%s) by %s", name, a.Act, a.Rule, b.Act, b.Rule, b.SetName)
		}
	}
}

// doc is a set in parts, for putting together others.
type doc struct {
	Name    string            `json:"name"`
	Version int               `json:"version"`
	Rules   []json.RawMessage `json:"rules"`
}

func parts(t testing.TB) doc {
	t.Helper()
	var d doc
	if err := json.Unmarshal(shariah.Builtin(), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d doc) bytes() []byte {
	data, _ := json.Marshal(d)
	return data
}

func anyFacts(t *rapid.T) shariah.Facts {
	some := func(name string) uint64 { return rapid.SampledFrom([]uint64{0, 1, 99, 100, 125}).Draw(t, name) }
	flag := func(name string) bool { return rapid.Bool().Draw(t, name) }
	aFund := func(name string) shariah.Fund {
		f := shariah.Fund{Kind: shariah.FundKind(rapid.IntRange(1, 13).Draw(t, name))}
		if f.Kind.Labelled() {
			f.Label = rapid.SampledFrom([]string{"a", "b"}).Draw(t, name+" label")
		}
		return f
	}
	asset := rapid.SampledFrom([]string{"", "IDR", "XAU"})
	return shariah.Facts{
		Purpose: shariah.Purpose(rapid.IntRange(0, 47).Draw(t, "purpose")), Reverses: shariah.Purpose(rapid.IntRange(0, 46).Draw(t, "reverses")),
		MCC: mcc.Code(rapid.SampledFrom([]int{0, 0, 1, 5812, 5813, 6300, 7261, 7995, 9999}).Draw(t, "mcc")), From: aFund("from"), To: aFund("to"),
		Within: flag("within"), Pending: flag("pending"), Chain: flag("chain"), AssetOut: asset.Draw(t, "out"), AssetIn: asset.Draw(t, "in"),
		AmountOut: n(some("amount out")), AmountIn: n(some("amount in")), Document: flag("document"), Approvals: uint8(some("approvals")),
		Asnaf: shariah.Asnaf(rapid.IntRange(0, 8).Draw(t, "category")), Beneficiary: flag("beneficiary"), DeedPurpose: flag("deed"), CampaignPurpose: flag("campaign"),
		CampaignEnded: flag("ended"), DonorsConsent: flag("consent"), Offer: shariah.Offer(rapid.SampledFrom([]int{0, 7, 31}).Draw(t, "offer")), Owned: flag("owned"),
		Cost: n(some("cost")), Markup: n(some("markup")), Price: n(some("price")), FirstPrice: n(some("first")), Separate: flag("separate"), Principal: n(some("principal")),
		ScheduleSum: n(some("sum")), ActualCost: n(some("actual")), FeeFlat: flag("flat"), OwesPayee: flag("owes"), TicketFree: flag("free"), PrizeDonated: flag("prize"),
		AmilTaken: n(some("taken")), ZakatReceived: n(some("received")), AfterPrayer: flag("after"), ValueOut: n(some("value out")), ValueIn: n(some("value in")),
	}
}

func TestOrderOfRowsDoesNotMatter(t *testing.T) {
	want := compiled(t, shariah.Builtin())
	d := parts(t)
	rapid.Check(t, func(t *rapid.T) {
		shuffled := doc{d.Name, d.Version, rapid.Permutation(d.Rules).Draw(t, "rows")}
		s, err := shariah.Parse(shuffled.bytes())
		if err != nil {
			t.Fatal(err)
		}
		got, _ := shariah.Compile(s)
		for range 20 {
			f := anyFacts(t)
			a, b := want.Decide(&f), got.Decide(&f)
			if a.Act != b.Act || a.Rule != b.Rule || a.To != b.To || !reflect.DeepEqual(a.Facts, b.Facts) || len(a.Notes) != len(b.Notes) {
				t.Fatalf("%+v: %s by %s, and %s by %s", f, a.Act, a.Rule, b.Act, b.Rule)
			}
		}
	})
}

// Of any subset of the rules: the canonical form reads as the same set, and one more rule that denies never turns a
// denial into a permission, nor does it change what nobody denies into anything but its own denial.
func TestMoreDenials(t *testing.T) {
	d := parts(t)
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.Permutation(d.Rules).Draw(t, "rows")[:rapid.IntRange(2, len(d.Rules)).Draw(t, "how many")]
		more, err := shariah.Parse(doc{d.Name, d.Version, some}.bytes())
		if err != nil {
			t.Fatal(err)
		}
		canonical, _ := more.Canonical()
		if back, err := shariah.Parse(canonical); err != nil || !reflect.DeepEqual(back, more) {
			t.Fatalf("the canonical form reads as another set: %v", err)
		}
		left := rapid.IntRange(0, len(more.Rules)-1).Draw(t, "left out")
		if more.Rules[left].Act != shariah.Deny {
			t.Skip("not one that denies")
		}
		fewer := *more
		fewer.Rules = append(append([]shariah.Rule(nil), more.Rules[:left]...), more.Rules[left+1:]...)
		all, _ := shariah.Compile(more)
		without, _ := shariah.Compile(&fewer)
		for range 20 {
			f := anyFacts(t)
			a, b := without.Decide(&f), all.Decide(&f)
			if a.Act == shariah.Deny && b.Act != shariah.Deny || b.Act < a.Act {
				t.Fatalf("%+v: %s by %s without %s, %s by %s with it", f, a.Act, a.Rule, more.Rules[left].ID, b.Act, b.Rule)
			}
		}
	})
}

func TestOrderOfIDs(t *testing.T) {
	ids := []string{"AML-1", "AML-2", "AML-10", "ASNAF-1", "MCC-A", "MCC-D", "MURA-1"}
	for i := range ids {
		for j := range ids {
			if got := shariah.Compare(ids[i], ids[j]); got != sign(i-j) {
				t.Errorf("%s and %s: %d", ids[i], ids[j], got)
			}
		}
	}
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

func FuzzParse(f *testing.F) {
	d := parts(f)
	for i := range d.Rules {
		f.Add(doc{d.Name, d.Version, d.Rules[i : i+1]}.bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := shariah.Parse(data)
		if err != nil {
			if !edge.IsKind(err, edge.Invalid) {
				t.Fatal(err)
			}
			return
		}
		canonical, err := s.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		back, err := shariah.Parse(canonical)
		if err != nil || !reflect.DeepEqual(back, s) {
			t.Fatalf("the canonical form reads as another set: %v", err)
		}
		if _, err := shariah.Compile(s); err != nil {
			t.Fatal(err)
		}
	})
}
