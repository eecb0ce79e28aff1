package reconcile

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/payments"
	"github.com/aielon/edge/services/wallet/walletv1"
)

const iban = "DE89370400440532013000"

// A world is a wallet in memory that is paid through a bank.
type world struct {
	t     testing.TB
	led   *ledger.Ledger
	mux   *edge.Mux
	state *edgetest.State
	n     int

	bank, other, suspense, income, a, b string
}

var officer = edge.Actor{Kind: edge.Person, ID: "officer"}

func newWorld(t testing.TB) *world {
	w := &world{t: t, led: ledger.New(nil), mux: edge.NewMux(), state: edgetest.New(officer, time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC))}
	w.led.Register(w.mux)
	pay := payments.New(w.led)
	pay.Register(w.mux)
	New(w.led, pay).Register(w.mux)
	w.bank, w.other, w.suspense = w.open(walletv1.AccountKind_BANK, ""), w.open(walletv1.AccountKind_BANK, ""), w.open(walletv1.AccountKind_PAYABLE, "")
	w.income, w.a, w.b = w.open(walletv1.AccountKind_INCOME, ""), w.open(walletv1.AccountKind_MEMBER, "p-a"), w.open(walletv1.AccountKind_MEMBER, "p-b")
	w.must("wallet.put_gateway", &walletv1.PutGatewayRequest{Name: "bank", Kind: walletv1.GatewayKind_GATEWAY_BANK, Accounts: []*walletv1.GatewayAccount{{Account: w.bank, Suspense: w.suspense}}}, &walletv1.Gateway{})
	return w
}

func (w *world) id() string {
	w.n++
	var x edge.ID
	copy(x[:], fmt.Sprintf("test-id-%08d", w.n))
	return x.String()
}

func (w *world) open(kind walletv1.AccountKind, owner string) string {
	w.t.Helper()
	in, a := &walletv1.OpenAccountRequest{Id: w.id(), Kind: kind, Asset: "EUR", Fund: "amanah", Owner: owner}, &walletv1.Account{}
	w.must("wallet.open_account", in, a)
	return a.Id
}

// do evaluates a command as a site does: what a handler writes along with a refusal for good is kept.
func (w *world) do(op string, in, out proto.Message) error {
	w.t.Helper()
	h, err := w.mux.Handler(op)
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := proto.Marshal(in)
	if err != nil {
		w.t.Fatal(err)
	}
	w.state.Time = w.state.Time.Add(time.Second)
	var kept *edge.Kept
	err = w.state.Try(func(tx edge.Tx) error {
		reply, err := h(tx, body)
		if k, is := err.(*edge.Kept); is {
			kept = k
			return nil
		}
		if err != nil {
			return err
		}
		return proto.Unmarshal(reply, out)
	})
	if kept != nil {
		return kept.Err
	}
	return err
}

func (w *world) must(op string, in, out proto.Message) {
	w.t.Helper()
	if err := w.do(op, in, out); err != nil {
		w.t.Fatalf("%s: %v", op, err)
	}
}

func (w *world) try(op string, in, out proto.Message) error {
	w.t.Helper()
	a, err := w.mux.Asker(op)
	if err != nil {
		w.t.Fatal(err)
	}
	body, _ := proto.Marshal(in)
	reply, err := a(w.state, body)
	if err != nil {
		return err
	}
	return proto.Unmarshal(reply, out)
}

func (w *world) ask(op string, in, out proto.Message) {
	w.t.Helper()
	if err := w.try(op, in, out); err != nil {
		w.t.Fatalf("%s: %v", op, err)
	}
}

// settle is what the leading node does each second.
func (w *world) settle() {
	w.t.Helper()
	h, err := w.mux.Handler(OpSettle)
	if err != nil {
		w.t.Fatal(err)
	}
	w.state.By = edge.Actor{Kind: edge.Node, ID: "n"}
	defer func() { w.state.By = officer }()
	for range 100 {
		if waits, err := Waits(w.state); err != nil || !waits {
			if err != nil {
				w.t.Fatal(err)
			}
			return
		}
		w.state.Time = w.state.Time.Add(time.Second)
		if err := w.state.Try(func(tx edge.Tx) error { _, err := h(tx, json.RawMessage("{}")); return err }); err != nil {
			w.t.Fatal(err)
		}
	}
	w.t.Fatal("entries wait for ever")
}

func (w *world) pay(account string, cents int) *walletv1.Payment {
	w.t.Helper()
	p := &walletv1.Payment{}
	w.must("wallet.create_payment", &walletv1.CreatePaymentRequest{Id: w.id(), Gateway: "bank", Account: account, Amount: fmt.Sprint(cents)}, p)
	return p
}

func (w *world) payment(id string) *walletv1.Payment {
	w.t.Helper()
	p := &walletv1.Payment{}
	w.ask("wallet.get_payment", &walletv1.GetPaymentRequest{Id: id}, p)
	return p
}

