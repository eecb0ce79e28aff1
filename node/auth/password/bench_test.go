package password

import "testing"

func BenchmarkVerify(b *testing.B) {
	h := NewHasher(Standard())
	kept, err := h.Hash(b.Context(), "purple camel teacup")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if right, _, err := h.Verify(b.Context(), kept, "purple camel teacup"); !right || err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	for b.Loop() {
		if err := (Rules{Mine: []string{"mira"}}).Judge("purple camel teacup"); err != nil {
			b.Fatal(err)
		}
	}
}
