package bankfile

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

func decimals(ccy string) (int, bool) {
	d, ok := map[string]int{"EUR": 2, "IDR": 2, "KWD": 3, "JPY": 0}[ccy]
	return d, ok
}

func load(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// line is an entry as one text, so that a difference is seen at once.
func line(e Entry) string {
	return fmt.Sprintf("%s %s %s ref=%s e2e=%s rf=%s from=%s %s %q rev=%v", e.Booked.Format(time.RFC3339), e.Value.Format(time.DateOnly),
		e.Amount, e.Reference, e.EndToEnd, e.Structured, e.Counterparty, e.CounterIBAN, e.Remittance, e.Reversal)
}

func TestReadCAMT(t *testing.T) {
	for name, want := range map[string]string{
		"camt02.xml": `S-1 DE89370400440532013000  EUR 10000 -9350
2026-03-01T00:00:00Z 2026-03-02 1250 ref=B-1 e2e= rf= from=Payer A & Co GB29NWBK60161331926819 "Sadaqah RF18 5390 0754 7034" rev=false
2026-03-01T03:00:00Z 2026-03-01 -20000 ref=N-2 e2e=P-1 rf= from=Creditor B  "" rev=false
2026-03-01T03:00:00Z 2026-03-01 -600 ref=N-2 e2e=P-2 rf=RF18539007547034 from=  "" rev=false
`,
		// The parts of its second entry come to 0.900 and not to 1.000: it stays whole, and nothing is said of parts.
		"camt08.xml": `S-2  0012345678 KWD 0 1235
2026-03-01T00:00:00Z 2026-03-01 2235 ref=B-1 e2e=INV-7 rf= from=دافع  "" rev=false
2026-03-01T00:00:00Z 2026-03-01 -1000 ref= e2e= rf= from=  "returned" rev=true
`,
	} {
		list, err := ReadCAMT(strings.NewReader(load(t, name)), decimals)
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %d, %v", name, len(list), err)
		}
		s := list[0]
		got := fmt.Sprintln(s.ID, s.IBAN, s.Other, s.Currency, s.Opening.Signed, s.Closing.Signed)
		for _, e := range s.Entries {
			got += line(e) + "\n"
		}
		if got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

// Every way a file may be wrong is refused with the words that help, and nothing of it is taken.
func TestCAMTRefused(t *testing.T) {
	good := load(t, "camt02.xml")
	for _, c := range []struct{ old, new, want string }{
		{`<?xml version="1.0" encoding="UTF-8"?>`, `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>`, "line 1 declares a document type"},
		{"Sadaqah", "<!ELEMENT x>", "declares a document type"},
		{"Sadaqah", "&e;", "not well-formed"},
		{"camt.053.001.02", "camt.052.001.02", "not a camt.053"},
		{`encoding="UTF-8"`, `encoding="EBCDIC"`, "encoding"},
		{"</Stmt>", "", "not well-formed"},
		{good[strings.Index(good, "<Ntry>"):], "", "not well-formed"},
		{`<Amt Ccy="EUR">12.50`, `<Amt Ccy="EUR">12.51`, "do not add up"},
		{`<Amt Ccy="EUR">12.50`, `<Amt Ccy="EUR">12.505`, "line 14: the amount has more decimals"},
		{`<Amt Ccy="EUR">12.50`, `<Amt Ccy="EUR">-12.50`, "sign of its own"},
		{`<Amt Ccy="EUR">12.50`, `<Amt Ccy="USD">12.50`, "not in the account's currency"},
		{`<Amt Ccy="EUR">12.50`, `<Amt Ccy="EUR">1e2`, "digits 0 to 9"},
		{`<Amt Ccy="EUR">12.50</Amt>`, ``, "amount is missing"},
		{`EUR`, `XXX`, "not one of this site"},
		{`<Sts>BOOK</Sts>`, `<Sts>MAYBE</Sts>`, "status"},
		{`<CdtDbtInd>CRDT</CdtDbtInd><Sts>`, `<CdtDbtInd>BOTH</CdtDbtInd><Sts>`, "CRDT or DBIT"},
		{`2026-03-02</Dt></ValDt>`, `2026-02-30</Dt></ValDt>`, "line 15: the date"},
		{`DE89370400440532013000`, `DE89370400440532013001`, "check digits"},
		{`Sadaqah`, strings.Repeat("x", maxText+1), "longer than"},
		{`Sadaqah`, strings.Repeat("<x>", maxDepth) + strings.Repeat("</x>", maxDepth), "more than can be read"},
		{`<Stmt>`, `<Other>`, "not well-formed"},
		{good, `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"/>`, "no statement"},
		{good, "", "empty"},
		{"<Ustrd>Sadaqah", "<Ustrd>" + strings.Repeat(" ", MaxBytes), ""},
	} {
		text := strings.ReplaceAll(good, c.old, c.new)
		if text == good {
			t.Fatalf("%q is not in the sample", c.old)
		}
		_, err := ReadCAMT(strings.NewReader(text), decimals)
		if !edge.IsKind(err, edge.Invalid) || !strings.Contains(err.Error(), c.want) || edge.CodeOf(err) == "" {
			t.Errorf("%.40q as %.40q: %v", c.old, c.new, err)
		}
	}
}

func TestCAMTBounds(t *testing.T) {
	head, rest, _ := strings.Cut(load(t, "camt02.xml"), "<Ntry>")
	_, tail, _ := strings.Cut(rest, "</Stmt>")
	entry := `<Ntry><Amt Ccy="EUR">1</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><ValDt><Dt>2026-03-02</Dt></ValDt></Ntry>`
	_, err := ReadCAMT(strings.NewReader(head+strings.Repeat(entry, MaxEntries+1)+"</Stmt>"+tail), decimals)
	if err == nil || !strings.Contains(err.Error(), "more than 100000 entries") {
		t.Error(err)
	}
	_, err = ReadCAMT(strings.NewReader(head+strings.Repeat("<!-- -->       ", MaxBytes/15+1)), decimals)
	if err == nil || !strings.Contains(err.Error(), "larger than 16 MiB") {
		t.Error(err)
	}
}

func TestNothingPersonalIsPrinted(t *testing.T) {
	list, err := ReadCAMT(strings.NewReader(load(t, "camt02.xml")), decimals)
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v", list[0], *list[0], list[0].Entries); strings.Contains(text, "Payer") || strings.Contains(text, "DE89") {
		t.Error(text)
	}
}

func FuzzReadCAMT(f *testing.F) {
	f.Add(load(f, "camt02.xml"))
	f.Add(load(f, "camt08.xml"))
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ReadCAMT(strings.NewReader(text), decimals)
		if err != nil {
			if !edge.IsKind(err, edge.Invalid) {
				t.Fatalf("%v is %v", err, edge.KindOf(err))
			}
			return
		}
		for _, s := range list {
			if s.Check() != nil || s.Currency == "" && len(s.Entries) > 0 {
				t.Fatalf("taken, and not sound")
			}
			again(t, s)
		}
	})
}

// again writes a statement and reads it back: what is counted stays.
func again(t *testing.T, s *Statement) {
	if len(s.Entries) == 0 || s.IBAN == "" && s.Other == "" {
		return
	}
	n, _ := decimals(s.Currency)
	h := Header{MessageID: "M", Account: s.IBAN + s.Other, Currency: s.Currency, Decimals: n, From: s.From, To: s.To}
	h.Closing = sumOf(t, h.Opening, s.Entries)
	var out bytes.Buffer
	if err := WriteCAMT(&out, h, all(s.Entries)); err != nil {
		if !edge.IsKind(err, edge.Invalid) {
			t.Fatal(err)
		}
		return
	}
	list, err := ReadCAMT(&out, decimals)
	if err != nil || len(list) != 1 || len(list[0].Entries) != len(s.Entries) {
		t.Fatalf("written and not read: %v\n%s", err, out.String())
	}
	for i, e := range list[0].Entries {
		if e.Amount != s.Entries[i].Amount {
			t.Fatalf("%s became %s", s.Entries[i].Amount, e.Amount)
		}
	}
}
