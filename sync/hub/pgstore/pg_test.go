package pgstore

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/hub/pgtest"
	"github.com/aielon/edge/sync/hub/store"
	"github.com/aielon/edge/sync/hub/storetest"
)

// database makes an empty place on a server: a schema, which is much quicker than a database.
func database(tb testing.TB, srv *pgtest.Server, name string) string {
	tb.Helper()
	c, err := pgx.Connect(tb.Context(), srv.URL())
	if err != nil {
		tb.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(tb.Context(), "CREATE SCHEMA "+name); err != nil {
		tb.Fatal(err)
	}
	return srv.URL() + " search_path=" + name
}

func TestStore(t *testing.T) {
	srv := pgtest.Start(t)
	var n atomic.Int32
	storetest.Run(t, func(tb testing.TB) storetest.Opener {
		url := database(tb, srv, fmt.Sprintf("t%d", n.Add(1)))
		var last store.Store
		tb.Cleanup(func() { last.Close() })
		return func(tb testing.TB) store.Store {
			if last != nil {
				last.Close()
			}
			s, err := Open(tb.Context(), Options{URL: url})
			if err != nil {
				tb.Fatal(err)
			}
			last = s
			return s
		}
	})
	t.Run("refuses a database that may lose what it confirms", func(t *testing.T) {
		url := srv.URL() + " synchronous_commit=off"
		if s, err := Open(t.Context(), Options{URL: url}); !edge.IsKind(err, edge.Invalid) {
			t.Fatalf("%v, %v", s, err)
		}
	})
	t.Run("refuses a newer schema", func(t *testing.T) {
		url := database(t, srv, "newer")
		s, err := Open(t.Context(), Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		s.pool.Exec(t.Context(), "INSERT INTO hub_schema VALUES ('', 99)")
		s.Close()
		if s, err := Open(t.Context(), Options{URL: url}); !edge.IsKind(err, edge.Invalid) {
			t.Fatalf("%v, %v", s, err)
		}
	})
	t.Run("survives the server's death", func(t *testing.T) { testDeath(t, srv) })
}

// What was confirmed is there after the server died; while it is away, errors say that nothing is known.
func testDeath(t *testing.T, srv *pgtest.Server) {
	s, err := Open(t.Context(), Options{URL: database(t, srv, "death"), Timeout: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := storetest.NewPen("alnoor", "a")
	for _, a := range []store.Append{p.Open(1), p.Write("a", "b")} {
		if res, err := s.Commit(t.Context(), []store.Append{a}); err != nil || res[0].Err != nil {
			t.Fatal(res, err)
		}
	}
	srv.Kill()
	next := p.Write("c")
	if _, err := s.Commit(t.Context(), []store.Append{next}); !edge.IsKind(err, edge.Unavailable) {
		t.Fatalf("a dead server: %v", err)
	}
	if err := srv.Run(); err != nil {
		t.Fatal(err)
	}
	if res, err := s.Commit(t.Context(), []store.Append{next}); err != nil || res[0].Err != nil {
		t.Fatal(res, err)
	}
	n := 0
	for _, err := range s.Read(t.Context(), p.ID, edge.Pos{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 3 {
		t.Fatalf("%d records", n)
	}
}
