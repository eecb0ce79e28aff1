package edge_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/aielon/edge/node/edge"
)

// A key as a struct holds it that hides itself; what holds it in an exported field needs not.
type key struct {
	edge.Redacted

	Value []byte `json:"value"`
	name  string
}

func TestRedacted(t *testing.T) {
	k := key{Value: []byte("canary"), name: "canary"}
	var out bytes.Buffer
	for _, v := range []any{k, &k, []key{k}, map[string]key{"a": k}, struct{ In key }{k}} {
		fmt.Fprintf(&out, "%v %+v %#v %s %q %x %d %c\n", v, v, v, v, v, v, v, v)
		slog.New(slog.NewTextHandler(&out, nil)).With("v", v).Info("x", "v", v)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", k, "p", &k)
	fmt.Fprint(&out, k.String(), k.GoString(), fmt.Errorf("%v", k), edge.E(edge.Invalid, "%v", k))
	if s := out.String(); strings.Contains(s, "canary") || strings.Contains(s, "63616e617279") || strings.Contains(s, "99 97") || !strings.Contains(s, "[redacted]") {
		t.Error(s)
	}
	if b, err := json.Marshal(k); err != nil || string(b) != `{"value":"Y2FuYXJ5"}` { // rows are written with what they hold
		t.Errorf("%s %v", b, err)
	}
}
