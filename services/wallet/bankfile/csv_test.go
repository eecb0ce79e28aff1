package bankfile

import (
	"strings"
	"testing"

	"github.com/aielon/edge/node/edge"
)

func european() Mapping {
	return Mapping{Account: "DE89370400440532013000", Currency: "EUR", Delimiter: ";", DateLayout: "DD.MM.YYYY", Decimal: ",", Skip: 3,
		Booked: "Buchungstag", Value: "Valuta", Amount: "Betrag", CurrencyCol: "Währung", Counterpart: "Name", CounterIBAN: "IBAN",
		Reference: "Ref", EndToEnd: "E2E", Remittance: []string{"Zweck 1", "Zweck 2"}}
}

const europeanFile = "\ufeffStatement of account\n\"x\ny\n" +
	"Buchungstag;Valuta;Name;IBAN;Zweck 1;Zweck 2;Betrag;Währung;Ref;E2E\n" +
	"01.03.2026;02.03.2026;Payer A;GB29 NWBK 6016 1331 9268 19;\"RF18; 5390\";0754 7034;1.234,50;EUR;B-1;NOTPROVIDED\n" +
	"02.03.2026;;\"Creditor\nB\";;;;-0,5;EUR;B-2;P-1\n" +
	"02.03.2026;;C;;;;1.000.000;EUR;B-3;\n"

func TestReadCSV(t *testing.T) {
	s, err := ReadCSV(strings.NewReader(europeanFile), european(), decimals)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`2026-03-01T00:00:00Z 2026-03-02 123450 ref=B-1 e2e= rf= from=Payer A GB29NWBK60161331926819 "RF18; 5390 0754 7034" rev=false`,
		`2026-03-02T00:00:00Z 2026-03-02 -50 ref=B-2 e2e=P-1 rf= from=Creditor B  "" rev=false`,
		`2026-03-02T00:00:00Z 2026-03-02 100000000 ref=B-3 e2e= rf= from=C  "" rev=false`,
	}
	for i, w := range want {
		if got := line(s.Entries[i]); got != w {
			t.Errorf("%s\nwant %s", got, w)
		}
	}
	if s.IBAN == "" || !s.From.Equal(march) || s.To.Day() != 2 || s.Entries[0].Line != 5 || s.Entries[2].Line != 8 {
		t.Errorf("%s %s %s %d %d", s.IBAN, s.From, s.To, s.Entries[0].Line, s.Entries[2].Line)
	}
}

