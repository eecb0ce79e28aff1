package state

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/aielon/edge/node/edge"
	"golang.org/x/sys/unix"
)

// Backup writes all live keys of one moment to w, sealed for Options.BackupKey, while the store goes on.
// A value that is not what was written fails the backup with Corrupt.
func (s *Store) Backup(ctx context.Context, w io.Writer) (BackupInfo, error) {
	return s.BackupAs(ctx, w, "", nil)
}

// BackupAs is Backup with a word on whose data it is (up to 256 bytes) and metadata of the caller, such as
// the positions of journals (up to 64 KiB). Both are authentic where the backup opens.
func (s *Store) BackupAs(ctx context.Context, w io.Writer, origin string, meta []byte) (BackupInfo, error) {
	if len(origin) > maxOrigin || len(meta) > maxMeta {
		return BackupInfo{}, edge.E(edge.Invalid, "a backup takes %d bytes of origin and %d of metadata", maxOrigin, maxMeta)
	}
	v := s.View()
	defer v.Close()
	info := BackupInfo{
		Format: archiveFormat, Store: s.opt.Name, Managed: s.opt.Managed, Origin: origin, Meta: meta,
		Created: time.Now().UTC(), Index: v.Index(),
	}
	if err := v.Err(); err != nil {
		return info, err
	}
	buf := bufio.NewWriterSize(w, chunkTarget)
	a, err := newSealer(buf, s.opt.BackupKey)
	if err == nil {
		err = a.writeAll(ctx, info, v)
	}
	if err = errors.Join(err, buf.Flush()); err != nil {
		return info, wrapIO(err, "the backup of the store %q could not be written: %w", s.opt.Name)
	}
	info.Keys, info.Bytes, info.Sum = a.end.Keys, a.end.Bytes, hex.EncodeToString(a.end.Sum)
	return info, nil
}

func (a *sealer) writeAll(ctx context.Context, info BackupInfo, v *View) error {
	defer a.zip.Close()
	head, err := json.Marshal(info)
	if err != nil {
		return err
	}
	if err := a.chunk(chunkInfo, head); err != nil {
		return err
	}
	for key, value := range v.Scan(nil) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := a.add(key, value); err != nil {
			return err
		}
	}
	if err := v.Err(); err != nil {
		return err
	}
	return a.close()
}

// wrapIO gives an error of the world outside a sentence, and leaves errors that have one alone.
func wrapIO(err error, format, name string) error {
	var e *edge.Error
	if errors.As(err, &e) {
		return e
	}
	return edge.E(edge.Unavailable, format, name, err)
}

// Verify reads a backup to its end and says what it holds, without keeping anything. It fails with Invalid
// (not a backup, another key, another store) or Corrupt.
func Verify(ctx context.Context, r io.Reader, o Options) (BackupInfo, error) {
	o.InMemory = true
	o, err := o.withDefaults()
	if err != nil {
		return BackupInfo{}, err
	}
	return o.readBackup(ctx, r, func(BackupInfo) error { return nil }, func(_, _ []byte) error { return nil })
}

// readBackup checks an archive from front to back.
func (o Options) readBackup(ctx context.Context, r io.Reader, begin func(BackupInfo) error, f func(key, value []byte) error) (BackupInfo, error) {
	a, err := newOpener(bufio.NewReaderSize(r, chunkTarget), o.BackupKey)
	if err != nil {
		return BackupInfo{}, err
	}
	defer a.close()
	info, err := a.info()
	switch {
	case err != nil:
	case info.Store != o.Name || info.Managed != o.Managed:
		err = edge.E(edge.Invalid, "this is a backup of the store %q, not of %q", info.Store, o.Name)
	default:
		err = begin(info)
	}
	if err == nil {
		err = a.records(func(key, value []byte) error {
			if err := ctx.Err(); err != nil {
				return edge.E(edge.Unavailable, "the restore was given up: %w", err)
			}
			return f(key, value)
		})
	}
	if errors.Is(err, errArchive) {
		err = edge.E(edge.Corrupt, "the backup of the store %q is not whole: %w", o.Name, err).WithHint("take another backup; nothing was changed")
	}
	info.Keys, info.Bytes, info.Sum = a.end.Keys, a.end.Bytes, hex.EncodeToString(a.end.Sum)
	return info, err
}

// Restore makes a new store in o.Dir, which must be empty or not exist, out of a backup. The backup is
// unpacked into a scratch directory beside it, checked to its last byte, and only then put in place, in
// one step. The restored store continues at the backup's commit index.
func Restore(ctx context.Context, r io.Reader, o Options) (BackupInfo, error) {
	o, err := o.withDefaults()
	if err != nil {
		return BackupInfo{}, err
	}
	if o.InMemory {
		return BackupInfo{}, edge.E(edge.Invalid, "a restore needs a directory")
	}
	if entries, err := os.ReadDir(o.Dir); len(entries) > 0 || err != nil && !errors.Is(err, os.ErrNotExist) {
		return BackupInfo{}, edge.E(edge.Conflict, "%s is not empty; a restore never overwrites a store", o.Dir).WithHint("move the old store away first")
	}
	target := filepath.Clean(o.Dir)
	o.Dir = target + ".restoring"
	if err := os.RemoveAll(o.Dir); err != nil { // of a restore that was killed
		return BackupInfo{}, edge.E(edge.Unavailable, "%s cannot be removed: %w", o.Dir, err)
	}
	info, err := unpack(ctx, r, o)
	if err == nil {
		err = putInPlace(o.Dir, target)
	}
	if err != nil {
		return info, errors.Join(err, os.RemoveAll(o.Dir))
	}
	return info, nil
}

// putInPlace renames a directory to the place of one that is empty or missing, durably.
func putInPlace(from, to string) error {
	if err := syncFile(from); err != nil {
		return edge.E(edge.Unavailable, "the restored store could not be synced: %w", err)
	}
	if err := unix.Rename(from, to); err != nil {
		return edge.E(edge.Unavailable, "the restored store could not be put in place: %w", err)
	}
	if err := syncFile(filepath.Dir(to)); err != nil {
		return edge.E(edge.Unavailable, "the restored store may not survive a power cut yet: %w", err)
	}
	return nil
}

// unpack fills a new store in o.Dir.
func unpack(ctx context.Context, r io.Reader, o Options) (info BackupInfo, err error) {
	o.bulk = true
	var s *Store
	b := NewBatch()
	var index uint64
	flush := func() error {
		defer b.Reset()
		if err := b.check(0, s); err != nil {
			return edge.E(edge.Corrupt, "the backup holds what no store can: %w", err)
		}
		if err := s.writable(true); err != nil {
			return err
		}
		s.commitMu.Lock()
		defer s.commitMu.Unlock()
		if err := s.write(b, index); err != nil {
			return err
		}
		s.committed(index)
		return nil
	}
	begin := func(info BackupInfo) (err error) {
		index = max(info.Index, 1)
		s, err = Open(ctx, o)
		return err
	}
	info, err = o.readBackup(ctx, r, begin, func(key, value []byte) error {
		b.Set(key, value)
		if b.Size() < s.MaxBatch()/2 {
			return nil
		}
		return flush()
	})
	if s == nil {
		return info, err
	}
	if err == nil {
		err = flush() // also where nothing is left: the index counts
	}
	return info, errors.Join(err, s.Close())
}
