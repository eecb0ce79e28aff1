package shariah_test

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/shariah"
	"github.com/aielon/edge/services/wallet/zakat"
)

func TestVelocity(t *testing.T) {
	c := compiled(t, shariah.Builtin())
	for _, tc := range []struct {
		name       string
		tier       uint8
		asset      string
		day, month shariah.Moved
		act        shariah.Act
		measure    string
	}{
		{"little", 0, "IDR", shariah.Moved{Sum: n(5), Count: 1}, shariah.Moved{Sum: n(5), Count: 1}, shariah.Allow, ""},
		{"all of the day", 0, "IDR", shariah.Moved{Sum: n(200_000_000), Count: 1}, shariah.Moved{Sum: n(200_000_000), Count: 1}, shariah.Allow, ""},
		{"more", 0, "IDR", shariah.Moved{Sum: n(200_000_001), Count: 1}, shariah.Moved{Sum: n(200_000_001), Count: 1}, shariah.Deny, "sum"},
		{"more in the month", 0, "IDR", shariah.Moved{}, shariah.Moved{Sum: n(1_000_000_001)}, shariah.Deny, "sum"},
		{"as much of a better known one", 1, "IDR", shariah.Moved{Sum: n(200_000_001)}, shariah.Moved{Sum: n(200_000_001)}, shariah.Allow, ""},
		{"often", 0, "IDR", shariah.Moved{Count: 21}, shariah.Moved{Count: 21}, shariah.Review, "count"},
		{"often and much", 0, "IDR", shariah.Moved{Sum: amount.Max(), Count: 21}, shariah.Moved{Sum: amount.Max(), Count: 21}, shariah.Deny, "sum"},
		{"an asset without a limit", 0, "KWD", shariah.Moved{Sum: amount.Max(), Count: 1}, shariah.Moved{Sum: amount.Max(), Count: 1}, shariah.Allow, ""},
		{"a tier without a limit", 9, "IDR", shariah.Moved{Sum: amount.Max(), Count: 1e9}, shariah.Moved{Sum: amount.Max(), Count: 1e9}, shariah.Allow, ""},
	} {
		d := c.Velocity(tc.tier, tc.asset, tc.day, tc.month)
		if d.Act != tc.act || tc.act != shariah.Allow && (d.Rule != "AML-1" || d.Facts[3] != edge.Fact{Name: "measure", Value: tc.measure}) {
			t.Errorf("%s: %s by %s, %v", tc.name, d.Act, d.Rule, d.Facts)
		}
		if err := d.Err("en"); tc.act == shariah.Deny && (err == nil || err.Code != "aml_limit") {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestStructuring(t *testing.T) {
	c := compiled(t, shariah.Builtin())
	b, ok := c.Band("EUR")
	for v, want := range map[uint64]bool{899_999: false, 900_000: true, 999_999: true, 1_000_000: false} {
		if b.Contains(n(v)) != want || !ok {
			t.Errorf("%d: %v", v, !want)
		}
	}
	if d := c.Structuring("EUR", 2); d.Act != shariah.Allow {
		t.Errorf("twice: %s", d.Act)
	}
	if d := c.Structuring("EUR", 3); d.Act != shariah.Review || d.Rule != "AML-3" || d.Text("en") == "" {
		t.Errorf("three times: %s by %s", d.Act, d.Rule)
	}
	if _, ok := c.Band("KWD"); ok || c.Structuring("KWD", 99).Act != shariah.Allow {
		t.Error("an asset without a threshold has a band")
	}
}

func TestNamesAndBacking(t *testing.T) {
	c := compiled(t, shariah.Builtin())
	if p, ok := c.Likeness(); !ok || p != 0.92 {
		t.Errorf("likeness %v, %v", p, ok)
	}
	if d := c.NameMatch("list", "entry-7", 0.9199); d.Act != shariah.Allow {
		t.Errorf("a name less alike: %s", d.Act)
	}
	if d := c.NameMatch("list", "entry-7", 0.92); d.Act != shariah.Review || d.Rule != "AML-2" || d.Facts[1].Value != "entry-7" {
		t.Errorf("a name as alike: %s by %s, %v", d.Act, d.Rule, d.Facts)
	}
	if d := c.Backing(n(10), n(10)); d.Act != shariah.Allow {
		t.Errorf("all is there: %s", d.Act)
	}
	if d := c.Backing(n(10), n(9)); d.Act != shariah.Deny || d.Err("en").Code != "shariah_amanah_1" {
		t.Errorf("one is missing: %s by %s", d.Act, d.Rule)
	}
}

func TestScreen(t *testing.T) {
	c := compiled(t, shariah.Builtin())
	good := shariah.Figures{MarketCap: n(1000), Debt: n(300), Deposits: n(300), Income: n(1000), ImpermissibleIncome: n(50)}
	for name, tc := range map[string]struct {
		change func(*shariah.Figures)
		denied string
	}{
		"at the limits":  {func(*shariah.Figures) {}, ""},
		"debt":           {func(g *shariah.Figures) { g.Debt = n(301) }, "SCREEN-1"},
		"deposits":       {func(g *shariah.Figures) { g.Deposits = n(301) }, "SCREEN-2"},
		"income":         {func(g *shariah.Figures) { g.ImpermissibleIncome = n(51) }, "SCREEN-3"},
		"rounded":        {func(g *shariah.Figures) { g.Income, g.ImpermissibleIncome = n(1019), n(51) }, "SCREEN-3"},
		"without income": {func(g *shariah.Figures) { g.Income, g.ImpermissibleIncome = n(0), n(0) }, "SCREEN-3"},
	} {
		g := good
		tc.change(&g)
		verdicts := c.Screen(g)
		for _, v := range verdicts {
			if (v.Act == shariah.Deny) != (v.Rule == tc.denied) {
				t.Errorf("%s: %s by %s", name, v.Act, v.Rule)
			}
			if (v.Text("en") == "") != (v.Act == shariah.Allow) || len(v.Facts) != 5 {
				t.Errorf("%s, %s by %s: %q, %v", name, v.Act, v.Rule, v.Text("en"), v.Facts)
			}
		}
		if len(verdicts) != 3 {
			t.Errorf("%s: %d verdicts", name, len(verdicts))
		}
	}
}

// What is given away is never less than the exact share, and never a whole unit more.
func TestPurify(t *testing.T) {
	for _, tc := range [][4]uint64{{1000, 3, 100, 30}, {1001, 3, 100, 31}, {1, 1, 1_000_000, 1}, {0, 3, 100, 0}, {1000, 0, 100, 0}, {1000, 7, 7, 1000}} {
		if got, err := shariah.Purify(n(tc[0]), n(tc[1]), n(tc[2])); err != nil || got != n(tc[3]) {
			t.Errorf("%d with %d of %d: %s, %v; want %d", tc[0], tc[1], tc[2], got, err, tc[3])
		}
	}
	for _, tc := range [][2]uint64{{0, 0}, {2, 1}} {
		if _, err := shariah.Purify(n(1), n(tc[0]), n(tc[1])); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%d of %d: %v", tc[0], tc[1], err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		any128 := func(name string) amount.Amount {
			return amount.Amount{Hi: rapid.Uint64().Draw(t, name), Lo: rapid.Uint64().Draw(t, name)}
		}
		dividend, part, all := any128("dividend"), any128("part"), any128("all")
		got, err := shariah.Purify(dividend, part, all)
		if err != nil {
			return
		}
		big128 := func(a amount.Amount) *big.Int { x, _ := new(big.Int).SetString(a.String(), 10); return x }
		exact := new(big.Int).Mul(big128(dividend), big128(part))
		given := new(big.Int).Mul(big128(got), big128(all))
		if over := given.Sub(given, exact); over.Sign() < 0 || over.Cmp(big128(all)) >= 0 {
			t.Fatalf("%s with %s of %s: %s", dividend, part, all, got)
		}
	})
}

// Purposes, funds and categories are stored by number and named on the wire: both stay.
func TestNames(t *testing.T) {
	for p := range shariah.Purpose(47) {
		if back, err := shariah.ParsePurpose(p.String()); err != nil || back != p {
			t.Errorf("purpose %d %q reads as %d, %v", p, p, back, err)
		}
	}
	for p, want := range map[shariah.Purpose]string{shariah.Transfer: "transfer", shariah.ZakatGrant: "zakat_grant", shariah.RaffleTicket: "raffle_ticket", shariah.Takaful: "takaful", shariah.Reversal: "reversal"} {
		if p.String() != want {
			t.Errorf("purpose %d is called %q, want %q", p, p, want)
		}
	}
	for a := range shariah.IbnSabil {
		if back, err := shariah.ParseAsnaf((a + 1).String()); err != nil || back != a+1 {
			t.Errorf("category %d %q reads as %d, %v", a+1, a+1, back, err)
		}
	}
	for _, c := range zakat.Categories() {
		if a, err := shariah.ParseAsnaf(string(c)); err != nil || a.String() != string(c) {
			t.Errorf("the zakat engine's category %s reads as %s, %v", c, a, err)
		}
	}
	for _, s := range []string{"amanah", "zakat", "sadaqah:roof", "waqf_corpus:land-7", "building", "purification", "zakat:north"} {
		if f, err := shariah.ParseFund(s); err != nil || f.String() != s {
			t.Errorf("%s reads as %s, %v", s, f, err)
		}
	}
	for _, s := range []string{"", "sadaqah", "waqf_yield:", "zakat:", "gold", "sadaqah:Roof", "sadaqah:a b", ":a", "Zakat"} {
		if f, err := shariah.ParseFund(s); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%q reads as %s, %v", s, f, err)
		}
	}
	for _, s := range []string{"", "Interest", "usury"} {
		if p, err := shariah.ParsePurpose(s); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%q reads as %s, %v", s, p, err)
		}
	}
}
