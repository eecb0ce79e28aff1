package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/aielon/edge/node"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
)

type walletCheckCmd struct{}

func (*walletCheckCmd) declare(c *declaration) {
	c.Use, c.Short = "check", "Recompute every balance of the wallet from its entries. Works without a running node."
}

func (*walletCheckCmd) Run(in *invocation) error {
	var rep ledger.Report
	show := newBlocks(in.std.Err)
	err := in.audit(func(au *node.Audit) (err error) { rep, err = au.Money().Check(in.ctx, show.at); return err },
		func(c *client) (err error) { rep, err = c.checkMoney(in, show); return err })
	show.end()
	if err != nil {
		return err
	}
	fmt.Fprintf(in.std.Out, "%d entries with %d legs in %d blocks, %d accounts, %d open holds.\n", rep.Entries, rep.Legs, rep.Blocks, rep.Accounts, rep.Holds)
	for _, p := range rep.Problems {
		fmt.Fprintf(in.std.Out, "  WRONG: %s\n", printable(p))
	}
	if n := len(rep.Problems) + rep.More; n > 0 {
		return edge.E(edge.Refused, "the ledger of the wallet has %d problems", n).WithHint("let nobody move money, keep a copy of the data directory, and compare with the other nodes of the site")
	}
	fmt.Fprintln(in.std.Out, "Every balance, total and chain is what the entries come to.")
	return nil
}

// checkMoney has the running node check.
func (c *client) checkMoney(in *invocation, show *blocks) (rep ledger.Report, err error) {
	r, err := c.stream(in.ctx, "GET", "/v1/wallet/check", nil, nil)
	if err != nil {
		return rep, err
	}
	defer r.Close()
	for d := json.NewDecoder(io.LimitReader(r, maxAnswer)); ; {
		var m node.MoneyCheck
		if err := d.Decode(&m); err != nil {
			return rep, edge.E(edge.Unavailable, "the check ended early: %w", err)
		}
		switch {
		case m.Error != "":
			return rep, edge.E(edge.Unavailable, "%s", m.Error)
		case m.Report != nil:
			return *m.Report, nil
		}
		show.at(m.Done, m.Of)
	}
}

// blocks shows on a terminal, and only there, how much of the ledger is checked.
type blocks struct {
	w     io.Writer // nil where nobody looks
	shown time.Time
}

func newBlocks(w io.Writer) *blocks {
	b := &blocks{shown: time.Now()}
	if f, ok := w.(*os.File); ok && terminal(f) {
		b.w = w
	}
	return b
}

func (b *blocks) at(done, of uint64) {
	if b.w != nil && of > 0 && time.Since(b.shown) > time.Second {
		b.shown = time.Now()
		fmt.Fprintf(b.w, "\rchecking: %d of %d blocks\x1b[K", done, of)
	}
}

func (b *blocks) end() {
	if b.w != nil {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}

type walletExportCmd struct{ Format, File, Until string }

func (e *walletExportCmd) declare(c *declaration) {
	c.Use, c.Short = "export", "Write the whole ledger for the checkers hledger, ledger and beancount, or as CSV. It names accounts by their ids."
	c.Flags().Var(text(&e.Format), "format", "hledger, ledger, beancount, csv, or balances (default: hledger).")
	c.Flags().VarP(path(&e.File), "output", "o", "The file to write (default: standard output).")
	c.Flags().Var(text(&e.Until), "until", "Only what moved before that moment, as 2026-01-31T00:00:00Z (default: all).")
}

func (e *walletExportCmd) Run(in *invocation) error {
	file := map[string]string{"": "journal.hledger", "hledger": "journal.hledger", "ledger": "journal.ledger", "beancount": "journal.beancount", "csv": "journal.csv", "balances": "balances.csv"}[e.Format]
	if file == "" {
		return edge.E(edge.Invalid, "there is no format %q", e.Format).WithHint("use hledger, ledger, beancount, csv or balances")
	}
	var until time.Time
	if e.Until != "" {
		var err error
		if until, err = time.Parse(time.RFC3339Nano, e.Until); err != nil {
			return edge.E(edge.Invalid, "%q is no moment", e.Until).WithHint("write it as 2026-01-31T00:00:00Z")
		}
	}
	write := func(w io.Writer) error {
		return in.audit(func(au *node.Audit) error { return au.Money().Export(w, file, time.Time{}, until) },
			func(c *client) error { return c.exportMoney(in, w, url.Values{"file": {file}, "until": {e.Until}}) })
	}
	if e.File == "" || e.File == "-" {
		return write(in.std.Out)
	}
	return whole(e.File, write)
}

func (c *client) exportMoney(in *invocation, w io.Writer, q url.Values) error {
	r, err := c.stream(in.ctx, "GET", "/v1/wallet/export", q, nil)
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := io.Copy(w, r); err != nil {
		return edge.E(edge.Unavailable, "the export ended early: %w", err)
	}
	return nil
}

// whole writes a file, or leaves what was there: nobody takes half an export for all of it.
func whole(name string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".export-*") // readable by its owner only
	if err != nil {
		return edge.E(edge.Invalid, "%s cannot be written: %w", name, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriter(f)
	if err := write(w); err != nil {
		return err
	}
	if err = w.Flush(); err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return edge.E(edge.Exhausted, "%s cannot be written: %w", name, err)
	}
	return nil
}
