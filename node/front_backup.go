package node

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/api/nodev1"
	"github.com/aielon/edge/node/edge"
)

const (
	backupsKept   = 3               // on this node; the oldest goes when another is made
	backupSuffix  = ".backup"       //
	backupPart    = ".part"         // of one that is being made
	progressEvery = time.Second / 4 // how often it is said how far it is
	downloadPart  = 256 << 10       // bytes
)

func (n *Node) backupDir() string { return filepath.Join(n.cfg.DataDir, "backups") }

// createBackup writes a backup beside the data, whole or not at all. Take it away from there: a disk that dies
// takes both.
func (n *Node) createBackup(ctx context.Context, _ *nodev1.CreateBackupRequest, send func(*nodev1.BackupProgress) error) error {
	if !n.backing.CompareAndSwap(false, true) {
		return edge.E(edge.Conflict, "a backup is being made already").WithHint("wait for it")
	}
	defer n.backing.Store(false)
	if err := os.MkdirAll(n.backupDir(), 0o700); err != nil {
		return edge.E(edge.Internal, "the directory for backups cannot be made: %w", err)
	}
	expected := n.backupSize()
	if _, free := n.readings.Size(); free < expected+int64(n.cfg.Storage.MinFree) {
		return edge.E(edge.Exhausted, "a backup takes about %d MB and the disk has %d MB left", expected>>20, free>>20).WithHint("remove an old one, or run aielon-edge backup onto another disk")
	}
	p := &nodev1.BackupProgress{Name: n.keys.trust.Site() + "-" + time.Now().UTC().Format("20060102-150405") + backupSuffix, Expected: expected}
	size, err := n.writeBackup(ctx, filepath.Join(n.backupDir(), p.Name), func(bytes int64) error {
		p.Bytes = bytes
		return send(p)
	})
	if err != nil {
		return err
	}
	n.dropBackups()
	p.Bytes, p.Expected, p.Done = size, size, true
	return send(p)
}

// backupSize is about how many bytes a backup takes.
func (n *Node) backupSize() (sum int64) {
	for _, s := range n.stores() {
		lsm, _ := s.Size()
		sum += lsm
	}
	return sum + 1<<20
}

func (n *Node) writeBackup(ctx context.Context, path string, progress func(int64) error) (int64, error) {
	f, err := os.OpenFile(path+backupPart, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, edge.E(edge.Internal, "the backup cannot be written: %w", err)
	}
	defer os.Remove(path + backupPart)
	defer f.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	w := &countedWriter{w: f}
	done := make(chan error, 1)
	go func() { done <- n.Backup(ctx, w) }()
	for t := time.NewTicker(progressEvery); ; {
		select {
		case err := <-done:
			t.Stop()
			if err == nil {
				err = errors.Join(f.Sync(), os.Rename(path+backupPart, path), syncDir(filepath.Dir(path)))
			}
			return w.n.Load(), err
		case <-t.C:
			if err := progress(w.n.Load()); err != nil { // nobody waits for it any more
				stop()
				<-done
				return 0, err
			}
		}
	}
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

type countedWriter struct {
	w io.Writer
	n atomic.Int64
}

// Write implements io.Writer.
func (c *countedWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n.Add(int64(n))
	return n, err
}

// dropBackups removes the oldest, and what is left of those that broke off.
func (n *Node) dropBackups() {
	parts, _ := filepath.Glob(filepath.Join(n.backupDir(), "*"+backupPart))
	for _, p := range parts {
		os.Remove(p)
	}
	list, err := n.backups()
	if err != nil {
		n.log.Warn("old backups are not removed", "error", err)
		return
	}
	for _, b := range list[min(backupsKept, len(list)):] {
		os.Remove(filepath.Join(n.backupDir(), b.Name))
	}
}

// backups lists those that are here, newest first.
func (n *Node) backups() (list []*nodev1.Backup, err error) {
	files, err := os.ReadDir(n.backupDir())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, edge.E(edge.Internal, "the backups cannot be listed: %w", err)
	}
	for _, f := range files {
		if i, err := f.Info(); err == nil && i.Mode().IsRegular() && strings.HasSuffix(f.Name(), backupSuffix) {
			list = append(list, &nodev1.Backup{Name: f.Name(), Bytes: i.Size(), Made: timestamppb.New(i.ModTime())})
		}
	}
	slices.SortFunc(list, func(a, b *nodev1.Backup) int {
		return -cmp.Compare(a.Made.AsTime().UnixNano(), b.Made.AsTime().UnixNano())
	})
	return list, nil
}

func (n *Node) listBackups(context.Context, *nodev1.ListBackupsRequest) (*nodev1.ListBackupsResponse, error) {
	list, err := n.backups()
	return &nodev1.ListBackupsResponse{Backups: list}, err
}

// backup finds one by its name, which must be that of one that is listed.
func (n *Node) backup(name string) (*nodev1.Backup, error) {
	list, err := n.backups()
	if err != nil {
		return nil, err
	}
	for _, b := range list {
		if b.Name == name {
			return b, nil
		}
	}
	return nil, edge.E(edge.NotFound, "there is no backup of that name on this node")
}

func (n *Node) downloadBackup(ctx context.Context, in *nodev1.DownloadBackupRequest, send func(*httpbody.HttpBody) error) error {
	b, err := n.backup(in.GetName())
	if err != nil {
		return err
	}
	f, err := os.Open(filepath.Join(n.backupDir(), b.Name))
	if err != nil {
		return edge.E(edge.Internal, "the backup cannot be opened: %w", err)
	}
	defer f.Close()
	for buf := make([]byte, downloadPart); ctx.Err() == nil; {
		k, err := f.Read(buf)
		if k > 0 {
			if err := send(&httpbody.HttpBody{ContentType: "application/octet-stream", Data: buf[:k]}); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return edge.E(edge.Internal, "the backup cannot be read: %w", err)
		}
	}
	return ctx.Err()
}

func (n *Node) removeBackup(_ context.Context, in *nodev1.RemoveBackupRequest) (*nodev1.Backup, error) {
	b, err := n.backup(in.GetName())
	if err != nil {
		return nil, err
	}
	if err := os.Remove(filepath.Join(n.backupDir(), b.Name)); err != nil {
		return nil, edge.E(edge.Internal, "the backup cannot be removed: %w", err)
	}
	return b, nil
}
