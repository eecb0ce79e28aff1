package pgstore

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// Commit locks the rows of all streams in the order of their keys, so that two hubs never wait for each
// other in a circle, and writes records by the thousand.
func (s *Store) Commit(ctx context.Context, list []store.Append) ([]store.Result, error) {
	for _, a := range list {
		if err := a.Check(); err != nil {
			return nil, err
		}
		if a.To.Epoch > math.MaxInt64 || a.To.Seq > math.MaxInt64 {
			return nil, edge.E(edge.Invalid, "stream %s has a number the database cannot hold", a.ID)
		}
	}
	var out []store.Result
	err := s.transact(ctx, "store records", func(tx pgx.Tx) error {
		var err error
		out, err = commit(ctx, tx, list)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func commit(ctx context.Context, tx pgx.Tx, list []store.Append) ([]store.Result, error) {
	have, err := lock(ctx, tx, list)
	if err != nil {
		return nil, err
	}
	out := make([]store.Result, len(list))
	taken := make([]store.Append, 0, len(list))
	rows := make([]store.Stream, 0, len(list))
	for i, a := range list {
		old := have[a.ID]
		switch out[i].Cursor = old.Cursor; {
		case old.Frozen != "":
			out[i].Err = edge.E(edge.Denied, "stream %s is frozen: %s", a.ID, old.Frozen)
		case old.Cursor != a.From:
			out[i].Err = store.Conflict(a.ID, a.From, old.Cursor)
		default:
			a.Site = old.Site // where the stream lives already
			taken, rows = append(taken, a), append(rows, old.Apply(a))
			out[i].Cursor = a.To
		}
	}
	if len(taken) == 0 {
		return out, nil
	}
	b := &pgx.Batch{}
	queueRecords(b, taken)
	for _, a := range taken {
		queueSmall(b, a)
	}
	for _, r := range rows {
		queueStream(b, r)
	}
	return out, tx.SendBatch(ctx, b).Close()
}

// lock makes sure every stream has a row and locks it.
func lock(ctx context.Context, tx pgx.Tx, list []store.Append) (map[wire.StreamID]store.Stream, error) {
	keys := slices.Clone(list)
	slices.SortFunc(keys, func(a, b store.Append) int {
		return slices.Compare([]string{a.Site, a.ID.Origin, a.ID.Name}, []string{b.Site, b.ID.Origin, b.ID.Name})
	})
	var sites, origins, names []string
	var fresh []bool
	var classes []int16
	var times []time.Time
	for _, a := range keys {
		sites, origins, names = append(sites, a.Site), append(origins, a.ID.Origin), append(names, a.ID.Name)
		fresh, classes, times = append(fresh, a.From.IsZero()), append(classes, int16(a.Urgency)), append(times, a.Time)
	}
	_, err := tx.Exec(ctx, `INSERT INTO hub_stream (site, origin, name, urgency, via, epoch, seq, sum, created, updated)
		SELECT s, o, n, u, ''::bytea, 0, 0, $5::bytea, t, t FROM unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $6::timestamptz[], $7::boolean[]) AS x (s, o, n, u, t, f)
		WHERE f ON CONFLICT DO NOTHING`, sites, origins, names, classes, make([]byte, 32), times, fresh)
	if err != nil {
		return nil, err
	}
	found, err := tx.Query(ctx, `SELECT `+streamColumns+` FROM hub_stream WHERE (site, origin, name) IN
		(SELECT s, o, n FROM unnest($1::text[], $2::text[], $3::text[]) AS x (s, o, n)) ORDER BY site, origin, name FOR UPDATE`, sites, origins, names)
	if err != nil {
		return nil, err
	}
	have := map[wire.StreamID]store.Stream{}
	for found.Next() {
		r, err := scanStream(found)
		if err != nil {
			return nil, err
		}
		have[r.ID] = r
	}
	return have, found.Err()
}

// chunk bounds what one statement carries.
const (
	chunkRows  = 2000
	chunkBytes = 4 << 20
)

// columns of records, as unnest takes them.
type columns struct {
	site, origin, name, kind, poison []string
	epoch, seq, ns                   []int64
	sum, subject, body               [][]byte
	at, received                     []time.Time
	size                             []int32
	urgency, class                   []int16
	bytes                            int
}

func queueRecords(b *pgx.Batch, list []store.Append) {
	c := &columns{}
	for _, a := range list {
		for _, it := range a.Items {
			if len(c.seq) >= chunkRows || c.bytes >= chunkBytes {
				c.queue(b)
				c = &columns{}
			}
			c.add(a, it)
		}
	}
	c.queue(b)
}

func (c *columns) add(a store.Append, it wire.Item) {
	why, bad := a.Poison[it.Pos.Seq]
	var e edge.Event
	if !bad {
		e, _, _ = edge.DecodeEvent(it.Raw) // the intake has read it before
	}
	if bad || e.Type == "" {
		// Kept as it came. Text in PostgreSQL cannot hold every byte, bytea can.
		e = edge.Event{Body: it.Raw, Time: a.Time}
		if why == "" {
			why = "cannot be read"
		}
	}
	c.site, c.origin, c.name = append(c.site, a.Site), append(c.origin, a.ID.Origin), append(c.name, a.ID.Name)
	c.kind, c.poison = append(c.kind, text(e.Type)), append(c.poison, text(why))
	c.epoch, c.seq, c.ns = append(c.epoch, int64(it.Pos.Epoch)), append(c.seq, int64(it.Pos.Seq)), append(c.ns, e.Time.UnixNano())
	c.sum, c.subject, c.body = append(c.sum, it.Pos.Sum[:]), append(c.subject, []byte(e.Subject)), append(c.body, notNil(e.Body))
	c.at, c.urgency, c.class = append(c.at, e.Time), append(c.urgency, int16(e.Urgency)), append(c.class, int16(e.Class))
	c.received, c.size = append(c.received, a.Time), append(c.size, int32(len(it.Raw)))
	c.bytes += len(it.Raw)
}

func (c *columns) queue(b *pgx.Batch) {
	if len(c.seq) == 0 {
		return
	}
	b.Queue(`INSERT INTO hub_record (site, origin, name, epoch, seq, sum, at, time_ns, urgency, class, type, subject, body, poison, received, size)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bytea[], $7::timestamptz[], $8::bigint[],
		$9::smallint[], $10::smallint[], $11::text[], $12::bytea[], $13::bytea[], $14::text[], $15::timestamptz[], $16::integer[])`,
		c.site, c.origin, c.name, c.epoch, c.seq, c.sum, c.at, c.ns, c.urgency, c.class, c.kind, c.subject, c.body, c.poison, c.received, c.size)
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func queueSmall(b *pgx.Batch, a store.Append) {
	if f := a.Fork; f != nil {
		b.Queue(`INSERT INTO hub_epoch VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14)`,
			a.Site, a.ID.Origin, a.ID.Name, int64(f.Genesis.Epoch), f.Genesis.Sum[:], int64(f.From.Epoch), int64(f.From.Seq), f.From.Sum[:],
			int64(f.At.Epoch), int64(f.At.Seq), f.At.Sum[:], int64(f.Missing), text(f.Reason), f.Time)
	}
	if a.Skip != "" {
		b.Queue(`INSERT INTO hub_gap (site, origin, name, epoch, last, first, from_sum, to_sum, reason) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)`,
			a.Site, a.ID.Origin, a.ID.Name, int64(a.To.Epoch), int64(a.To.Seq), int64(a.From.Seq+1), a.From.Sum[:], a.To.Sum[:], text(a.Skip))
	}
	for _, r := range a.Rows {
		queueRow(b, r)
	}
}

func queueRow(b *pgx.Batch, r store.Row) {
	if r.Value == nil {
		b.Queue(`DELETE FROM hub_row WHERE site = $1 AND kind = $2 AND key = $3`, r.Site, r.Kind, r.Key)
		return
	}
	b.Queue(`INSERT INTO hub_row (site, kind, key, value) VALUES ($1,$2,$3,$4)
		ON CONFLICT (site, kind, key) DO UPDATE SET value = excluded.value`, r.Site, r.Kind, r.Key, r.Value)
}

func queueStream(b *pgx.Batch, r store.Stream) {
	n := r.Counts
	b.Queue(`UPDATE hub_stream SET via=$4, epoch=$5, seq=$6, sum=$7, accepted=$8, skipped=$9, missing=$10, quarantined=$11,
		duplicates=$12, bytes=$13, updated=$14 WHERE site=$1 AND origin=$2 AND name=$3`,
		r.Site, r.ID.Origin, r.ID.Name, r.Via[:], int64(r.Cursor.Epoch), int64(r.Cursor.Seq), r.Cursor.Sum[:], int64(n.Accepted), int64(n.Skipped),
		int64(n.Missing), int64(n.Quarantined), int64(n.Duplicates), int64(n.Bytes), r.Updated)
}
