package state

import (
	"errors"
	"os"

	"github.com/aielon/edge/node/edge"
)

// logs reads the logs of memtables as Badger will, and compares what they hold with the witness. Every
// commit names the index before it, so a hole shows wherever it is.
//
// In an unmanaged store every commit was synced before the next began: a hole is damage. In a managed
// store the tail that was never synced may be lost in a power cut, pages in any order: what lies behind
// the hole is cut off, so that the caller's replay fills both.
func (p *preflight) logs() error {
	files, err := walFiles(p.dir)
	if err != nil {
		return p.ioError(err)
	}
	if len(files) == 0 {
		return nil // closed cleanly; the witness is compared once Badger is open
	}
	if err := p.highestInTables(); err != nil {
		return err
	}
	var read []walFile
	for _, path := range files {
		w, err := readWAL(path, p.dataKey)
		if err != nil {
			return p.ioError(err)
		}
		read = append(read, w)
	}
	hole, cut := p.follow(read)
	if err := p.judge(read, hole); err != nil {
		return err
	}
	return p.trim(read, hole, cut)
}

// syncLogs makes what the logs hold survive a power cut. Whoever was killed between writing and syncing left
// it in the kernel's memory only, and readers of this store tell others what it holds.
func (p *preflight) syncLogs() error {
	files, err := walFiles(p.dir)
	for _, path := range files {
		err = errors.Join(err, syncFile(path))
	}
	if err != nil {
		return p.ioError(err)
	}
	return nil
}

// follow walks all transactions and raises have as long as they connect. It returns the file with the
// first hole (len(read) where there is none) and the offset behind the last transaction before it.
func (p *preflight) follow(read []walFile) (hole int, cut int64) {
	for i, w := range read {
		cut = min(walHeader, w.end)
		for _, t := range w.txns {
			if t.at > p.have {
				if t.prev > p.have {
					return i, cut
				}
				p.have = t.at
			}
			cut = t.end
		}
	}
	return len(read), cut
}

// judge decides whether what is missing may be missing.
func (p *preflight) judge(read []walFile, hole int) error {
	w := &p.s.witness
	need := w.last
	if p.s.opt.Managed {
		need = w.synced
	}
	if p.have < need {
		return p.missing(need - p.have)
	}
	if p.s.opt.Managed {
		return nil
	}
	if hole < len(read) {
		return p.damaged(read[hole].path, "commits before its own are missing")
	}
	for _, r := range read {
		if r.later > p.have {
			return p.missing(r.later - p.have)
		}
	}
	return nil
}

func (p *preflight) missing(n uint64) error { return p.s.missing(n) }

func (s *Store) missing(n uint64) error {
	return edge.E(edge.Corrupt, "the store %q has lost %d commits it had confirmed", s.opt.Name, n).WithHint(hintDamaged)
}

// trim cuts off what cannot be used: half a transaction, as a power cut leaves it, and what lies behind a
// hole. Badger would cut the former too, after reading lengths out of it that may be anything.
func (p *preflight) trim(read []walFile, hole int, cut int64) error {
	for i, w := range read {
		var err error
		switch {
		case w.empty:
			err = os.Remove(w.path) // killed between making and sizing it; Badger would not open
		case i > hole:
			p.s.log.Warn("an unsynced log was cut off behind a hole that a power cut left", "file", w.path, "transactions", len(w.txns))
			err = os.Remove(w.path)
		case i == hole:
			p.s.log.Warn("an unsynced log was cut off at a hole that a power cut left", "file", w.path)
			err = os.Truncate(w.path, max(cut, walHeader))
		case w.torn:
			err = os.Truncate(w.path, w.end)
		}
		if err != nil {
			return p.ioError(err)
		}
	}
	return nil
}

func (p *preflight) dataKey(id uint64) []byte {
	k, err := p.registry.DataKey(id)
	if err != nil || k == nil {
		return nil
	}
	return k.Data
}

// highestInTables sets have to the highest index that tables hold.
func (p *preflight) highestInTables() error {
	for id, m := range p.manifest.Tables {
		n, err := p.s.readTable(p.registry, id, m, false)
		if err != nil {
			return p.damaged(tableName(p.dir, id), err.Error())
		}
		p.have = max(p.have, n)
	}
	return nil
}
