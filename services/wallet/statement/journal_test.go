package statement

import (
	"bytes"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

var update = flag.Bool("update", false, "write the golden files; read the difference before it is committed")

type list []Entry

func (l list) Entries() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for _, e := range l {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func pos(n uint64) amount.Signed { return amount.Signed{Amount: amount.Of(n)} }

var march = time.Date(2026, 3, 1, 8, 30, 0, 0, time.FixedZone("", 7*3600))

// few has everything once that could be written wrongly.
func few() list {
	large28, err := amount.Parse("9999999999999999999999999999") // the most digits beancount counts with
	if err != nil {
		panic(err)
	}
	member := Leg{Root: Liabilities, Account: []string{"member", "0190a1b2"}, Fund: "amanah", Currency: "IDR", Scale: 2, Amount: pos(150_050).Negated()}
	cash := Leg{Root: Assets, Account: []string{"cash", "Desk 1"}, Fund: "amanah", Currency: "IDR", Scale: 2, Amount: pos(150_050)}
	gold, vault := cash, cash
	gold.Currency, gold.Scale, gold.Amount, gold.Root = "XAU-MG", 0, pos(5).Negated(), Equity
	vault.Currency, vault.Scale, vault.Amount = "XAU-MG", 0, pos(5)
	give, roof := member, member
	give.Amount = pos(1)
	roof.Amount = pos(1).Negated()
	out, in := roof, roof
	out.Fund, in.Fund, in.Account = "sadaqah:roof", "sadaqah:roof", []string{"fund", "مسجد"}
	in.Amount = pos(1)
	large, small := cash, member
	large.Currency, large.Scale, large.Amount = "KWD", 3, amount.Signed{Amount: large28}
	small.Currency, small.Scale, small.Amount = "KWD", 3, large.Amount.Negated()
	return list{
		{Time: march, ID: "01JN8A", Note: "cash_in", Legs: []Leg{cash, member}},
		{Time: march.Add(time.Hour), ID: "01JN8B)", Note: `a "b"; c\`, Legs: []Leg{vault, gold, give, roof, out, in}},
		{Time: march.Add(2 * time.Hour), ID: "", Note: "", Legs: []Leg{large, small}},
	}
}

func TestGolden(t *testing.T) {
	for f, name := range map[Format]string{Hledger: "few.hledger", Ledger: "few.ledger", Beancount: "few.beancount", CSV: "few.csv"} {
		var out bytes.Buffer
		if err := Write(&out, f, few()); err != nil {
			t.Fatal(err)
		}
		golden(t, name, out.Bytes())
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile("testdata/"+name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs:\n%s", name, got)
	}
}

func TestWriteRefused(t *testing.T) {
	broken := errors.New("disk")
	for _, c := range []struct {
		kind  edge.Kind
		spoil func(*Entry)
	}{
		{edge.Corrupt, func(e *Entry) { e.Legs[0].Amount = pos(7) }},
		{edge.Corrupt, func(e *Entry) { e.Legs[0].Fund = "zakat" }},
		{edge.Invalid, func(e *Entry) { e.Legs[0].Currency = "E" }},
		{edge.Invalid, func(e *Entry) { e.Legs[0].Currency = "eur" }},
		{edge.Invalid, func(e *Entry) { e.Legs[0].Currency = "EUR-" }},
		{edge.Invalid, func(e *Entry) { e.Legs[0].Scale = 19 }},
		{edge.Invalid, func(e *Entry) { e.Legs[0].Account = []string{""} }},
		{edge.Invalid, func(e *Entry) { e.Legs[0].Fund, e.Legs[1].Fund = "a:", "a:" }},
		{edge.Corrupt, func(e *Entry) { e.Legs[0].Scale = 3 }},
	} {
		l := few()
		c.spoil(&l[0])
		for f := Hledger; f <= CSV; f++ {
			if err := Write(io.Discard, f, l); !edge.IsKind(err, c.kind) {
				t.Errorf("%v, want %v", err, c.kind)
			}
		}
	}
	l := few()
	l[0].Legs[0].Amount = amount.Signed{Amount: amount.Max()}
	l[0].Legs[1].Amount = l[0].Legs[0].Amount.Negated()
	for f := Hledger; f <= CSV; f++ {
		if err := Write(io.Discard, f, l); (f == Beancount) != edge.IsKind(err, edge.Invalid) {
			t.Errorf("an amount of 39 digits: %v", err)
		}
	}
	if err := Write(failing{broken}, Ledger, few()); !edge.IsKind(err, edge.Unavailable) || !errors.Is(err, broken) {
		t.Error(err)
	}
	if err := Write(io.Discard, Ledger, failing{broken}); !errors.Is(err, broken) {
		t.Error("a journal that broke off was taken for whole:", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
func (f failing) Entries() iter.Seq2[Entry, error] {
	return func(y func(Entry, error) bool) { y(Entry{}, f.err) }
}

// Names are legal in beancount, the strictest of the three, and no two accounts share one.
func TestNames(t *testing.T) {
	legal := regexp.MustCompile(`^Assets(:[A-Z0-9][A-Za-z0-9-]*)+$`) // beancount 2.3.5, core/account.py, for ASCII
	seen := map[string]string{}
	part := rapid.OneOf(rapid.StringMatching(`[aAzZ.2d-]{1,4}`), rapid.String().Filter(func(s string) bool { return s != "" }))
	rapid.Check(t, func(t *rapid.T) {
		l := Leg{Account: rapid.SliceOfN(part, 1, 3).Draw(t, "account"), Fund: "f"}
		name, err := l.Name()
		if err != nil || !legal.MatchString(name) {
			t.Fatalf("%q is %q, %v", l.Account, name, err)
		}
		id := fmt.Sprintf("%q", l.Account)
		if other, twice := seen[name]; twice && other != id {
			t.Fatalf("%s and %s are both %s", id, other, name)
		}
		seen[name] = id
	})
}

func TestCells(t *testing.T) {
	l := few()[:1]
	l[0].Note = `=HYPERLINK("x")`
	var out bytes.Buffer
	if err := Write(&out, CSV, l); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(out.String(), "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 3 || rows[1][2] != `'=HYPERLINK("x")` || rows[1][6] != "1500.50" || rows[2][6] != "-1500.50" {
		t.Fatal(rows, err)
	}
}

// random makes transfers between accounts of several kinds, funds and currencies, and the balances they come to.
func random(n int) (list, []Balance) {
	r := rand.New(rand.NewPCG(1, 2))
	scales := map[string]int{"IDR": 2, "KWD": 3, "JPY": 0, "XAU-MG": 0, "EUR": 2}
	currencies := slices.Sorted(maps.Keys(scales))
	funds := []string{"amanah", "zakat", "sadaqah:roof", "waqf_corpus:deed 1"}
	sums := map[string]*Balance{}
	var l list
	for i := range n {
		fund, ccy := funds[r.IntN(len(funds))], currencies[r.IntN(len(currencies))]
		e := Entry{Time: march.Add(time.Duration(i) * time.Hour), ID: fmt.Sprintf("%032x", i), Note: "transfer"}
		var rest amount.Signed
		for k := range 2 + r.IntN(3) {
			leg := Leg{Root: Root(r.IntN(5)), Account: []string{"member", fmt.Sprint("m", r.IntN(40))}, Fund: fund, Currency: ccy, Scale: scales[ccy]}
			leg.Amount = amount.Signed{Amount: amount.Of(r.Uint64N(1 << (1 + r.IntN(50))))}
			if k == 0 {
				leg.Amount = leg.Amount.Negated()
			}
			rest, _ = rest.Add(leg.Amount)
			e.Legs = append(e.Legs, leg)
		}
		last := e.Legs[0]
		last.Root, last.Account, last.Amount = Assets, []string{"cash"}, rest.Negated()
		e.Legs = append(e.Legs, last)
		for _, leg := range e.Legs {
			name, _ := leg.Name()
			b := sums[name+ccy]
			if b == nil {
				b = &Balance{leg}
				b.Amount = amount.Signed{}
				sums[name+ccy] = b
			}
			b.Amount, _ = b.Amount.Add(leg.Amount)
		}
		l = append(l, e)
	}
	var out []Balance
	for _, key := range slices.Sorted(maps.Keys(sums)) {
		out = append(out, *sums[key])
	}
	return l, out
}

// A thousand random transfers pass the outside checkers, and their balances are ours. One unit more is seen.
func TestOutsideCheckers(t *testing.T) {
	for _, tool := range []string{"hledger", "ledger", "bean-check", "bash"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("not held against outside checkers: needs Debian's hledger, ledger and beancount")
		}
	}
	l, balances := random(1000)
	dir := t.TempDir()
	save := func(name string, write func(io.Writer) error) {
		var out bytes.Buffer
		if err := write(&out); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for f, name := range map[Format]string{Hledger: "journal.hledger", Ledger: "journal.ledger", Beancount: "journal.beancount"} {
		save(name, func(w io.Writer) error { return Write(w, f, l) })
	}
	save("balances.csv", func(w io.Writer) error { return WriteBalances(w, each(balances)) })
	out, err := exec.Command("bash", "../../../scripts/ledgers.sh", dir).CombinedOutput()
	if err != nil || bytes.Count(out, []byte(" ok, ")) != 3 {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	i := slices.IndexFunc(balances, func(b Balance) bool { return !b.Amount.IsZero() })
	balances[i].Amount, _ = balances[i].Amount.Add(pos(1))
	save("balances.csv", func(w io.Writer) error { return WriteBalances(w, each(balances)) })
	if out, err := exec.Command("bash", "../../../scripts/ledgers.sh", dir).CombinedOutput(); err == nil || bytes.Count(out, []byte(" differs ")) != 3 {
		t.Fatalf("a balance that is wrong by one unit was not seen: %v\n%s", err, out)
	}
}

func each(list []Balance) iter.Seq2[Balance, error] {
	return func(yield func(Balance, error) bool) {
		for _, b := range list {
			if !yield(b, nil) {
				return
			}
		}
	}
}
