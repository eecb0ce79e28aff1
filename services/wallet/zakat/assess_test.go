package zakat_test

import (
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/zakat"
)

var today = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func set(t testing.TB, name string) zakat.Set {
	t.Helper()
	for _, s := range zakat.Builtin() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("there is no set %s", name)
	return zakat.Set{}
}

// euros are prices a gram in cents.
func euros(gold, silver uint64) zakat.Prices {
	return zakat.Prices{Gold: zakat.Price{Amount: amount.Of(gold), Milligrams: 1000, At: today}, Silver: zakat.Price{Amount: amount.Of(silver), Milligrams: 1000, At: today}}
}

// The examples that islam-trieste.it works out, in cents. The page prints 108.37 for 108.375.
func TestWorkedExamples(t *testing.T) {
	for name, tc := range map[string]struct {
		set   string
		have  zakat.Assets
		total uint64
		due   string
		num   uint64 // of 40ths of a cent
	}{
		"5000 euros":                  {"core", zakat.Assets{Cash: amount.Of(500000)}, 500000, "125.00", 500000},
		"85 g of gold at 51 euros":    {"core", zakat.Assets{Gold: []zakat.Piece{{Milligrams: 85000, Fineness: 1000}}}, 433500, "108.38", 433500},
		"600 g of silver at 46 cents": {"silver", zakat.Assets{Silver: []zakat.Piece{{Milligrams: 600000, Fineness: 1000}}}, 27600, "6.90", 27600},
	} {
		a, err := zakat.Assess(set(t, tc.set), tc.have, euros(5100, 46), zakat.LunarYear, today)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !a.Reached || a.Total.Amount != amount.Of(tc.total) || amount.Signed(amount.Signed{Amount: a.Due}).Decimal(2) != tc.due || a.Exact != (zakat.Fraction{Num: amount.Of(tc.num), Den: 40}) || len(a.Flags) != 0 {
			t.Errorf("%s: total %s, due %s, exactly %v, flags %v", name, a.Total, a.Due, a.Exact, a.Flags)
		}
	}
	// 433500/40 cents are 10837.5: exactly 108.375 euros.
	if exact := big.NewRat(433500, 40*100); exact.FloatString(3) != "108.375" {
		t.Error(exact)
	}
}

func steps(lines []zakat.Line) (names []string) {
	for _, l := range lines {
		names = append(names, l.Step+" "+l.Amount.String())
	}
	return names
}

// Every step is there to be shown.
func TestAssessExplains(t *testing.T) {
	have := zakat.Assets{
		Cash: amount.Of(300000), TradeGoods: amount.Of(100000), Receivables: amount.Of(50000), Debts: amount.Of(20000),
		Gold:   []zakat.Piece{{Milligrams: 10000, Fineness: 750}, {Milligrams: 20000, Fineness: 917, Worn: true}},
		Silver: []zakat.Piece{{Milligrams: 1000, Fineness: 925}},
	}
	a, err := zakat.Assess(set(t, "core"), have, euros(5100, 46), zakat.LunarYear, today)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"cash 300000", "gold 38250", "worn_not_counted 0", "silver 43", "trade_goods 100000", "receivables 50000", "debts -20000", "total 468293", "nisab 433500", "rate 0", "due 11708"}
	if got := steps(a.Lines); !reflect.DeepEqual(got, want) || a.Set != "core/1" {
		t.Errorf("%s %v", a.Set, got)
	}
	gold := a.Lines[1]
	if !slices.Contains(gold.Facts, edge.Fact{Name: "pure_mg", Value: "7500.000"}) || !slices.Contains(gold.Facts, edge.Fact{Name: "price", Value: "5100"}) {
		t.Errorf("%v", gold.Facts)
	}
	h, err := zakat.Assess(set(t, "hanafi"), have, euros(5100, 46), zakat.LunarYear, today)
	if err != nil {
		t.Fatal(err)
	}
	want = []string{"cash 300000", "gold 131784", "silver 43", "trade_goods 100000", "receivables 50000", "debts -20000", "total 561827", "nisab 28169", "rate 0", "due 14046"}
	if got := steps(h.Lines); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
	kept := set(t, "core")
	kept.Debts = false
	if a, err = zakat.Assess(kept, have, euros(5100, 46), zakat.SolarYear, today); err != nil || a.Total.Amount != amount.Of(488293) || !slices.Contains(steps(a.Lines), "debts_not_taken 20000") || a.Due != amount.Of(12584) {
		t.Errorf("%v, due %s, %v", steps(a.Lines), a.Due, err)
	}
	if s := fmt.Sprintf("%v %+v", a, have); strings.Contains(s, "12584") || strings.Contains(s, "300000") {
		t.Errorf("what somebody has is printed: %s", s)
	}
}

