package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aielon/edge/node"
	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/edge"
)

type auditVerifyCmd struct {
	Witness, Node, Seen []string
}

func (a *auditVerifyCmd) declare(c *declaration) {
	c.Use, c.Short = "verify", "Recompute the audit from its records and compare it with every checkpoint. Works without a network, and without a running node."
	c.Flags().Var(list(&a.Witness, "NODE"), "witness", "Id of a node that must have cosigned. May be repeated.")
	c.Flags().Var(list(&a.Node, "NODE"), "node", "Id of a node that may sign for the site (default: any whose keys are known here). May be repeated.")
	c.Flags().Var(files(&a.Seen), "seen", "What a witness printed with: aielon-edge audit seen. May be repeated.")
}

func (a *auditVerifyCmd) Run(in *invocation) error {
	var q node.AuditRequest
	var err error
	if q.Witnesses, err = nodeIDs(a.Witness); err != nil {
		return err
	}
	if q.Nodes, err = nodeIDs(a.Node); err != nil {
		return err
	}
	for _, f := range a.Seen {
		if err := addSeen(&q, f); err != nil {
			return err
		}
	}
	var list []audit.Report
	err = in.audit(func(au *node.Audit) (err error) { list, err = au.Verify(in.ctx, q); return err },
		func(c *client) error { return c.call(in.ctx, "POST", "/v1/audit/verify", nil, q, &list) })
	if err != nil {
		return err
	}
	for _, r := range list {
		printReport(in.std.Out, r)
		if e := r.Err(); e != nil && err == nil {
			err = e
		}
	}
	return err
}

// audit works on a stopped node's data, or asks the node that runs on it.
func (in *invocation) audit(stopped func(*node.Audit) error, running func(*client) error) error {
	cfg, err := in.config()
	if err != nil {
		return err
	}
	a, err := node.OpenAudit(in.ctx, cfg)
	if edge.IsKind(err, edge.Unavailable) {
		c, err := in.client()
		if err != nil {
			return err
		}
		return running(c)
	}
	if err != nil {
		return err
	}
	defer a.Close()
	return stopped(a)
}

