package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/dgraph-io/badger/v4"
	"golang.org/x/sys/unix"
)

// maxDamage is how many damaged places a report names.
const maxDamage = 100

// A ScrubReport says what a scrub has looked at.
type ScrubReport struct {
	Files, Keys int
	Bytes       int64 // of files
	Damaged     []string
	Took        time.Duration
}

// ScrubOptions slow a scrub down and tell how far it is.
type ScrubOptions struct {
	BytesPerSecond int64             // 0: as fast as the disk
	Progress       func(ScrubReport) // called now and then from the scrubbing goroutine
}

// Scrub reads every table and every newest value, and fails with Corrupt where something is not what was
// written. The report is right in any case.
func (s *Store) Scrub(ctx context.Context) (ScrubReport, error) {
	return s.ScrubWith(ctx, ScrubOptions{})
}

// ScrubWith is Scrub at a chosen pace.
func (s *Store) ScrubWith(ctx context.Context, o ScrubOptions) (ScrubReport, error) {
	c := &scrub{s: s, o: o, start: time.Now()}
	err := c.files(ctx)
	if err == nil {
		err = c.values(ctx)
	}
	c.report.Took = time.Since(c.start)
	if err == nil && len(c.report.Damaged) > 0 {
		err = edge.E(edge.Corrupt, "the store %q is damaged in %d places, the first is %s", s.opt.Name, len(c.report.Damaged), c.report.Damaged[0]).WithHint(hintDamaged)
	}
	return c.report, err
}

type scrub struct {
	s      *Store
	o      ScrubOptions
	start  time.Time
	report ScrubReport
}

func (c *scrub) damage(format string, args ...any) {
	if len(c.report.Damaged) < maxDamage {
		c.report.Damaged = append(c.report.Damaged, fmt.Sprintf(format, args...))
	}
}

// files compares all sums.
func (c *scrub) files(ctx context.Context) error {
	if c.s.opt.InMemory {
		return nil
	}
	if _, err := c.s.keeper.update(); err != nil {
		return edge.E(edge.Unavailable, "the tables of the store %q cannot be read: %w", c.s.opt.Name, err)
	}
	tables := c.s.keeper.tables()
	for _, id := range sortedIDs(tables) {
		if err := c.pace(ctx); err != nil {
			return err
		}
		name := tableName(c.s.opt.Dir, id)
		dropCache(name)
		got, err := sumFile(name, -1, false)
		want := tables[id]
		if (err != nil || got.size != want.size || got.sum != want.sum) && c.s.keeper.lives(id) {
			c.damage("the file %s", filepath.Base(name))
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		c.report.Files++
		c.report.Bytes += int64(got.size)
	}
	return nil
}

// pace waits so that the scrub keeps its rate, and reports.
func (c *scrub) pace(ctx context.Context) error {
	if c.o.Progress != nil {
		c.o.Progress(c.report)
	}
	wait := time.Duration(0)
	if c.o.BytesPerSecond > 0 {
		due := time.Duration(float64(c.report.Bytes) / float64(c.o.BytesPerSecond) * float64(time.Second))
		wait = max(0, due-time.Since(c.start))
	}
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
	if err := context.Cause(ctx); err != nil { // asked for again: both may have been ready
		return edge.E(edge.Unavailable, "the scrub of the store %q was given up: %w", c.s.opt.Name, err)
	}
	return nil
}

// dropCache asks the kernel to read a file from the disk next time: a flip on the disk does not show in
// the cache. Mapped pages stay, so this is as good as it gets without unmapping.
func dropCache(name string) {
	if f, err := os.Open(name); err == nil {
		_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) // best effort
		f.Close()
	}
}

// values opens every newest value.
func (c *scrub) values(ctx context.Context) (err error) {
	v := c.s.View()
	defer v.Close()
	if err := v.Err(); err != nil {
		return err
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	var last []byte
	defer func() {
		if r := recover(); r != nil {
			c.damage("the keys after %q: %s", clipKey(last), firstLine(r))
		}
	}()
	it := v.txn.NewIterator(badger.IteratorOptions{})
	defer it.Close()
	var room []byte
	for it.Rewind(); it.Valid(); it.Next() {
		last = it.Item().KeyCopy(last)
		if bytes.HasPrefix(last, ownPrefix) {
			continue
		}
		c.report.Keys++
		if c.report.Keys%4096 == 0 {
			if err := c.pace(ctx); err != nil {
				return err
			}
		}
		if room, err = v.value(room[:0], last, it.Item()); err != nil {
			c.damage("the value of %q", clipKey(last))
		}
	}
	return nil
}

func sortedIDs(m map[uint64]fileSum) []uint64 {
	ids := make([]uint64, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
