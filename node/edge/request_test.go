package edge_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aielon/edge/node/edge"
)

func TestRequestID(t *testing.T) {
	for id, ok := range map[string]bool{
		"": false, "a": true, "req-77_B": true, strings.Repeat("a", edge.MaxRequest): true, strings.Repeat("a", edge.MaxRequest+1): false,
		"a b": false, "a\nb": false, "a=b": false, "ä": false, "\x1b[31m": false, "a/b": false, `a"b`: false,
	} {
		want := ""
		if ok {
			want = id
		}
		if got := edge.RequestOf(edge.WithRequest(context.Background(), id)); edge.IsRequest(id) != ok || got != want {
			t.Errorf("%q: %v, carried as %q", id, edge.IsRequest(id), got)
		}
	}
}