// Banks write the side of an amount in four ways.
func TestCSVSides(t *testing.T) {
	base := Mapping{Account: "0012345", Currency: "IDR", Delimiter: ",", DateLayout: "YYYY/MM/DD", Decimal: ".", Booked: "date"}
	one := func(f func(*Mapping)) Mapping { m := base; f(&m); return m }
	two := one(func(m *Mapping) { m.In, m.Out = "credit", "debit" })
	side := one(func(m *Mapping) { m.Amount, m.Side, m.SideIn, m.SideOut = "sum", "dc", []string{"CR"}, []string{"DB"} })
	sign := one(func(m *Mapping) { m.Amount = "sum" })
	latin := one(func(m *Mapping) { m.Amount, m.Encoding, m.Counterpart = "sum", "windows-1252", "name" })
	for _, c := range []struct {
		m           Mapping
		file, want  string
		fails, name string
	}{
		{two, "date,credit,debit\n2026/03/01,\"1,000.25\",\n", "100025", "", ""},
		{two, "date,credit,debit\n2026/03/01,,7\n", "-700", "", ""},
		{two, "date,credit,debit\n2026/03/01,0.00,-7\n", "-700", "", ""},
		{two, "date,credit,debit\n2026/03/01,1,1\n", "", "exactly one", ""},
		{two, "date,credit,debit\n2026/03/01,,\n", "", "exactly one", ""},
		{side, "date,sum,dc\n2026/03/01,5,CR\n", "500", "", ""},
		{side, "date,sum,dc\n2026/03/01,5,DB\n", "-500", "", ""},
		{side, "date,sum,dc\n2026/03/01,5,??\n", "", "does not know", ""},
		{side, "date,sum,dc\n2026/03/01,-5,DB\n", "", "a sign and a side", ""},
		{sign, "date,sum\n2026/03/01,5-\n", "-500", "", ""},
		{sign, "date,sum\n2026/03/01,\u22125\n", "-500", "", ""},
		{sign, "date,sum\n2026/03/01,+1'234.50\n", "123450", "", ""},
		{sign, "date,sum\n2026/03/01,1 234 567\n", "123456700", "", ""},
		{sign, "date,sum\n2026/03/01,--5\n", "", "not a number", ""},
		{sign, "date,sum\n2026/03/01,-5-\n", "", "not a number", ""},
		{sign, "date,sum\n2026/03/01,\"12,5\"\n", "", "not a number", ""},
		{sign, "date,sum\n2026/03/01,\"1234,567\"\n", "", "not a number", ""},
		{sign, "date,sum\n2026/03/01,1.234\n", "", "more decimals", ""},
		{sign, "date,sum\n2026/03/01,1e3\n", "", "not a number", ""},
		{sign, "date,sum\n2026/03/01,\n", "", "not a number", ""},
		{sign, "date,sum\n01/03/2026,1\n", "", "line 2: the date", ""},
		{sign, "date,sum\n2026/03/01,1,2\n", "", "more or fewer columns", ""},
		{sign, "date,sum\n2026/03/01,\"1\"2\n", "", "quotation marks", ""},
		{sign, "date;sum\n2026/03/01;1\n", "", "no column", ""},
		{sign, "date,sum,sum\n2026/03/01,1,1\n", "", "two columns", ""},
		{sign, "", "", "before its header", ""},
		{sign, "date,sum,x\n2026/03/01,1,\xff\n", "", "not UTF-8", ""},
		{sign, "date,sum,x\n2026/03/01,1," + strings.Repeat("x", maxText+1) + "\n", "", "longer than", ""},
		{sign, "date,sum\n" + strings.Repeat("2026/03/01,1\n", MaxEntries+1), "", "more than 100000", ""},
		{sign, "date,sum\n" + strings.Repeat("2026/03/01,1"+strings.Repeat(" ", 1000)+"\n", MaxBytes/1000), "", "larger than 16 MiB", ""},
		{latin, "date,sum,name\n2026/03/01,1,Jos\xe9\n", "100", "", "José"},
	} {
		s, err := ReadCSV(strings.NewReader(c.file), c.m, decimals)
		switch {
		case c.fails != "":
			if !edge.IsKind(err, edge.Invalid) || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%.60q: %v, want %s", c.file, err, c.fails)
			}
		case err != nil:
			t.Errorf("%.60q: %v", c.file, err)
		case s.Entries[0].Amount.String() != c.want || s.Entries[0].Counterparty != c.name:
			t.Errorf("%.60q: %s %s", c.file, s.Entries[0].Amount, s.Entries[0].Counterparty)
		}
	}
}

func TestMappingRefused(t *testing.T) {
	for want, spoil := range map[string]func(*Mapping){
		"delimiter":        func(m *Mapping) { m.Delimiter = "x" },
		"encoding":         func(m *Mapping) { m.Encoding = "utf-16" },
		"0 to 100 lines":   func(m *Mapping) { m.Skip = -1 },
		"decimal sign":     func(m *Mapping) { m.Decimal = "" },
		"a column for":     func(m *Mapping) { m.In = "x" },
		"words for in":     func(m *Mapping) { m.Side = "x" },
		"once each":        func(m *Mapping) { m.DateLayout = "DD.DD.YYYY" },
		"only . / -":       func(m *Mapping) { m.DateLayout = "DDxMMxYYYY" },
		"8 columns":        func(m *Mapping) { m.Remittance = make([]string, 9) },
		"currency of the ": func(m *Mapping) { m.Currency = "XXX" },
	} {
		m := european()
		spoil(&m)
		if _, err := ReadCSV(strings.NewReader(europeanFile), m, decimals); !edge.IsKind(err, edge.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add(europeanFile, false)
	f.Add("date,sum\n2026/03/01,1\n", true)
	f.Fuzz(func(t *testing.T, file string, plain bool) {
		m := european()
		if plain {
			m = Mapping{Currency: "JPY", Delimiter: ",", DateLayout: "YYYY/MM/DD", Decimal: ".", Booked: "date", Amount: "sum", Encoding: "windows-1252"}
		}
		s, err := ReadCSV(strings.NewReader(file), m, decimals)
		if err != nil {
			if !edge.IsKind(err, edge.Invalid) {
				t.Fatalf("%v is %v", err, edge.KindOf(err))
			}
			return
		}
		for _, e := range s.Entries {
			if e.Booked.IsZero() || e.Amount.Neg && e.Amount.IsZero() {
				t.Fatal(line(e))
			}
		}
		again(t, s)
	})
}
