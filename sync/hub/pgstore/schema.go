package pgstore

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/aielon/edge/node/edge"
)

// migrations are the steps from one version of the schema to the next. Never change one that was
// released; add another.
var migrations = [...]string{`
CREATE TABLE hub_stream (
	site text NOT NULL, origin text NOT NULL, name text NOT NULL,
	urgency smallint NOT NULL, via bytea NOT NULL,
	epoch bigint NOT NULL, seq bigint NOT NULL, sum bytea NOT NULL,
	frozen text NOT NULL DEFAULT '',
	accepted bigint NOT NULL DEFAULT 0, skipped bigint NOT NULL DEFAULT 0, missing bigint NOT NULL DEFAULT 0,
	quarantined bigint NOT NULL DEFAULT 0, duplicates bigint NOT NULL DEFAULT 0, bytes bigint NOT NULL DEFAULT 0,
	trimmed bigint NOT NULL DEFAULT 0,
	created timestamptz NOT NULL, updated timestamptz NOT NULL,
	PRIMARY KEY (site, origin, name));
CREATE TABLE hub_epoch (
	site text NOT NULL, origin text NOT NULL, name text NOT NULL, epoch bigint NOT NULL, genesis bytea NOT NULL,
	from_epoch bigint NOT NULL, from_seq bigint NOT NULL, from_sum bytea NOT NULL,
	at_epoch bigint NOT NULL, at_seq bigint NOT NULL, at_sum bytea NOT NULL,
	missing bigint NOT NULL, reason text NOT NULL, begun timestamptz NOT NULL,
	PRIMARY KEY (site, origin, name, epoch));
CREATE TABLE hub_record (
	site text NOT NULL, origin text NOT NULL, name text NOT NULL, epoch bigint NOT NULL, seq bigint NOT NULL,
	sum bytea NOT NULL, at timestamptz NOT NULL, time_ns bigint NOT NULL,
	urgency smallint NOT NULL, class smallint NOT NULL, type text NOT NULL, subject bytea NOT NULL, body bytea NOT NULL,
	poison text NOT NULL DEFAULT '',
	PRIMARY KEY (site, origin, name, epoch, seq));
CREATE TABLE hub_gap (
	site text NOT NULL, origin text NOT NULL, name text NOT NULL, epoch bigint NOT NULL, last bigint NOT NULL,
	first bigint NOT NULL, from_sum bytea NOT NULL, to_sum bytea NOT NULL, reason text NOT NULL,
	PRIMARY KEY (site, origin, name, epoch, last));
CREATE TABLE hub_row (
	site text NOT NULL, kind text NOT NULL, key text NOT NULL, value bytea NOT NULL,
	PRIMARY KEY (site, kind, key));
`, `
ALTER TABLE hub_stream ADD COLUMN trimmed_bytes bigint NOT NULL DEFAULT 0;
ALTER TABLE hub_record ADD COLUMN received timestamptz;
ALTER TABLE hub_record ADD COLUMN size integer;
`}

// migrate brings the schema up to date. Two hubs that start together do it one after the other.
func migrate(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, `CREATE TABLE IF NOT EXISTS hub_schema (site text NOT NULL, version integer NOT NULL, PRIMARY KEY (site, version))`)
	if err != nil && !code(err, "23505", "42P07") { // another hub made it in the same moment
		return err
	}
	return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO hub_schema (site, version) VALUES ('', 0) ON CONFLICT DO NOTHING`); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT version FROM hub_schema WHERE site = '' AND version = 0 FOR UPDATE`); err != nil {
			return err
		}
		var have int
		if err := tx.QueryRow(ctx, `SELECT max(version) FROM hub_schema WHERE site = ''`).Scan(&have); err != nil {
			return err
		}
		if have > len(migrations) {
			return edge.E(edge.Invalid, "the hub's database has schema %d, this program knows %d", have, len(migrations)).
				WithHint("update this program; a newer one has used the database")
		}
		for v := have; v < len(migrations); v++ {
			if _, err := tx.Exec(ctx, migrations[v]); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `INSERT INTO hub_schema (site, version) VALUES ('', $1)`, v+1); err != nil {
				return err
			}
		}
		return nil
	})
}

// checkDurable refuses a server on which a commit that was confirmed can be lost.
func checkDurable(ctx context.Context, c *pgx.Conn) error {
	for _, name := range []string{"synchronous_commit", "fsync", "full_page_writes"} {
		var value string
		err := c.QueryRow(ctx, `SELECT current_setting($1)`, name).Scan(&value)
		switch {
		case code(err, "42704"): // a compatible engine without this setting, which has its own log
		case err != nil:
			return err
		case value == "off":
			return edge.E(edge.Invalid, "the database has %s = off: what it confirms can be lost in a power cut", name).
				WithHint("set %s = on for the hub's database and role", name)
		}
	}
	return nil
}

// code reports whether err is one of PostgreSQL's errors (appendix A of its manual).
func code(err error, codes ...string) bool {
	var p *pgconn.PgError
	if !errors.As(err, &p) {
		return false
	}
	for _, c := range codes {
		if p.Code == c {
			return true
		}
	}
	return false
}