func (w *world) posted(account string) string {
	w.t.Helper()
	a := &walletv1.Account{}
	w.ask("wallet.get_account", &walletv1.GetAccountRequest{Id: account}, a)
	return a.Balance.Posted
}

func (w *world) transfer(debit, credit string, cents int) string {
	w.t.Helper()
	t := &walletv1.Transfer{}
	w.must("wallet.create_transfer", &walletv1.CreateTransferRequest{Transfer: &walletv1.NewTransfer{Id: w.id(), Debit: debit, Credit: credit, Amount: fmt.Sprint(cents), Asset: "EUR"}}, t)
	return t.Id
}

// A row is an entry of a statement in a test.
type row struct {
	day   int // of March 2026
	cents int
	ref   string // the bank's
	e2e   string
	text  string
}

// camt writes a statement as a bank does.
func camt(number string, from, to, opening int, rows ...row) []byte {
	var b strings.Builder
	closing := opening
	for _, r := range rows {
		closing += r.cents
	}
	money := func(cents int) string {
		side := "CRDT"
		if cents < 0 {
			side, cents = "DBIT", -cents
		}
		return fmt.Sprintf(`<Amt Ccy="EUR">%d.%02d</Amt><CdtDbtInd>%s</CdtDbtInd>`, cents/100, cents%100, side)
	}
	fmt.Fprintf(&b, `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><Stmt><Id>S-%d-%d</Id><FrToDt><FrDtTm>2026-03-%02dT00:00:00</FrDtTm><ToDtTm>2026-03-%02dT23:59:59</ToDtTm></FrToDt>`, from, to, from, to)
	fmt.Fprintf(&b, `<Acct><Id><IBAN>%s</IBAN></Id><Ccy>EUR</Ccy></Acct>`, number)
	fmt.Fprintf(&b, `<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp>%s<Dt><Dt>2026-03-%02d</Dt></Dt></Bal>`, money(opening), from)
	fmt.Fprintf(&b, `<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp>%s<Dt><Dt>2026-03-%02d</Dt></Dt></Bal>`, money(closing), to)
	for _, r := range rows {
		fmt.Fprintf(&b, `<Ntry>%s<Sts>BOOK</Sts><BookgDt><Dt>2026-03-%02d</Dt></BookgDt>`, money(r.cents), r.day)
		if r.ref != "" {
			fmt.Fprintf(&b, `<AcctSvcrRef>%s</AcctSvcrRef>`, r.ref)
		}
		fmt.Fprintf(&b, `<NtryDtls><TxDtls><Refs><EndToEndId>%s</EndToEndId></Refs><RltdPties><Dbtr><Nm>payer of %s</Nm></Dbtr></RltdPties><RmtInf><Ustrd>%s</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>`, r.e2e, r.ref, r.text)
	}
	b.WriteString(`</Stmt></BkToCstmrStmt></Document>`)
	return []byte(b.String())
}

func (w *world) take(file []byte) (*walletv1.ImportStatementResponse, error) {
	w.t.Helper()
	out := &walletv1.ImportStatementResponse{}
	err := w.do("wallet.import_statement", &walletv1.ImportStatementRequest{Account: w.bank, Format: walletv1.StatementFormat_CAMT053, Document: file, BankAccount: iban}, out)
	return out, err
}

func (w *world) taken(file []byte) *walletv1.BankStatement {
	w.t.Helper()
	out, err := w.take(file)
	if err != nil || len(out.Statements) != 1 {
		w.t.Fatal(out, err)
	}
	return out.Statements[0]
}

// entries lists all entries of the account, page by page.
func (w *world) entries(state walletv1.EntryState) (list []*walletv1.BankEntry) {
	w.t.Helper()
	in := &walletv1.ListBankEntriesRequest{Account: w.bank, State: state, PageSize: 2}
	for {
		out := &walletv1.ListBankEntriesResponse{}
		w.ask("wallet.list_bank_entries", in, out)
		list = append(list, out.Entries...)
		if in.PageToken = out.NextPageToken; in.PageToken == "" {
			return list
		}
	}
}

func (w *world) summary(id string) *walletv1.StatementSummary {
	w.t.Helper()
	out := &walletv1.StatementSummary{}
	w.ask("wallet.get_statement_summary", &walletv1.GetStatementSummaryRequest{Id: id}, out)
	return out
}

func (w *world) unmatched(statement string) (list []*walletv1.UnmatchedTransfer) {
	w.t.Helper()
	in := &walletv1.ListUnmatchedTransfersRequest{Account: w.bank, Statement: statement, PageSize: 1}
	for {
		out := &walletv1.ListUnmatchedTransfersResponse{}
		w.ask("wallet.list_unmatched_transfers", in, out)
		list = append(list, out.Transfers...)
		if in.PageToken = out.NextPageToken; in.PageToken == "" {
			return list
		}
	}
}
