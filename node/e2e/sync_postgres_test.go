//go:build fault

package e2e

import (
	"testing"

	"github.com/aielon/edge/sync/hub/pgstore"
	"github.com/aielon/edge/sync/hub/store"
)

func openPostgres(t *testing.T, url string) store.Store {
	t.Helper()
	s, err := pgstore.Open(t.Context(), pgstore.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
