package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/aielon/edge/node"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
)

type doctorCmd struct {
	Scrub bool
}

func (d *doctorCmd) declare(c *declaration) {
	c.Use, c.Short = "doctor", "Look for what is wrong or will be."
	c.Flags().BoolVar(&d.Scrub, "scrub", false, "Also read every stored value and check it (takes as long as the disk does).")
}

type finding struct {
	ok   bool
	what string
	hint string
}

func (d *doctorCmd) Run(in *invocation) error {
	cfg, err := in.config()
	if err != nil {
		return err
	}
	list := []finding{{ok: true, what: "configuration is good"}, diskFinding(cfg), keyFinding(cfg)}
	c, err := in.client()
	if err != nil {
		return err
	}
	list = append(list, d.running(in, c)...)
	sick := 0
	for _, f := range list {
		mark := "ok  "
		if !f.ok {
			mark = "BAD "
			sick++
		}
		fmt.Fprintf(in.std.Out, "%s %s\n", mark, printable(f.what))
		if f.hint != "" {
			fmt.Fprintf(in.std.Out, "     %s\n", printable(f.hint))
		}
	}
	if sick > 0 {
		return edge.E(edge.Conflict, "%d things need attention", sick)
	}
	return nil
}

func (d *doctorCmd) running(in *invocation, c *client) []finding {
	var st gateway.Status
	if err := c.call(in.ctx, "GET", "/v1/status", nil, nil, &st); err != nil {
		return []finding{{what: err.Error()}}
	}
	list := []finding{{ok: st.Ledger.Total.Lost == 0, what: fmt.Sprintf("%d records accepted, %d lost", st.Ledger.Total.Accepted, st.Ledger.Total.Lost)}}
	for _, a := range st.Attention {
		list = append(list, finding{what: a.Text, hint: a.Hint})
	}
	for _, p := range st.Parts {
		list = append(list, finding{ok: p.Level == "ok", what: p.Name + ": " + p.Msg, hint: p.Hint})
	}
	if d.Scrub {
		list = append(list, scrubFinding(in, c))
	}
	return list
}

func scrubFinding(in *invocation, c *client) finding {
	var out node.ScrubResult
	if err := c.call(in.ctx, "POST", "/v1/scrub", nil, nil, &out); err != nil {
		f := finding{what: err.Error()}
		if e, ok := errors.AsType[*edge.Error](err); ok {
			f.what, f.hint = e.Msg, e.Hint
		}
		return f
	}
	return finding{ok: len(out.Damaged) == 0, what: fmt.Sprintf("%d stored values and %d files checked, %d damaged", out.Keys, out.Files, len(out.Damaged))}
}

func diskFinding(cfg node.Config) finding {
	var st unix.Statfs_t
	if err := unix.Statfs(cfg.DataDir, &st); err != nil {
		return finding{what: fmt.Sprintf("%s cannot be looked at: %v", cfg.DataDir, err), hint: "start the node once, or name its data directory with --data"}
	}
	free := node.Bytes(int64(st.Bavail) * int64(st.Bsize) >> 20 << 20)
	need := cfg.Storage.MinFree + cfg.Storage.Readings/4
	return finding{ok: free > need, what: fmt.Sprintf("%s free for %s", free, cfg.DataDir), hint: map[bool]string{false: fmt.Sprintf("at least %s should be", need)}[free > need]}
}

func keyFinding(cfg node.Config) finding {
	path := cfg.Storage.KeyFile
	if path == "" {
		path = filepath.Join(cfg.DataDir, "keys", "storage.key")
	}
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return finding{what: fmt.Sprintf("the storage key is not at %s", path), hint: "it is made at the first start, or handed in by the service manager"}
	case st.Mode().Perm()&0o077 != 0:
		return finding{what: fmt.Sprintf("others may read %s", path), hint: "chmod 600 " + path}
	}
	return finding{ok: true, what: "the storage key is private; keep a copy of it elsewhere"}
}
