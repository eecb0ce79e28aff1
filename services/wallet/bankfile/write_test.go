package bankfile

import (
	"archive/zip"
	"bytes"
	"flag"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

var update = flag.Bool("update", false, "write the golden files; read the difference before it is committed")

func all(list []Entry) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for _, e := range list {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func sumOf(t *testing.T, sum amount.Signed, list []Entry) amount.Signed {
	for _, e := range list {
		var ok bool
		if sum, ok = sum.Add(e.Amount); !ok {
			t.Skip("more than can be counted")
		}
	}
	return sum
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile("testdata/"+name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := load(t, name); string(got) != want {
		t.Errorf("%s differs:\n%s", name, got)
	}
}

var march = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func ours() (Header, []Entry) {
	list := []Entry{
		{Booked: march, Value: march, Amount: amount.Signed{Amount: amount.Of(1250)}, Reference: "01JN8", EndToEnd: "E-1", Counterparty: "Payer <A> & Co",
			CounterIBAN: "GB29NWBK60161331926819", Remittance: strings.Repeat("long ", 40), Purpose: "donation"},
		{Booked: march.Add(34 * time.Hour), Value: march, Amount: amount.Signed{Amount: amount.Of(99), Neg: true}, Reference: "01JN9", Structured: "RF18539007547034"},
		{Booked: march.Add(48 * time.Hour), Value: march, Amount: amount.Signed{Amount: amount.Of(1)}, Reference: "01JNA", Purpose: "correction"},
	}
	return Header{MessageID: "M-1", Created: march.Add(100 * time.Hour), Account: "0190a1b2c3d4e5f60718293a4b5c6d7e", Owner: "Member A", Currency: "EUR", Decimals: 2,
		From: march, To: march.Add(72 * time.Hour), Opening: amount.Signed{Amount: amount.Of(500), Neg: true}, Closing: amount.Signed{Amount: amount.Of(652)}}, list
}

func order(v Version) Order {
	return Order{Version: v, MessageID: "PAY-1", Created: march.Add(9 * time.Hour), Day: march.Add(24 * time.Hour), Debtor: "Site A", Account: "DE89 3704 0044 0532 0130 00",
		BIC: "COBADEFFXXX", Currency: "EUR", Decimals: 2, Payments: []Payment{
			{ID: "P-1", Amount: amount.Of(12345), Creditor: "Creditor B", Account: "GB29NWBK60161331926819", BIC: "NWBKGB2L", Remittance: "Invoice 7"},
			{ID: "P-2", Amount: amount.Of(5), Creditor: "Creditor <C>", Account: "FR1420041010050500013M02606", Structured: "RF18539007547034"},
		}}
}

func TestWriteCAMT(t *testing.T) {
	h, list := ours()
	var out bytes.Buffer
	if err := WriteCAMT(&out, h, all(list)); err != nil {
		t.Fatal(err)
	}
	golden(t, "out.camt053.xml", out.Bytes())
	valid(t, "camt.052.001.08.xsd", out.Bytes())
	back, err := ReadCAMT(&out, decimals)
	if err != nil || len(back) != 1 || back[0].Closing.Signed != h.Closing || back[0].Entries[0].Counterparty != list[0].Counterparty {
		t.Fatalf("%v", err)
	}
	h.Closing = amount.Signed{}
	if err := WriteCAMT(io.Discard, h, all(list)); !edge.IsKind(err, edge.Corrupt) {
		t.Error("a closing balance that is wrong was written:", err)
	}
}

func TestSamplesAreValid(t *testing.T) {
	valid(t, "camt.052.001.02.xsd", []byte(load(t, "camt02.xml")))
	valid(t, "camt.052.001.08.xsd", []byte(load(t, "camt08.xml")))
}

func TestWritePain(t *testing.T) {
	for v, name := range map[Version]string{Pain09: "pain.001.001.09", Pain03: "pain.001.001.03"} {
		var out bytes.Buffer
		if err := WritePain(&out, order(v)); err != nil {
			t.Fatal(err)
		}
		golden(t, "out."+name+".xml", out.Bytes())
		valid(t, name+".xsd", out.Bytes())
	}
}

func TestPainRefused(t *testing.T) {
	for want, spoil := range map[string]func(*Order){
		"message needs an id": func(o *Order) { o.MessageID = strings.Repeat("x", 36) },
		"check digits":        func(o *Order) { o.Payments[0].Account = "GB29NWBK60161331926818" },
		"id of an earlier":    func(o *Order) { o.Payments[1].ID = "P-1" },
		"payment 2 is of":     func(o *Order) { o.Payments[1].Amount = amount.Amount{} },
		"18 digits":           func(o *Order) { o.Payments[0].Amount = amount.Max() },
		"or 5 decimals":       func(o *Order) { o.Decimals = 6 },
		"creditor's name":     func(o *Order) { o.Payments[0].Creditor = "" },
		"BIC":                 func(o *Order) { o.Payments[0].BIC = "12345678" },
		"our bank's BIC":      func(o *Order) { o.BIC = "short" },
		"only one of them":    func(o *Order) { o.Payments[1].Remittance = "x" },
		"three capitals":      func(o *Order) { o.Currency = "GOLD" },
		"1 to 100000":         func(o *Order) { o.Payments = nil },
		"the day":             func(o *Order) { o.Day = time.Time{} },
	} {
		o := order(Pain09)
		spoil(&o)
		var out bytes.Buffer
		if err := WritePain(&out, o); !edge.IsKind(err, edge.Invalid) || !strings.Contains(err.Error(), want) || out.Len() > 0 {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// valid checks a file against the schemas in Debian's package libhbci4j-core-java, with xmllint. It has camt.052 and not
// camt.053; of the same year the two differ in the names of two elements and in that a statement must have a balance.
func valid(t *testing.T, xsd string, doc []byte) {
	t.Helper()
	jar := "/usr/share/java/hbci4j-core.jar"
	if named := os.Getenv("AIELON_XSD_JAR"); named != "" {
		jar = named
	}
	z, err := zip.OpenReader(jar)
	lint, none := exec.LookPath("xmllint")
	if err != nil || none != nil {
		t.Log("not checked against the schema: needs Debian's libxml2-utils and libhbci4j-core-java (or AIELON_XSD_JAR)")
		return
	}
	defer z.Close()
	f, err := z.Open(xsd)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text := strings.NewReplacer("camt.052.", "camt.053.", "BkToCstmrAcctRpt", "BkToCstmrStmt", `"Rpt"`, `"Stmt"`).Replace(string(schema))
	for name, b := range map[string][]byte{"s.xsd": []byte(text), "d.xml": doc} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(lint, "--nonet", "--noout", "--schema", filepath.Join(dir, "s.xsd"), filepath.Join(dir, "d.xml")).CombinedOutput(); err != nil {
		t.Errorf("%s: %s", xsd, out)
	}
}
