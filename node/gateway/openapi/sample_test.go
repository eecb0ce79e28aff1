package openapi

import (
	"bytes"
	"os"
	"testing"

	"github.com/aielon/edge/node/gateway/gatewaytest"
	"github.com/aielon/edge/node/gateway/method"
)

// The document of a schema that uses all a schema may use is kept too, and judged by the same linters: scripts/judges.
func TestSampleDocument(t *testing.T) {
	m, err := method.New(gatewaytest.Ledger(t))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Document(Options{Methods: m, Schema: gatewaytest.Set(t), Title: "Sample", Version: "1.0.0", Cookie: "__Host-session"})
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("testdata/sample.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile("testdata/sample.json"); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("the document is another than that in testdata/sample.json; look at the difference, then run: go test ./node/gateway/openapi -update (%v)", err)
	}
	for _, part := range []string{`"202"`, `"422"`, `"application/x-ndjson"`, `"Idempotency-Replayed"`} {
		if !bytes.Contains(got, []byte(part)) {
			t.Errorf("the document lacks %s", part)
		}
	}
}
