package pgstore

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

const streamColumns = `site, origin, name, urgency, via, epoch, seq, sum, frozen, accepted, skipped, missing, quarantined, duplicates, bytes, trimmed, trimmed_bytes, created, updated`

// text makes s fit for a text column, which holds neither NUL nor invalid UTF-8.
func text(s string) string { return strings.ReplaceAll(strings.ToValidUTF8(s, "�"), "\x00", "�") }

func scanStream(r pgx.Row) (s store.Stream, err error) {
	var via, sum []byte
	c := &s.Counts
	err = r.Scan(&s.Site, &s.ID.Origin, &s.ID.Name, &s.Urgency, &via, &s.Cursor.Epoch, &s.Cursor.Seq, &sum, &s.Frozen,
		&c.Accepted, &c.Skipped, &c.Missing, &c.Quarantined, &c.Duplicates, &c.Bytes, &c.Trimmed, &c.TrimmedSize, &s.Created, &s.Updated)
	copy(s.Via[:], via)
	copy(s.Cursor.Sum[:], sum)
	return s, err
}

// Stream reads one row.
func (s *Store) Stream(ctx context.Context, id wire.StreamID) (store.Stream, error) {
	site, err := s.site(ctx, id)
	if err != nil {
		return store.Stream{}, err
	}
	r, err := scanStream(s.pool.QueryRow(ctx, `SELECT `+streamColumns+` FROM hub_stream WHERE site=$1 AND origin=$2 AND name=$3`, site, id.Origin, id.Name))
	if errors.Is(err, pgx.ErrNoRows) {
		return r, edge.E(edge.NotFound, "there is no stream %s", id)
	}
	return r, fail("find a stream", err)
}

