package zakat_test

import (
	"fmt"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/zakat"
)

func TestHarvest(t *testing.T) {
	for _, tc := range []struct {
		set   string
		grams uint64
		water zakat.Water
		due   uint64
	}{
		{"core", 653000, zakat.Rain, 65300}, {"core", 653000, zakat.Irrigated, 32650}, {"core", 653000, zakat.Mixed, 48975}, {"core", 652999, zakat.Rain, 0}, {"core", 0, zakat.Rain, 0},
		{"core", 653001, zakat.Rain, 65301}, {"hanafi", 974999, zakat.Irrigated, 0}, {"hanafi", 975000, zakat.Irrigated, 48750}, {"gold-84.7", 612000, zakat.Mixed, 45900},
	} {
		h, err := zakat.Harvest(set(t, tc.set), tc.grams, tc.water)
		if err != nil || h.Due != amount.Of(tc.due) || h.Reached != (tc.due > 0) || len(h.Lines) < 2 {
			t.Errorf("%v: %s, %v, %v", tc, h.Due, h.Lines, err)
		}
	}
	r, err := zakat.Rikaz(set(t, "core"), amount.Of(1001))
	if err != nil || r.Due != amount.Of(201) || r.Exact != (zakat.Fraction{Num: amount.Of(1001), Den: 5}) {
		t.Errorf("%s, %v, %v", r.Due, r.Exact, err)
	}
}

func TestPerHead(t *testing.T) {
	f, err := zakat.Fitr(set(t, "core"), 5, amount.Of(4500000))
	if err != nil || f.Grams != 12500 || f.Money != amount.Of(22500000) || len(f.Lines) != 3 {
		t.Errorf("%+v, %v", f, err)
	}
	if f, err = zakat.Fitr(set(t, "core"), 1, amount.Amount{}); err != nil || f.Grams != 2500 || !f.Money.IsZero() || len(f.Lines) != 2 {
		t.Errorf("food: %+v, %v", f, err)
	}
	if f, err = zakat.PerHead(30, 0, amount.Of(500)); err != nil || f.Grams != 0 || f.Money != amount.Of(15000) {
		t.Errorf("fidya: %+v, %v", f, err)
	}
}

