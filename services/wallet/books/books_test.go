package books

import (
	"bytes"
	"encoding/csv"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

var (
	transfers = flag.Int("transfers", 1000, "how many random transfers the outside checkers are given")
	into      = flag.String("dir", "", "where their files are kept; empty: nowhere")
)

var files = []string{"journal.hledger", "journal.ledger", "journal.beancount", "balances.csv"}

func save(t *testing.T, dir, name string, write func(io.Writer) error) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := write(f); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// Random transfers go through the ledger's handlers, and hledger, ledger and beancount find that all of it balances and
// that every balance, by account, currency and fund, is what the ledger says.
func TestOutsideCheckers(t *testing.T) {
	for _, tool := range []string{"hledger", "ledger", "bean-check", "bash"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("not held against outside checkers: needs Debian's hledger, ledger and beancount")
		}
	}
	dir := *into
	if dir == "" {
		dir = t.TempDir()
	}
	w := newWorld(t)
	kinds := w.play(*transfers)
	for _, what := range []string{"transfer", "legs", "hold", "post", "part", "void", "reverse", "refused"} {
		if kinds[what] == 0 {
			t.Errorf("no %s among the transfers", what)
		}
	}
	t.Logf("%v", kinds)
	if rep, err := w.led.Check(t.Context(), w.state, nil); err != nil || len(rep.Problems) > 0 {
		t.Fatal(rep, err)
	}
	for _, name := range files {
		save(t, dir, name, func(out io.Writer) error { return New(w.led, w.state).Export(out, name, time.Time{}, time.Time{}) })
	}
	out, err := exec.Command("bash", "../../../scripts/ledgers.sh", dir).CombinedOutput()
	if err != nil || bytes.Count(out, []byte(" ok, ")) != 3 {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// A journal up to a moment and the balances of that moment agree, whatever came after.
func TestExportUntil(t *testing.T) {
	w := newWorld(t)
	desk, a := w.open(walletv1.AccountKind_CASH, "IDR", "amanah"), w.open(walletv1.AccountKind_MEMBER, "IDR", "")
	for range 70 {
		w.move(desk, a, "3")
	}
	export := func(file string, from, until time.Time) [][]string {
		t.Helper()
		var out bytes.Buffer
		if err := New(w.led, w.state).Export(&out, file, from, until); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(out.String(), "\ufeff"))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return rows[1:]
	}
	for _, n := range []int{0, 1, 31, 32, 33, 64, 70} {
		until := begin.Add(time.Duration(n)*time.Hour + 1) // after entry n
		if got := export("journal.csv", time.Time{}, until); len(got) != 2*n {
			t.Errorf("%d lines until after entry %d", len(got), n)
		}
		if got := export("journal.csv", until, time.Time{}); len(got) != 2*(70-n) {
			t.Errorf("%d lines since entry %d", len(got), n)
		}
		got := export("balances.csv", time.Time{}, until)
		if n == 0 && len(got) == 0 {
			continue
		}
		want := map[bool]string{true: "0.03", false: ""}[n == 1]
		if len(got) != 2 || want != "" && got[0][2] != want {
			t.Errorf("balances after %d: %v", n, got)
		}
	}
	for _, bad := range []struct {
		file        string
		from, until time.Time
	}{{"journal.pdf", time.Time{}, time.Time{}}, {"balances.csv", begin, time.Time{}}, {"journal.csv", begin.Add(1), begin}} {
		if err := New(w.led, w.state).Export(io.Discard, bad.file, bad.from, bad.until); !edge.IsKind(err, edge.Invalid) || edge.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// A statement in every format leads from the opening to the closing balance of its time, with nothing of holds in it.
func TestStatement(t *testing.T) {
	w := newWorld(t)
	desk, a := w.open(walletv1.AccountKind_CASH, "IDR", "amanah"), w.open(walletv1.AccountKind_MEMBER, "IDR", "")
	for range 40 {
		w.move(desk, a, "250")
	}
	hold := &walletv1.NewTransfer{Id: w.id(), Debit: a, Credit: desk, Amount: "100", Hold: true}
	if err := w.do("wallet.create_transfer", &walletv1.CreateTransferRequest{Transfer: hold}, &walletv1.Transfer{}); err != nil {
		t.Fatal(err)
	}
	w.move(a, desk, "50")
	write := func(file string, change func(*Request)) (string, error) {
		q := Request{Account: a, File: file, From: begin.Add(35*time.Hour + 1), Site: "Site", Now: w.state.Time.Add(time.Hour)}
		if change != nil {
			change(&q)
		}
		var out bytes.Buffer
		err := New(w.led, w.state).Statement(&out, q)
		return out.String(), err
	}
	got, err := write("statement.csv", nil)
	rows, err2 := csv.NewReader(strings.NewReader(strings.TrimPrefix(got, "\ufeff"))).ReadAll()
	if err != nil || err2 != nil || len(rows) != 9 || rows[1][5] != "87.50" || rows[8][5] != "99.50" || rows[7][4] != "0.50" {
		t.Fatal(err, err2, rows)
	}
	for file, want := range map[string][]string{"statement.pdf": {"%PDF-1.7"}, "statement.hledger": {"opening", "Liabilities:Member:", "-2.50 IDR"}, "statement.ledger": {"0.50 IDR"},
		"statement.beancount": {"open Assets:Cash:"}, "statement.camt053": {"<Cd>OPBD</Cd>", ">87.50<", ">99.50<"}} {
		got, err := write(file, func(q *Request) { q.Language = "ar" })
		for _, s := range want {
			if err != nil || !strings.Contains(got, s) {
				t.Errorf("%s lacks %q: %v\n%.900s", file, s, err, got)
			}
		}
	}
	for name, change := range map[string]func(*Request){
		"format":   func(q *Request) { q.File = "statement.doc" },
		"language": func(q *Request) { q.File, q.Language = "statement.pdf", "xx" },
		"time":     func(q *Request) { q.Until = begin },
		"account":  func(q *Request) { q.Account = "x" },
		"none":     func(q *Request) { q.Account = "" },
	} {
		if _, err := write("statement.csv", change); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := write("statement.csv", func(q *Request) { q.Account = w.id() }); !edge.IsKind(err, edge.NotFound) || edge.CodeOf(err) != ledger.CodeAccount {
		t.Error(err)
	}
}