// Streams reads them all before it yields, so that no connection is held meanwhile.
func (s *Store) Streams(ctx context.Context, origin string) iter.Seq2[store.Stream, error] {
	return func(yield func(store.Stream, error) bool) {
		rows, err := s.pool.Query(ctx, `SELECT `+streamColumns+` FROM hub_stream WHERE $1 = '' OR origin = $1`, origin)
		var all []store.Stream
		if err == nil {
			all, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (store.Stream, error) { return scanStream(r) })
		}
		if err != nil {
			yield(store.Stream{}, fail("list the streams", err))
			return
		}
		for _, r := range all {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Freeze sets or clears the reason.
func (s *Store) Freeze(ctx context.Context, id wire.StreamID, why string, rows ...store.Row) error {
	site, err := s.site(ctx, id)
	if err != nil {
		return err
	}
	return s.transact(ctx, "freeze a stream", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE hub_stream SET frozen=$4 WHERE site=$1 AND origin=$2 AND name=$3`, site, id.Origin, id.Name, text(why))
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return edge.E(edge.NotFound, "there is no stream %s", id)
		}
		b := &pgx.Batch{}
		for _, r := range rows {
			queueRow(b, r)
		}
		return tx.SendBatch(ctx, b).Close()
	})
}

// Forks lists the epochs of a stream.
func (s *Store) Forks(ctx context.Context, id wire.StreamID) ([]store.Fork, error) {
	site, err := s.site(ctx, id)
	if err != nil {
		return nil, err
	}
	rows, err := s.pool.Query(ctx, `SELECT epoch, genesis, from_epoch, from_seq, from_sum, at_epoch, at_seq, at_sum, missing, reason, begun
		FROM hub_epoch WHERE site=$1 AND origin=$2 AND name=$3 ORDER BY epoch`, site, id.Origin, id.Name)
	if err != nil {
		return nil, fail("list epochs", err)
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (f store.Fork, err error) {
		var genesis, from, at []byte
		err = r.Scan(&f.Genesis.Epoch, &genesis, &f.From.Epoch, &f.From.Seq, &from, &f.At.Epoch, &f.At.Seq, &at, &f.Missing, &f.Reason, &f.Time)
		copy(f.Genesis.Sum[:], genesis)
		copy(f.From.Sum[:], from)
		copy(f.At.Sum[:], at)
		return f, err
	})
	return list, fail("list epochs", err)
}

// Read goes page by page and holds no connection between pages.
func (s *Store) Read(ctx context.Context, id wire.StreamID, after edge.Pos) iter.Seq2[edge.Record, error] {
	return func(yield func(edge.Record, error) bool) {
		row, err := s.Stream(ctx, id)
		var forks []store.Fork
		if err == nil {
			forks, err = s.Forks(ctx, id)
		}
		if err != nil {
			yield(edge.Record{}, err)
			return
		}
		units := func(epoch, seq uint64) iter.Seq2[store.Unit, error] { return s.units(ctx, row, epoch, seq, pageRows) }
		store.Walk(ctx, row, forks, after, units)(yield)
	}
}

// pageRows bounds what one page holds in memory: 64 of the largest records.
const pageRows = 64

// units yields records and gaps of one epoch in order. The sum before a record is not known: Trim leaves
// a gap before the oldest, so that the walk never asks for it.
func (s *Store) units(ctx context.Context, row store.Stream, epoch, seq uint64, page int) iter.Seq2[store.Unit, error] {
	return func(yield func(store.Unit, error) bool) {
		for {
			list, err := s.page(ctx, row, epoch, seq, page)
			if err != nil {
				yield(store.Unit{}, fail("read records", err))
				return
			}
			for _, u := range list {
				if !yield(u, nil) {
					return
				}
				seq = u.To.Seq
			}
			if len(list) < page {
				return
			}
		}
	}
}

func (s *Store) page(ctx context.Context, row store.Stream, epoch, seq uint64, page int) ([]store.Unit, error) {
	rows, err := s.pool.Query(ctx, `SELECT * FROM (
		(SELECT seq AS last, seq AS first, ''::bytea AS before, sum, time_ns, urgency, class, type, subject, body, poison, '' AS reason FROM hub_record
			WHERE site=$1 AND origin=$2 AND name=$3 AND epoch=$4 AND seq>$5 ORDER BY seq LIMIT $6)
		UNION ALL
		(SELECT last, first, from_sum, to_sum, 0, 0::smallint, 0::smallint, '', ''::bytea, ''::bytea, '', reason FROM hub_gap
			WHERE site=$1 AND origin=$2 AND name=$3 AND epoch=$4 AND last>$5 ORDER BY last LIMIT $6)) AS u ORDER BY last LIMIT $6`,
		row.Site, row.ID.Origin, row.ID.Name, int64(epoch), int64(seq), page)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (store.Unit, error) { return scanUnit(r, epoch) })
}

func scanUnit(r pgx.CollectableRow, epoch uint64) (u store.Unit, err error) {
	var before, sum, subject, body []byte
	var ns int64
	var kind, poison string
	var e edge.Event
	u.From.Epoch, u.To.Epoch = epoch, epoch
	if err := r.Scan(&u.To.Seq, &u.From.Seq, &before, &sum, &ns, &e.Urgency, &e.Class, &kind, &subject, &body, &poison, &u.Skip); err != nil {
		return u, err
	}
	u.From.Seq--
	copy(u.From.Sum[:], before)
	copy(u.To.Sum[:], sum)
	switch {
	case u.Skip != "":
		return u, nil
	case poison != "":
		u.Poison = map[uint64]string{u.To.Seq: poison}
		u.Items = []wire.Item{{Pos: u.To, Raw: body}}
	default:
		e.Type, e.Subject, e.Body, e.Time = kind, string(subject), body, time.Unix(0, ns)
		u.Items = []wire.Item{{Pos: u.To, Raw: edge.AppendEvent(nil, e)}}
	}
	return u, nil
}

// Raw builds the encoding anew; it is canonical.
func (s *Store) Raw(ctx context.Context, id wire.StreamID, epoch, seq uint64) (wire.Item, error) {
	row, err := s.Stream(ctx, id)
	if err != nil {
		return wire.Item{}, err
	}
	list, err := s.page(ctx, row, epoch, seq-1, 1)
	if err != nil {
		return wire.Item{}, fail("read a record", err)
	}
	if len(list) == 0 || list[0].To.Seq != seq || len(list[0].Items) == 0 {
		return wire.Item{}, edge.E(edge.NotFound, "record %d of epoch %x of stream %s is not kept", seq, epoch, id)
	}
	return list[0].Items[0], nil
}

// recordSize is what a record takes, encoded; of those from before it was noted, about that.
const recordSize = `coalesce(size, octet_length(body) + octet_length(subject) + 64)`

// extentRows is how many rows one page of Extents has.
const extentRows = 512

// Extents goes page by page; each record and each gap is a piece of its own.
func (s *Store) Extents(ctx context.Context, id wire.StreamID) iter.Seq2[store.Extent, error] {
	return func(yield func(store.Extent, error) bool) {
		site, err := s.site(ctx, id)
		if edge.IsKind(err, edge.NotFound) {
			return
		}
		var after edge.Pos
		for err == nil {
			var list []store.Extent
			if list, err = s.extents(ctx, site, id, after); err != nil {
				break
			}
			for _, e := range list {
				if after = e.To; !yield(e, nil) {
					return
				}
			}
			if len(list) < extentRows {
				return
			}
		}
		yield(store.Extent{}, fail("list what is kept", err))
	}
}

func (s *Store) extents(ctx context.Context, site string, id wire.StreamID, after edge.Pos) ([]store.Extent, error) {
	rows, err := s.pool.Query(ctx, `SELECT * FROM (
		(SELECT epoch, seq AS last, 1 AS records, `+recordSize+` AS bytes, received FROM hub_record
			WHERE site=$1 AND origin=$2 AND name=$3 AND (epoch, seq) > ($4, $5) ORDER BY epoch, seq LIMIT $6)
		UNION ALL
		(SELECT epoch, last, 0, 0, NULL FROM hub_gap
			WHERE site=$1 AND origin=$2 AND name=$3 AND (epoch, last) > ($4, $5) AND reason <> $7 ORDER BY epoch, last LIMIT $6)) AS u
		ORDER BY epoch, last LIMIT $6`, site, id.Origin, id.Name, int64(after.Epoch), int64(after.Seq), extentRows, store.TrimmedReason)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (e store.Extent, err error) {
		var at *time.Time
		if err = r.Scan(&e.To.Epoch, &e.To.Seq, &e.Records, &e.Bytes, &at); at != nil {
			e.Time = at.UTC()
		}
		return e, err
	})
}

// Trim deletes what lies below, and leaves one gap for each epoch it touched, because the sum at its end
// is needed by whoever goes on from there.
func (s *Store) Trim(ctx context.Context, id wire.StreamID, upTo edge.Pos) (n uint64, err error) {
	site, err := s.site(ctx, id)
	if err != nil {
		return 0, err
	}
	err = s.transact(ctx, "forget records", func(tx pgx.Tx) error {
		args := []any{site, id.Origin, id.Name, int64(upTo.Epoch), int64(upTo.Seq)}
		if _, err := tx.Exec(ctx, `SELECT seq FROM hub_stream WHERE site=$1 AND origin=$2 AND name=$3 FOR UPDATE`, args[:3]...); err != nil {
			return err
		}
		ends, err := ends(ctx, tx, args)
		if err != nil {
			return err
		}
		var size uint64
		err = tx.QueryRow(ctx, `WITH gone AS (DELETE FROM hub_record`+below+`seq<=$5) RETURNING `+recordSize+` AS size)
			SELECT count(*), coalesce(sum(size), 0) FROM gone`, args...).Scan(&n, &size)
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		b.Queue(`DELETE FROM hub_gap`+below+`last<=$5)`, args...)
		for _, e := range ends {
			b.Queue(`INSERT INTO hub_gap (site, origin, name, epoch, last, first, from_sum, to_sum, reason)
				SELECT site, origin, name, epoch, $5, 1, genesis, $6, $7 FROM hub_epoch WHERE site=$1 AND origin=$2 AND name=$3 AND epoch=$4`,
				site, id.Origin, id.Name, int64(e.Epoch), int64(e.Seq), e.Sum[:], store.TrimmedReason)
		}
		b.Queue(`UPDATE hub_stream SET trimmed=trimmed+$4, trimmed_bytes=trimmed_bytes+$5
			WHERE site=$1 AND origin=$2 AND name=$3`, site, id.Origin, id.Name, int64(n), int64(size))
		return tx.SendBatch(ctx, b).Close()
	})
	return n, err
}

const below = ` WHERE site=$1 AND origin=$2 AND name=$3 AND (epoch<$4 OR epoch=$4 AND `

// ends finds the last position of each epoch that is to be forgotten.
func ends(ctx context.Context, tx pgx.Tx, args []any) ([]edge.Pos, error) {
	rows, err := tx.Query(ctx, `SELECT DISTINCT ON (epoch) epoch, last, sum FROM (
		SELECT epoch, seq AS last, sum FROM hub_record`+below+`seq<=$5) UNION ALL
		SELECT epoch, last, to_sum FROM hub_gap`+below+`last<=$5)) AS u ORDER BY epoch, last DESC`, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (p edge.Pos, err error) {
		var sum []byte
		err = r.Scan(&p.Epoch, &p.Seq, &sum)
		copy(p.Sum[:], sum)
		return p, err
	})
}

// Put writes rows in one transaction.
func (s *Store) Put(ctx context.Context, rows ...store.Row) error {
	b := &pgx.Batch{}
	for _, r := range rows {
		if len(r.Value) > store.MaxRow || len(r.Key) > 1024 {
			return edge.E(edge.Invalid, "row %s/%s cannot be stored: a value has up to %d bytes", r.Site, r.Kind, store.MaxRow)
		}
		queueRow(b, r)
	}
	return s.transact(ctx, "store a row", func(tx pgx.Tx) error { return tx.SendBatch(ctx, b).Close() })
}

// Row returns one row.
func (s *Store) Row(ctx context.Context, site, kind, key string) (store.Row, error) {
	r := store.Row{Site: site, Kind: kind, Key: key}
	err := s.pool.QueryRow(ctx, `SELECT value FROM hub_row WHERE site=$1 AND kind=$2 AND key=$3`, site, kind, key).Scan(&r.Value)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, edge.E(edge.NotFound, "the hub has no %s %q of site %q", kind, key, site)
	}
	return r, fail("find a row", err)
}

// Rows goes page by page.
func (s *Store) Rows(ctx context.Context, site, kind, prefix string) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		lastSite, lastKey, first := "", "", true
		for {
			rows, err := s.pool.Query(ctx, `SELECT site, key, value FROM hub_row WHERE kind=$1 AND ($2 = '' OR site=$2) AND starts_with(key, $3)
				AND ($4 OR (site, key) > ($5, $6)) ORDER BY site, key LIMIT $7`, kind, site, prefix, first, lastSite, lastKey, pageRows)
			var list []store.Row
			if err == nil {
				list, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (x store.Row, err error) {
					x.Kind = kind
					return x, r.Scan(&x.Site, &x.Key, &x.Value)
				})
			}
			if err != nil {
				yield(store.Row{}, fail("list rows", err))
				return
			}
			for _, r := range list {
				if !yield(r, nil) {
					return
				}
				lastSite, lastKey, first = r.Site, r.Key, false
			}
			if len(list) < pageRows {
				return
			}
		}
	}
}
