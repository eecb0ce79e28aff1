package node

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/node/state"
	"github.com/aielon/edge/services/wallet/books"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// Money is the wallet of a node, running or not, for whoever reads all of it.
type Money struct {
	led  *ledger.Ledger
	view func() *state.View
}

// Money is the wallet of the site.
func (a *Audit) Money() *Money { return &Money{led: ledger.New(nil), view: a.site} }

// Export writes a file of the whole ledger by its name, as (*books.Book).Export does.
func (m *Money) Export(w io.Writer, file string, from, until time.Time) error {
	v := m.view()
	defer v.Close()
	return books.New(m.led, v).Export(w, file, from, until)
}

// MoneyCheck is what a check of the ledger found, or how far it is.
type MoneyCheck struct {
	Done   uint64         `json:"done,omitempty"` // blocks
	Of     uint64         `json:"of,omitempty"`
	Report *ledger.Report `json:"report,omitempty"` // at the end
	Error  string         `json:"error,omitempty"`  // why there is none
}

// Check recomputes the ledger. progress may be nil.
func (m *Money) Check(ctx context.Context, progress func(done, of uint64)) (ledger.Report, error) {
	v := m.view()
	defer v.Close()
	return m.led.Check(ctx, v, progress)
}

// maxMoneyReaders bounds how many read much of the ledger at a time.
const maxMoneyReaders = 4

// A moneyBook hands out what the wallet holds as files.
type moneyBook struct {
	n    *Node
	room chan struct{}
}

func (n *Node) moneyMethods(l *gateway.Locals) {
	b := &moneyBook{n: n, room: make(chan struct{}, maxMoneyReaders)}
	gateway.LocalStream(l, b.statement)
	gateway.LocalStream(l, b.export)
}

func (b *moneyBook) statement(_ context.Context, in *walletv1.GetStatementRequest, send func(*httpbody.HttpBody) error) error {
	return b.file(in.GetFile(), in.GetFrom(), in.GetUntil(), send, func(w io.Writer, book *books.Book, from, until time.Time) error {
		return book.Statement(w, books.Request{Account: in.GetAccount(), File: in.GetFile(), From: from, Until: until, Language: in.GetLanguage(),
			Site: b.n.siteName(), Now: b.n.keys.trust.Now()})
	})
}

func (b *moneyBook) export(_ context.Context, in *walletv1.ExportLedgerRequest, send func(*httpbody.HttpBody) error) error {
	return b.file(in.GetFile(), in.GetFrom(), in.GetUntil(), send, func(w io.Writer, book *books.Book, from, until time.Time) error {
		return book.Export(w, in.GetFile(), from, until)
	})
}

func (b *moneyBook) file(name string, from, until *timestamppb.Timestamp, send func(*httpbody.HttpBody) error, write func(io.Writer, *books.Book, time.Time, time.Time) error) error {
	leave, err := enter(b.room, "read the ledger")
	if err != nil {
		return err
	}
	defer leave()
	since, err := timeOf(from)
	if err != nil {
		return err
	}
	before, err := timeOf(until)
	if err != nil {
		return err
	}
	v := b.n.site.View()
	defer v.Close()
	w := &parts{kind: books.ContentType(name), send: send}
	if err := write(w, books.New(b.n.wallet.Ledger, v), since, before); err != nil {
		return err
	}
	return w.flush()
}

// timeOf reads a time that may be left out.
func timeOf(t *timestamppb.Timestamp) (time.Time, error) {
	switch {
	case t == nil:
		return time.Time{}, nil
	case !t.IsValid():
		return time.Time{}, edge.E(edge.Invalid, "the bounds of the time are no times").WithCode(ledger.CodeInvalid)
	}
	return t.AsTime(), nil
}

// moneyControl is what the command line asks of the wallet.
func (n *Node) moneyControl(m *http.ServeMux) {
	m.HandleFunc("GET /v1/wallet/export", n.serveMoneyExport)
	m.HandleFunc("GET /v1/wallet/check", n.serveMoneyCheck)
}

func (n *Node) serveMoneyExport(w http.ResponseWriter, r *http.Request) {
	var until time.Time
	q := r.URL.Query()
	if s := q.Get("until"); s != "" {
		var err error
		if until, err = time.Parse(time.RFC3339Nano, s); err != nil {
			answer(w, nil, edge.E(edge.Invalid, "%q is no moment", s).WithHint("write it as 2026-01-31T00:00:00Z"))
			return
		}
	}
	out := &begun{ResponseWriter: w}
	switch err := n.auditOf().Money().Export(out, q.Get("file"), time.Time{}, until); {
	case err != nil && !out.any:
		answer(w, nil, err)
	case err != nil:
		n.log.Warn("an export of the ledger ended early", "error", err)
		panic(http.ErrAbortHandler) // the reader sees a broken stream and not a short file
	}
}

// begun notes whether anything was written.
type begun struct {
	http.ResponseWriter
	any bool
}

// Write implements io.Writer.
func (b *begun) Write(p []byte) (int, error) {
	b.any = true
	return b.ResponseWriter.Write(p)
}

// serveMoneyCheck answers with lines of JSON: how far it is, and at the end what was found.
func (n *Node) serveMoneyCheck(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	out, ctl, told := json.NewEncoder(w), http.NewResponseController(w), time.Now()
	rep, err := n.auditOf().Money().Check(r.Context(), func(done, of uint64) {
		if time.Since(told) < tellEvery {
			return
		}
		told = time.Now()
		out.Encode(MoneyCheck{Done: done, Of: of})
		ctl.Flush()
	})
	if err != nil {
		out.Encode(MoneyCheck{Error: err.Error()})
		return
	}
	out.Encode(MoneyCheck{Report: &rep})
}