func nodeIDs(list []string) (ids []edge.NodeID, err error) {
	for _, s := range list {
		id, err := edge.ParseNodeID(s)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// maxSeen bounds a file for --seen, in bytes.
const maxSeen = 64 << 20

func addSeen(q *node.AuditRequest, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return edge.E(edge.Invalid, "%s cannot be read: %w", name, err)
	}
	defer f.Close()
	d := json.NewDecoder(io.LimitReader(f, maxSeen))
	for {
		var s node.AuditSeen
		if err := d.Decode(&s); err == io.EOF {
			return nil
		} else if err != nil {
			return edge.E(edge.Invalid, "%s is not what a witness prints: %w", name, err)
		}
		if err := s.By.Check(); err != nil {
			return err
		}
		q.Keys, q.Witnessed = append(q.Keys, s.By), append(q.Witnessed, s.Checkpoint)
	}
}

func printReport(w io.Writer, r audit.Report) {
	fmt.Fprintf(w, "%s\n", r.Stream)
	for _, e := range r.Epochs {
		fmt.Fprintf(w, "  epoch %x: %d records (%d decisions, %d accesses, %d changes, %d others; %d refusals)", e.Epoch, e.Records, e.Kinds[audit.Decision], e.Kinds[audit.Access], e.Kinds[audit.Change], e.Kinds[0], e.Denied)
		if e.Removed > 0 {
			fmt.Fprintf(w, ", %d more were delivered and removed", e.Removed)
		}
		fmt.Fprintln(w)
		printCheckpoints(w, e)
	}
	if len(r.Problems) == 0 {
		fmt.Fprintln(w, "  Nothing is changed, removed, moved or inserted.")
	}
	for _, p := range r.Problems {
		fmt.Fprintf(w, "  WRONG: %s\n", printable(p))
	}
}

// printCheckpoints tells of the newest checkpoint, of the newest one that somebody else vouches for, and of all that
// do not match.
func printCheckpoints(w io.Writer, e audit.EpochReport) {
	var newest, vouched *audit.CheckpointReport
	for i := range e.Checkpoints {
		c := &e.Checkpoints[i]
		if !c.Matches {
			fmt.Fprintf(w, "    checkpoint of %d records DOES NOT MATCH%s\n", c.Size, signers(c))
			continue
		}
		newest = c
		if len(c.Cosigned) > 0 {
			vouched = c
		}
	}
	if newest != nil {
		fmt.Fprintf(w, "    %d checkpoints; the newest is of %d records%s\n", len(e.Checkpoints), newest.Size, signers(newest))
	}
	switch {
	case vouched == nil && e.Records+e.Removed > 0:
		fmt.Fprintln(w, "    nobody else has cosigned any of it: whoever rules this node could have rewritten all of it")
	case vouched != nil && vouched != newest:
		fmt.Fprintf(w, "    the newest one somebody else vouches for is of %d records%s\n", vouched.Size, signers(vouched))
	}
	if e.Uncovered > 0 {
		fmt.Fprintf(w, "    %d records are newer than any checkpoint\n", e.Uncovered)
	}
	if e.Lost != "" {
		fmt.Fprintf(w, "    %s\n", printable(e.Lost))
	}
}

func signers(c *audit.CheckpointReport) string {
	var b strings.Builder
	for _, s := range c.Signed {
		fmt.Fprintf(&b, ", signed by node %s", s.Node.Short())
	}
	for _, s := range c.Cosigned {
		fmt.Fprintf(&b, ", cosigned by node %s at %s", s.Node.Short(), s.Time.Format("2006-01-02 15:04 UTC"))
	}
	if c.Unknown > 0 {
		fmt.Fprintf(&b, ", and %d signatures by keys not known here", c.Unknown)
	}
	return b.String()
}

type auditExportCmd struct {
	Stream      []string
	Proofs, All bool
}

func (a *auditExportCmd) declare(c *declaration) {
	c.Use, c.Short = "export", "Print the audit records as JSON, one per line."
	c.Flags().Var(list(&a.Stream, "STREAM"), "stream", "Which journal (default: readings.ledger and site.ledger).")
	c.Flags().BoolVar(&a.Proofs, "proofs", false, "Add to each record the proof that it is part of the newest checkpoint.")
	c.Flags().BoolVar(&a.All, "all", false, "Other records of the journals too.")
}

func (a *auditExportCmd) Run(in *invocation) error {
	q := node.AuditRequest{Streams: a.Stream, Proofs: a.Proofs, All: a.All}
	return in.audit(func(au *node.Audit) error { return au.Export(in.ctx, in.std.Out, q) },
		func(c *client) error {
			r, err := c.stream(in.ctx, "POST", "/v1/audit/export", nil, q)
			if err != nil {
				return err
			}
			defer r.Close()
			if _, err := io.Copy(in.std.Out, r); err != nil {
				return edge.E(edge.Unavailable, "the export ended early: %w", err)
			}
			return nil
		})
}

type auditCheckCmd struct {
	File string
	Node []string
}

func (a *auditCheckCmd) declare(c *declaration) {
	c.Use, c.Short = "check", "Prove an export that was made with --proofs, with nothing but the file."
	c.arg(text(&a.File), "file", "The export; - reads standard input.")
	c.Flags().Var(list(&a.Node, "NODE"), "node", "Id of a node whose checkpoints count (default: any). May be repeated.")
}

func (a *auditCheckCmd) Run(in *invocation) error {
	ids, err := nodeIDs(a.Node)
	if err != nil {
		return err
	}
	r := in.std.In
	if a.File != "-" {
		f, err := os.Open(a.File)
		if err != nil {
			return edge.E(edge.Invalid, "%s cannot be read: %w", a.File, err)
		}
		defer f.Close()
		r = f
	}
	got, err := audit.CheckExport(bufio.NewReader(r), ids)
	if err != nil {
		return edge.E(edge.Corrupt, "%s does not hold: %w", a.File, err)
	}
	fmt.Fprintf(in.std.Out, "%d records are part of signed checkpoints, %d came without a proof.\n", got.Proved, got.Unproved)
	for _, s := range got.Signed {
		fmt.Fprintf(in.std.Out, "signed or cosigned by node %s\n", s.Node)
	}
	return nil
}

type auditSeenCmd struct{}

func (*auditSeenCmd) declare(c *declaration) {
	c.Use, c.Short = "seen", "Print what this node has cosigned for others, for their --seen."
}

func (*auditSeenCmd) Run(in *invocation) error {
	var list []node.AuditSeen
	err := in.audit(func(au *node.Audit) (err error) { list, err = au.Seen(in.ctx); return err },
		func(c *client) error { return c.call(in.ctx, "GET", "/v1/audit/seen", nil, nil, &list) })
	if err != nil {
		return err
	}
	out := json.NewEncoder(in.std.Out)
	for _, s := range list {
		if err := out.Encode(s); err != nil {
			return edge.E(edge.Internal, "the list cannot be written: %w", err)
		}
	}
	return nil
}
