package reconcile

import (
	"bytes"
	"iter"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A statement pays the payments its entries name, once, however often and in whatever file an entry comes.
func TestImport(t *testing.T) {
	w := newWorld(t)
	p, q := w.pay(w.a, 1250), w.pay(w.b, 900)
	rows := []row{{1, 1250, "B-1", "", "for the roof " + p.Reference}, {1, -300, "B-2", "", "fees"}, {2, 900, "B-3", strings.ReplaceAll(q.Reference, " ", ""), ""}}
	first := camt(iban, 1, 2, 10000, rows...)
	st := w.taken(first)
	if st.Entries != 3 || st.Known != 0 || st.Matched != 2 || st.Open != 1 || st.Opening != "10000" || st.Closing != "11850" {
		t.Fatal(st)
	}
	if w.posted(w.a) != "1250" || w.posted(w.b) != "900" || w.posted(w.bank) != "-2150" || w.payment(p.Id).State != walletv1.PaymentState_PAYMENT_CONFIRMED {
		t.Fatal(w.posted(w.a), w.posted(w.b), w.posted(w.bank))
	}
	rowsBefore, events := len(w.state.Rows), len(w.state.Events)
	again, err := w.take(first)
	if err != nil || !again.Again || !proto.Equal(again.Statements[0], st) || len(w.state.Rows) != rowsBefore || len(w.state.Events) != events {
		t.Fatal(again, err)
	}
	over := w.taken(camt(iban, 2, 3, 10950, rows[2], row{3, 900, "B-4", "", "again " + q.Reference}))
	if over.Entries != 2 || over.Known != 1 || over.Matched != 2 {
		t.Fatal(over)
	}
	list := w.entries(0)
	if len(list) != 4 {
		t.Fatal(list)
	}
	if list[0].Reference == "B-2" { // within a day the order is any
		list[0], list[1] = list[1], list[0]
	}
	if list[0].Payment != p.Id || !list[0].Automatic || len(list[0].Transfers) != 1 || list[1].State != walletv1.EntryState_ENTRY_OPEN {
		t.Fatal(list)
	}
	twice := list[3]
	if !twice.Conflict || len(twice.Transfers) != 0 || w.posted(w.b) != "900" {
		t.Fatal("who pays twice is credited twice, or nobody is told", twice)
	}
	w.must("wallet.decide_conflict", &walletv1.DecideConflictRequest{Id: q.Id, Accept: true}, &walletv1.Payment{})
	if twice = w.entries(0)[3]; twice.Conflict || len(twice.Transfers) != 1 || w.posted(w.b) != "1800" {
		t.Fatal(twice)
	}
	if left := w.unmatched(""); len(left) != 0 {
		t.Fatal("what payments moved stands for no entry", left)
	}
	names := "payer of"
	for _, e := range w.state.Events {
		if bytes.Contains(e.Body, []byte(names)) || bytes.Contains(e.Body, []byte("roof")) {
			t.Fatalf("an event names a payer: %s", e.Body)
		}
	}
}

// Files that are not of the account, not sound, or too long change nothing and say why.
func TestImportRefused(t *testing.T) {
	w := newWorld(t)
	good := camt(iban, 1, 2, 0, row{1, 100, "B-1", "", ""})
	long := make([]row, MaxEntries+1)
	for i := range long {
		long[i] = row{1, 1, "B", "", ""}
	}
	other := "GB29NWBK60161331926819"
	for name, c := range map[string]struct {
		change func(*walletv1.ImportStatementRequest)
		kind   edge.Kind
		code   string
	}{
		"no account at the bank": {func(r *walletv1.ImportStatementRequest) { r.BankAccount = "" }, edge.Invalid, CodeBankNeeded},
		"another account":        {func(r *walletv1.ImportStatementRequest) { r.BankAccount = other }, edge.Refused, CodeBankDiffers},
		"a file of another":      {func(r *walletv1.ImportStatementRequest) { r.Document = camt(other, 1, 2, 0) }, edge.Refused, CodeBankDiffers},
		"another currency": {func(r *walletv1.ImportStatementRequest) {
			r.Document = bytes.ReplaceAll(good, []byte("EUR"), []byte("USD"))
		}, edge.Refused, "currency_mismatch"},
		"no format":   {func(r *walletv1.ImportStatementRequest) { r.Format = 0 }, edge.Invalid, "invalid_request"},
		"no mapping":  {func(r *walletv1.ImportStatementRequest) { r.Format = walletv1.StatementFormat_CSV }, edge.Invalid, "invalid_request"},
		"not a file":  {func(r *walletv1.ImportStatementRequest) { r.Document = []byte("no") }, edge.Invalid, "invalid_request"},
		"half a file": {func(r *walletv1.ImportStatementRequest) { r.Document = good[:len(good)/2] }, edge.Invalid, "invalid_request"},
		"a wrong sum": {func(r *walletv1.ImportStatementRequest) {
			r.Document = bytes.Replace(good, []byte("1.00"), []byte("2.00"), 1)
		}, edge.Invalid, "invalid_request"},
		"too many":      {func(r *walletv1.ImportStatementRequest) { r.Document = camt(iban, 1, 2, 0, long...) }, edge.Exhausted, CodeTooLong},
		"too large":     {func(r *walletv1.ImportStatementRequest) { r.Document = make([]byte, maxBytes+1) }, edge.Exhausted, CodeTooLong},
		"no bank":       {func(r *walletv1.ImportStatementRequest) { r.Account = w.a }, edge.Refused, CodeKind},
		"no account":    {func(r *walletv1.ImportStatementRequest) { r.Account = w.id() }, edge.NotFound, "account_not_found"},
		"account empty": {func(r *walletv1.ImportStatementRequest) { r.Account = "" }, edge.Invalid, "invalid_request"},
	} {
		in := &walletv1.ImportStatementRequest{Account: w.bank, Format: walletv1.StatementFormat_CAMT053, Document: good, BankAccount: iban}
		c.change(in)
		before := len(w.state.Rows)
		err := w.do("wallet.import_statement", in, &walletv1.ImportStatementResponse{})
		if !edge.IsKind(err, c.kind) || edge.CodeOf(err) != c.code || len(w.state.Rows) != before {
			t.Errorf("%s: %v (%s), %d rows more", name, err, edge.CodeOf(err), len(w.state.Rows)-before)
		}
	}
	w.taken(good)
	err := w.do("wallet.import_statement", &walletv1.ImportStatementRequest{Account: w.other, Format: walletv1.StatementFormat_CAMT053, Document: good, BankAccount: iban}, &walletv1.ImportStatementResponse{})
	if edge.CodeOf(err) != CodeBankTaken {
		t.Errorf("two accounts of the ledger stand for one at the bank: %v", err)
	}
	out := &walletv1.ImportStatementResponse{}
	w.must("wallet.import_statement", &walletv1.ImportStatementRequest{Account: w.bank, Format: walletv1.StatementFormat_CAMT053, Document: camt(iban, 3, 3, 100, row{3, 5, "B-9", "", ""})}, out)
	if len(out.Statements) != 1 {
		t.Error("a bank account that is known is asked for again")
	}
}

// A file may have statements of other accounts, and several of this one.
func TestSeveralStatements(t *testing.T) {
	w := newWorld(t)
	join := func(files ...[]byte) []byte {
		var stmts []string
		for _, f := range files {
			s := string(f)
			stmts = append(stmts, s[strings.Index(s, "<Stmt>"):strings.Index(s, "</BkToCstmrStmt>")])
		}
		head := string(files[0])
		return []byte(head[:strings.Index(head, "<Stmt>")] + strings.Join(stmts, "") + "</BkToCstmrStmt></Document>")
	}
	out, err := w.take(join(camt(iban, 1, 1, 0, row{1, 100, "", "", "same"}, row{1, 100, "", "", "same"}), camt("GB29NWBK60161331926819", 1, 1, 0, row{1, 7, "", "", ""}), camt(iban, 1, 2, 0, row{1, 100, "", "", "same"}, row{1, 100, "", "", "same"}, row{2, 100, "", "", "same"})))
	if err != nil || len(out.Statements) != 2 || out.Others != 1 || out.Statements[1].Known != 2 || len(w.entries(0)) != 3 {
		t.Fatal(out, err)
	}
	list := &walletv1.ListStatementsResponse{}
	w.ask("wallet.list_statements", &walletv1.ListStatementsRequest{Account: w.bank, PageSize: 1}, list)
	if len(list.Statements) != 1 || list.Statements[0].Until.AsTime().Day() != 3 || list.NextPageToken == "" || list.BankAccounts[0] != iban {
		t.Fatal(list)
	}
	w.ask("wallet.list_statements", &walletv1.ListStatementsRequest{Account: w.bank, PageSize: 1, PageToken: list.NextPageToken}, list)
	if len(list.Statements) != 1 || list.Statements[0].Until.AsTime().Day() != 2 || list.NextPageToken != "" {
		t.Fatal(list)
	}
}

// CSV is read as the last time where nothing else is said, and knows entries that came as camt.053.
func TestCSV(t *testing.T) {
	w := newWorld(t)
	p := w.pay(w.a, 1250)
	w.taken(camt(iban, 1, 1, 0, row{1, 1250, "B-1", "", p.Reference}))
	file := "Day;Ref;Text;Amount\n01.03.2026;B-1;" + p.Reference + ";12,50\n02.03.2026;B-2;rent;-3,00\n"
	in := &walletv1.ImportStatementRequest{Account: w.bank, Format: walletv1.StatementFormat_CSV, Document: []byte(file), Mapping: &walletv1.CsvMapping{Delimiter: ";", DateLayout: "DD.MM.YYYY", Decimal: ",",
		Booked: "Day", Amount: "Amount", Reference: "Ref", Remittance: []string{"Text"}}}
	out := &walletv1.ImportStatementResponse{}
	w.must("wallet.import_statement", in, out)
	if st := out.Statements[0]; st.Entries != 2 || st.Known != 1 || st.Opening != "" || w.posted(w.a) != "1250" {
		t.Fatal(st)
	}
	if sum := w.summary(out.Statements[0].Id); sum.Difference != "" || sum.Open.Amount != "-300" {
		t.Fatal(sum)
	}
	in.Mapping, in.Document = nil, []byte("Day;Ref;Text;Amount\n03.03.2026;B-3;x;1,00\n")
	w.must("wallet.import_statement", in, out)
	in.Document = []byte("Day;Ref;Text;Amount\n03.03.2026;B-4;x;1.000,0x\n")
	if err := w.do("wallet.import_statement", in, out); !edge.IsKind(err, edge.Invalid) || !strings.Contains(err.Error(), "line 2") {
		t.Error(err)
	}
}

// More payments than one command tells of follow in others.
func TestManyWait(t *testing.T) {
	w := newWorld(t)
	var rows []row
	for range 250 {
		rows = append(rows, row{1, 100, "B-" + w.id(), "", w.pay(w.a, 100).Reference})
	}
	st := w.taken(camt(iban, 1, 1, 0, rows...))
	if st.Matched < 20 || st.Waiting < settleMany || st.Matched+st.Waiting != int32(len(rows)) {
		t.Fatal(st)
	}
	if list := w.entries(walletv1.EntryState_ENTRY_OPEN); len(list)+len(w.entries(walletv1.EntryState_ENTRY_PROPOSED)) != 0 {
		t.Fatal("what will be matched by itself is shown as open", list)
	}
	w.settle()
	if got := w.posted(w.a); got != "25000" {
		t.Fatal(got)
	}
	if sum := w.summary(st.Id); sum.Statement.Matched != int32(len(rows)) || sum.Unexplained != "0" {
		t.Fatal(sum)
	}
	h, _ := w.mux.Handler(OpSettle)
	if _, err := h(w.state, []byte("{}")); !edge.IsKind(err, edge.Denied) {
		t.Fatal("a person has entries settled", err)
	}
}

// An entry of another bank account than the payment's does not pay it; what a person may do with it is said.
func TestPaymentElsewhere(t *testing.T) {
	w := newWorld(t)
	p := w.pay(w.a, 1250)
	out := &walletv1.ImportStatementResponse{}
	w.must("wallet.import_statement", &walletv1.ImportStatementRequest{Account: w.other, Format: walletv1.StatementFormat_CAMT053, BankAccount: iban, Document: camt(iban, 1, 1, 0, row{1, 1250, "B-1", "", p.Reference})}, out)
	if out.Statements[0].Open != 1 || w.posted(w.a) != "0" {
		t.Fatal(out)
	}
	list := &walletv1.ListBankEntriesResponse{}
	w.ask("wallet.list_bank_entries", &walletv1.ListBankEntriesRequest{Account: w.other}, list)
	err := w.do("wallet.match_entry", &walletv1.MatchEntryRequest{Entry: list.Entries[0].Id, Payment: p.Id}, &walletv1.BankEntry{})
	if edge.CodeOf(err) != "other_bank_account" {
		t.Fatal(err)
	}
}

// The longest file that is taken is a command the site can take, and so are those after it.
func TestLongest(t *testing.T) {
	w := newWorld(t)
	var rows []row
	for n := range MaxEntries {
		rows = append(rows, row{1 + n%28, 100 + n, "BANK-REFERENCE-" + w.id(), "END-TO-END-" + w.id()[:20], strings.Repeat("wrote ", 10) + w.pay(w.a, 100+n).Reference})
	}
	file := camt(iban, 1, 28, 0, rows...)
	most := &meter{Tx: w.state}
	h, _ := w.mux.Handler("wallet.import_statement")
	body, _ := proto.Marshal(&walletv1.ImportStatementRequest{Account: w.bank, Format: walletv1.StatementFormat_CAMT053, Document: file, BankAccount: iban})
	reply, err := h(most, body)
	if err != nil || most.spent > maxCost {
		t.Fatalf("%d bytes: %v", most.spent, err)
	}
	out := &walletv1.ImportStatementResponse{}
	if err := proto.Unmarshal(reply, out); err != nil || out.Statements[0].Matched == 0 {
		t.Fatal(out, err)
	}
	t.Logf("a file of %d bytes costs %d; %d payments are told of at once", len(file), most.spent, out.Statements[0].Matched)
	next := &meter{Tx: w.state}
	w.state.By = edge.Actor{Kind: edge.Node, ID: "n"}
	settle, _ := w.mux.Handler(OpSettle)
	if _, err := settle(next, []byte("{}")); err != nil || next.spent > maxCost || next.spent > settleMany*tellCost {
		t.Fatalf("%d bytes: %v", next.spent, err)
	}
	t.Logf("telling of %d payments costs %d", settleMany, next.spent)
}

// A counter counts what is looked up.
type counter struct {
	edge.Tx
	looks int
}

func (c *counter) Get(k []byte) ([]byte, error) { c.looks++; return c.Tx.Get(k) }

func (c *counter) Scan(p []byte) iter.Seq2[[]byte, []byte] { c.looks++; return c.Tx.Scan(p) }

// What a payer writes decides nothing about how much has to be looked up.
func TestHostileText(t *testing.T) {
	for _, text := range []string{"RF ", "RF1 ", "RF18 5390 0754 7035 ", "0123456789abcdefghjkmnpqrs "} {
		w := newWorld(t)
		var rows []row
		for n := range 20 {
			rows = append(rows, row{1, 100 + n, "B-" + w.id(), "", strings.Repeat(text, 4000/len(text))})
		}
		body, _ := proto.Marshal(&walletv1.ImportStatementRequest{Account: w.bank, Format: walletv1.StatementFormat_CAMT053, Document: camt(iban, 1, 1, 0, rows...), BankAccount: iban})
		h, _ := w.mux.Handler("wallet.import_statement")
		c := &counter{Tx: w.state}
		if _, err := h(c, body); err != nil || c.looks > 10*len(rows)+50 {
			t.Errorf("%q: %d lookups, %v", text, c.looks, err)
		}
	}
}