// Nisab is reached at the threshold, not a cent below it.
func TestNisab(t *testing.T) {
	core := set(t, "core")
	for cents, reached := range map[uint64]bool{433499: false, 433500: true, 433501: true, 0: false} {
		a, err := zakat.Assess(core, zakat.Assets{Cash: amount.Of(cents)}, euros(5100, 46), zakat.LunarYear, today)
		if err != nil || a.Reached != reached || a.Due.IsZero() == reached {
			t.Errorf("%d: %v, %s, %v", cents, a.Reached, a.Due, err)
		}
	}
	a, err := zakat.Assess(core, zakat.Assets{Cash: amount.Of(500000), Debts: amount.Of(600000)}, euros(5100, 46), zakat.LunarYear, today)
	if err != nil || a.Reached || a.Total.String() != "-100000" || !a.Due.IsZero() {
		t.Errorf("%s, %s, %v", a.Total, a.Due, err)
	}
	ounce := zakat.Price{Amount: amount.Of(4_000_000_000), Milligrams: 311_034_768, At: today} // 4,000.00 an ounce, for 10,000 of them
	n, err := zakat.NisabOf(core, zakat.Prices{Gold: ounce})
	if err != nil || n != amount.Of(1093126) { // 85000 * 4e9 / 311034768 = 1093125.2...
		t.Errorf("%s, %v", n, err)
	}
}

func TestPricesAreFlagged(t *testing.T) {
	for age, want := range map[time.Duration]string{0: "[]", 7 * 24 * time.Hour: "[]", 7*24*time.Hour + time.Second: "[price_stale]", -time.Second: "[price_in_future]"} {
		a, err := zakat.Assess(set(t, "core"), zakat.Assets{Cash: amount.Of(1), Gold: []zakat.Piece{{Milligrams: 1, Fineness: 1}}}, euros(5100, 46), zakat.LunarYear, today.Add(age))
		if err != nil || fmt.Sprint(a.Flags) != want {
			t.Errorf("%v: %v, %v", age, a.Flags, err)
		}
	}
	old := euros(5100, 46)
	old.Silver.At = today.AddDate(-1, 0, 0)
	if a, err := zakat.Assess(set(t, "core"), zakat.Assets{Cash: amount.Of(1)}, old, zakat.LunarYear, today); err != nil || a.Flags != nil {
		t.Errorf("a price that nothing rests on: %v, %v", a.Flags, err)
	}
}

