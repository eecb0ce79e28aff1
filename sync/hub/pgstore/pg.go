package pgstore

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/wire"
)

// Options say where the database is.
type Options struct {
	URL     string // as libpq takes it; the password may come from a file or the environment (PGPASSFILE)
	Conns   int    // most connections, default 4
	Timeout time.Duration
	Logger  *slog.Logger
}

// A Store is safe for concurrent use, also by several processes on one database.
type Store struct {
	pool    *pgxpool.Pool
	timeout time.Duration

	mu    sync.Mutex
	sites map[wire.StreamID]string // guarded by mu: the site of each stream seen; it never changes
}

// retries of a transaction that the server asked to repeat.
const retries = 10

// Open connects, checks that the server keeps what it confirms, and brings the schema up to date. It
// fails with Invalid or Unavailable.
func Open(ctx context.Context, o Options) (*Store, error) {
	conf, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, edge.E(edge.Invalid, "the address of the hub's database cannot be read").WithHint("it looks like host=/run/postgresql dbname=hub user=hub")
	}
	if conf.MaxConns = int32(o.Conns); o.Conns <= 0 {
		conf.MaxConns = 4
	}
	conf.AfterConnect = checkDurable // also where a role or a database has its own settings
	pool, err := pgxpool.NewWithConfig(ctx, conf)
	if err != nil {
		return nil, fail("open the hub's database", err)
	}
	s := &Store{pool: pool, timeout: o.Timeout, sites: map[wire.StreamID]string{}}
	if s.timeout <= 0 {
		s.timeout = 30 * time.Second
	}
	err = pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error { return migrate(ctx, c.Conn()) })
	if err != nil {
		pool.Close()
		return nil, fail("open the hub's database", err)
	}
	return s, nil
}

// Close ends all connections.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}

// fail says what an error of the database means. An Error of ours passes as it is.
func fail(what string, err error) error {
	var own *edge.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return own
	case code(err, "53100", "53200", "53300", "53400"):
		return edge.E(edge.Exhausted, "the hub's database has no room: %s: %w", what, err)
	case code(err, "XX001", "XX002"):
		return edge.E(edge.Corrupt, "the hub's database found damage: %s: %w", what, err)
	}
	return edge.E(edge.Unavailable, "the hub's database does not answer: %s: %w", what, err).WithHint("see the database's own log")
}

// transact runs f in a transaction, again where the server asks for it. After Unavailable the outcome is
// unknown.
func (s *Store) transact(ctx context.Context, what string, f func(pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var err error
	for try := range retries {
		err = pgx.BeginFunc(ctx, s.pool, f)
		if !code(err, "40001", "40P01") || ctx.Err() != nil {
			break
		}
		time.Sleep(rand.N(time.Duration(try+1) * 5 * time.Millisecond))
	}
	return fail(what, err)
}

// site finds whose data a stream is.
func (s *Store) site(ctx context.Context, id wire.StreamID) (string, error) {
	s.mu.Lock()
	site, ok := s.sites[id]
	s.mu.Unlock()
	if ok {
		return site, nil
	}
	if site, ok = id.Site(); !ok {
		err := s.pool.QueryRow(ctx, `SELECT site FROM hub_stream WHERE origin = $1 AND name = $2`, id.Origin, id.Name).Scan(&site)
		if errors.Is(err, pgx.ErrNoRows) {
			return "", edge.E(edge.NotFound, "there is no stream %s", id)
		}
		if err != nil {
			return "", fail("find a stream", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sites) < 1<<20 {
		s.sites[id] = site
	}
	return site, nil
}

var _ store.Store = (*Store)(nil)
