package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/aielon/edge/node"
	"github.com/aielon/edge/node/edge"
)

type backupCmd struct {
	File string
}

func (b *backupCmd) declare(c *declaration) {
	c.Use, c.Short = "backup", "Write an encrypted backup while the node runs."
	c.arg(path(&b.File), "file", "Where to write the backup; it must not exist yet.")
}

func (b *backupCmd) Run(in *invocation) error {
	c, err := in.client()
	if err != nil {
		return err
	}
	if _, err := os.Stat(b.File); err == nil {
		return edge.E(edge.Conflict, "%s exists already", b.File).WithHint("choose another name: a backup is never overwritten")
	}
	r, err := c.stream(in.ctx, "POST", "/v1/backup", nil, nil)
	if err != nil {
		return err
	}
	defer r.Close()
	n, err := writeWhole(b.File, r, newProgress(in.std.Err, "backup"))
	if err != nil {
		return err
	}
	fmt.Fprintf(in.std.Out, "%s: %s. Keep the storage key beside it, in another place: a backup cannot be read without it.\n", b.File, node.Bytes(n))
	return nil
}

// writeWhole makes the file appear only once all of it is on the disk.
func writeWhole(path string, r io.Reader, p *progress) (n int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".backup-*")
	if err != nil {
		return 0, edge.E(edge.Invalid, "the backup cannot be written there: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if n, err = io.Copy(io.MultiWriter(f, p), r); err != nil {
		return n, edge.E(edge.Unavailable, "the backup ended early and was thrown away: %w", err)
	}
	p.end()
	if err := f.Sync(); err != nil {
		return n, edge.E(edge.Unavailable, "the disk did not confirm the backup: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return n, edge.E(edge.Internal, "the backup cannot get its name: %w", err)
	}
	return n, syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return edge.E(edge.Internal, "the directory cannot be opened: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return edge.E(edge.Unavailable, "the disk did not confirm the backup's name: %w", err)
	}
	return nil
}

type restoreCmd struct {
	File, Key string
	NewSite   bool
}

func (r *restoreCmd) declare(c *declaration) {
	c.Use, c.Short = "restore", "Make a data directory out of a backup."
	c.arg(file(&r.File), "file", "The backup.")
	c.Flags().Var(path(&r.Key), "key", "File with the storage key of the node that made it (default: where the configuration or the service manager keeps it).")
	c.Flags().BoolVar(&r.NewSite, "new-site", false, "Begin the site anew from this backup, although it had other nodes. Refused while one of them answers.")
}

func (r *restoreCmd) Run(in *invocation) error {
	cfg, err := in.config()
	if err != nil {
		return err
	}
	f, err := os.Open(r.File)
	if err != nil {
		return edge.E(edge.NotFound, "the backup cannot be opened: %w", err)
	}
	defer f.Close()
	p := newProgress(in.std.Err, "restore")
	info, err := node.Restore(in.ctx, cfg, io.TeeReader(f, p), node.RestoreOptions{KeyFile: r.Key, NewSite: r.NewSite})
	if err != nil {
		return err
	}
	p.end()
	fmt.Fprintf(in.std.Out, "Restored node %.12s of site %s as it was at %s into %s.\nIts journals begin a new epoch at the next start, so that the hub sees the fork.\n", info.Node, info.Site, info.Created.Local().Format(time.DateTime), cfg.DataDir)
	if info.Peers > 0 {
		fmt.Fprintf(in.std.Out, "Start it: it takes the site's state from the other nodes, of which it knows %d. If none of them has it any more, restore into an empty directory with --new-site.\n", info.Peers)
	}
	return nil
}