func TestAssessRefuses(t *testing.T) {
	core, good := set(t, "core"), euros(5100, 46)
	for name, f := range map[string]func() (any, error){
		"no price": func() (any, error) {
			return zakat.Assess(core, zakat.Assets{Cash: amount.Of(1)}, zakat.Prices{}, 0, today)
		},
		"no price of silver": func() (any, error) {
			return zakat.Assess(core, zakat.Assets{Silver: []zakat.Piece{{Milligrams: 1, Fineness: 1}}}, zakat.Prices{Gold: good.Gold}, 0, today)
		},
		"fineness 0": func() (any, error) {
			return zakat.Assess(core, zakat.Assets{Gold: []zakat.Piece{{Milligrams: 1}}}, good, 0, today)
		},
		"fineness 1001": func() (any, error) {
			return zakat.Assess(core, zakat.Assets{Gold: []zakat.Piece{{Milligrams: 1, Fineness: 1001}}}, good, 0, today)
		},
		"all gold": func() (any, error) {
			return zakat.Assess(core, zakat.Assets{Gold: []zakat.Piece{{Milligrams: 1 << 63, Fineness: 999}}}, good, 0, today)
		},
		"two halves of all": func() (any, error) {
			return zakat.Assess(core, zakat.Assets{Gold: []zakat.Piece{{Milligrams: 1 << 54, Fineness: 1000}, {Milligrams: 1 << 54, Fineness: 1000}}}, good, 0, today)
		},
		"pieces": func() (any, error) {
			return zakat.Assess(core, zakat.Assets{Gold: make([]zakat.Piece, 1001)}, good, 0, today)
		},
		"sum": func() (any, error) {
			return zakat.Assess(core, zakat.Assets{Cash: amount.Max(), TradeGoods: amount.Of(1)}, good, 0, today)
		},
		"product": func() (any, error) {
			return zakat.Assess(core, zakat.Assets{Cash: amount.Max()}, good, zakat.SolarYear, today)
		},
		"empty set": func() (any, error) { return zakat.Assess(zakat.Set{}, zakat.Assets{}, good, 0, today) },
		"water":     func() (any, error) { return zakat.Harvest(core, 1, "sea") },
		"nobody":    func() (any, error) { return zakat.Fitr(core, 0, amount.Of(1)) },
		"everybody": func() (any, error) { return zakat.Fitr(core, 1<<40, amount.Of(1)) },
		"nothing":   func() (any, error) { return zakat.PerHead(1, 0, amount.Amount{}) },
		"much":      func() (any, error) { return zakat.PerHead(2, 1, amount.Max()) },
		"much food": func() (any, error) { return zakat.PerHead(2, 1<<60, amount.Of(1)) },
		"find": func() (any, error) {
			s := core
			s.Rikaz = zakat.Rate{Num: 2, Den: 5}
			return zakat.Rikaz(s, amount.Max())
		},
		"horses":     func() (any, error) { return zakat.OnLivestock(core, "horses", 1) },
		"many sheep": func() (any, error) { return zakat.OnLivestock(core, zakat.Sheep, 1<<60) },
	} {
		if _, err := f(); !edge.IsKind(err, edge.Invalid) || edge.CodeOf(err) != "invalid_request" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is due is the exact fraction rounded up, and more wealth is never less zakat.
func TestAssessAgainstBig(t *testing.T) {
	core := set(t, "core")
	rapid.Check(t, func(t *rapid.T) {
		price := rapid.Uint64Range(1, 1e9).Draw(t, "price")
		per := rapid.SampledFrom([]uint64{1, 1000, 311_034_768}).Draw(t, "per")
		mg, fine := rapid.Uint64Range(0, 1e10).Draw(t, "mg"), rapid.Uint16Range(1, 1000).Draw(t, "fineness")
		cash, debts := rapid.Uint64Range(0, 1e15).Draw(t, "cash"), rapid.Uint64Range(0, 1e15).Draw(t, "debts")
		cal := zakat.Calendar(rapid.IntRange(0, 1).Draw(t, "calendar"))
		p := zakat.Prices{Gold: zakat.Price{Amount: amount.Of(price), Milligrams: per, At: today}}
		assess := func(cash uint64) zakat.Assessment {
			a, err := zakat.Assess(core, zakat.Assets{Cash: amount.Of(cash), Debts: amount.Of(debts), Gold: []zakat.Piece{{Milligrams: mg, Fineness: fine}}}, p, cal, today)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		a := assess(cash)
		gold := ceil(ratio(mg, uint64(fine), price, 1000, per, 1))
		total := new(big.Int).Add(gold, new(big.Int).Sub(u(cash), u(debts)))
		nisab := ratio(85000, price, 1, per, 1, 1)
		reached := new(big.Rat).SetInt(total).Cmp(nisab) >= 0
		want := new(big.Int)
		if reached {
			rate := big.NewRat(1, 40)
			if cal == zakat.SolarYear {
				rate = big.NewRat(2577, 100000)
			}
			want = ceil(new(big.Rat).Mul(new(big.Rat).SetInt(total), rate))
		}
		if a.Total.String() != total.String() || a.Reached != reached || a.Due.String() != want.String() {
			t.Fatalf("total %s, want %s; reached %v, want %v; due %s, want %s", a.Total, total, a.Reached, reached, a.Due, want)
		}
		if more := assess(cash + 1); more.Due.Less(a.Due) {
			t.Fatalf("a cent more and %s instead of %s", more.Due, a.Due)
		}
	})
}

func u(n uint64) *big.Int { return new(big.Int).SetUint64(n) }

func ratio(a, b, c, d, e, f uint64) *big.Rat {
	product := func(x, y, z uint64) *big.Int { return new(big.Int).Mul(new(big.Int).Mul(u(x), u(y)), u(z)) }
	return new(big.Rat).SetFrac(product(a, b, c), product(d, e, f))
}

func ceil(r *big.Rat) *big.Int {
	q, rem := new(big.Int).QuoRem(r.Num(), r.Denom(), new(big.Int))
	if rem.Sign() > 0 {
		q.Add(q, big.NewInt(1))
	}
	return q
}