// The tables of the narrations that sets.json names, at and around every step.
func TestLivestock(t *testing.T) {
	core := set(t, "core")
	for kind, table := range map[zakat.Animal]map[uint64]string{
		zakat.Sheep: {
			0: "", 39: "", 40: "1 sheep", 120: "1 sheep", 121: "2 sheep", 200: "2 sheep", 201: "3 sheep", 300: "3 sheep", 301: "3 sheep", 399: "3 sheep", 400: "4 sheep", 499: "4 sheep", 500: "5 sheep", 1234: "12 sheep",
		},
		zakat.Cattle: {
			29: "", 30: "1 tabi", 39: "1 tabi", 40: "1 musinnah", 59: "1 musinnah", 60: "2 tabi", 69: "2 tabi", 70: "1 tabi 1 musinnah", 80: "2 musinnah", 90: "3 tabi", 100: "2 tabi 1 musinnah",
			110: "1 tabi 2 musinnah", 119: "1 tabi 2 musinnah", 120: "3 musinnah or 4 tabi", 130: "3 tabi 1 musinnah",
		},
		zakat.Camels: {
			4: "", 5: "1 sheep", 9: "1 sheep", 10: "2 sheep", 15: "3 sheep", 20: "4 sheep", 24: "4 sheep", 25: "1 bint_makhad", 35: "1 bint_makhad", 36: "1 bint_labun", 45: "1 bint_labun", 46: "1 hiqqah", 60: "1 hiqqah",
			61: "1 jadhaah", 75: "1 jadhaah", 76: "2 bint_labun", 90: "2 bint_labun", 91: "2 hiqqah", 120: "2 hiqqah", 121: "3 bint_labun", 129: "3 bint_labun", 130: "2 bint_labun 1 hiqqah", 140: "1 bint_labun 2 hiqqah",
			150: "3 hiqqah", 160: "4 bint_labun", 170: "3 bint_labun 1 hiqqah", 180: "2 bint_labun 2 hiqqah", 190: "1 bint_labun 3 hiqqah", 200: "4 hiqqah or 5 bint_labun",
		},
	} {
		for heads, want := range table {
			f, err := zakat.OnLivestock(core, kind, heads)
			got := given(f.Due)
			if f.Or != nil {
				got += " or " + given(f.Or)
			}
			if err != nil || got != want {
				t.Errorf("%d %s: %q, %v; want %q", heads, kind, got, err, want)
			}
		}
	}
	han := set(t, "hanafi")
	if f, err := zakat.OnLivestock(han, zakat.Camels, 120); err != nil || given(f.Due) != "2 hiqqah" {
		t.Errorf("%v, %v", f, err)
	}
	for kind, heads := range map[zakat.Animal]uint64{zakat.Camels: 121, zakat.Cattle: 30} {
		if _, err := zakat.OnLivestock(han, kind, heads); !edge.IsKind(err, edge.Refused) || edge.CodeOf(err) != "zakat_not_covered" {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func given(list []zakat.Given) (s string) {
	for i, g := range list {
		if i > 0 {
			s += " "
		}
		s += fmt.Sprintf("%d %s", g.Count, g.Animal)
	}
	return s
}

func TestCanGrant(t *testing.T) {
	core := set(t, "core")
	allows := core
	allows.Buildings = true
	year := zakat.Fund{Income: amount.Of(8007), ToAmilin: amount.Of(900)}
	for name, tc := range map[string]struct {
		set  zakat.Set
		g    zakat.Grant
		code string
	}{
		"nobody":               {core, zakat.Grant{Category: zakat.Faqir, Amount: amount.Of(1)}, zakat.CodeAsnaf},
		"no category":          {core, zakat.Grant{Beneficiary: "b", Amount: amount.Of(1)}, zakat.CodeAsnaf},
		"ninth category":       {core, zakat.Grant{Category: "friend", Beneficiary: "b", Amount: amount.Of(1)}, zakat.CodeAsnaf},
		"nothing":              {core, zakat.Grant{Category: zakat.Faqir, Beneficiary: "b"}, "invalid_request"},
		"roof":                 {core, zakat.Grant{Category: zakat.FiSabilillah, Beneficiary: "b", Amount: amount.Of(1), Building: true}, zakat.CodeBuilding},
		"roof where allowed":   {allows, zakat.Grant{Category: zakat.FiSabilillah, Beneficiary: "b", Amount: amount.Of(1), Building: true}, ""},
		"workers, all":         {core, zakat.Grant{Category: zakat.Amil, Beneficiary: "b", Amount: amount.Of(100)}, ""},
		"workers, too much":    {core, zakat.Grant{Category: zakat.Amil, Beneficiary: "b", Amount: amount.Of(101)}, zakat.CodeAmil},
		"poor, all of the sum": {core, zakat.Grant{Category: zakat.Miskin, Beneficiary: "b", Amount: amount.Of(8007)}, ""},
	} {
		err := zakat.CanGrant(tc.set, tc.g, year)
		if edge.CodeOf(err) != tc.code || tc.code == "" && err != nil || err != nil && tc.code != "invalid_request" && !edge.IsKind(err, edge.Refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, c := range zakat.Categories() {
		if err := zakat.CanGrant(core, zakat.Grant{Category: c, Beneficiary: "b", Amount: amount.Of(1)}, year); err != nil {
			t.Errorf("%s: %v", c, err)
		}
		if back, err := zakat.ParseCategory(string(c)); err != nil || back != c {
			t.Errorf("%s: %s, %v", c, back, err)
		}
	}
	if _, err := zakat.ParseCategory("friend"); !edge.IsKind(err, edge.Invalid) || len(zakat.Categories()) != 8 {
		t.Error(err)
	}
	if room, err := zakat.AmilRoom(core, zakat.Fund{Income: amount.Of(8), ToAmilin: amount.Of(5)}); err != nil || !room.IsZero() {
		t.Errorf("%s, %v", room, err)
	}
}
