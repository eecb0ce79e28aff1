package node

import (
	"bytes"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
	"pgregory.net/rapid"
)

func TestSettingRow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Setting{Key: "k", Value: rapid.String().Draw(t, "value"), Version: rapid.Uint64().Draw(t, "version"),
			Changed: time.Unix(0, rapid.Int64().Draw(t, "changed")).UTC(), By: rapid.String().Draw(t, "by")}
		row := appendSetting(nil, want)
		if got, err := parseSetting("k", row); err != nil || got != want {
			t.Fatalf("%+v, %v", got, err)
		}
		for n := range len(row) - len(want.Value) { // what is cut before the value is noticed; the value has no end of its own
			if _, err := parseSetting("k", row[:n]); !edge.IsKind(err, edge.Corrupt) {
				t.Fatalf("cut at %d: %v", n, err)
			}
		}
	})
}

func FuzzSettingRow(f *testing.F) {
	f.Add(appendSetting(nil, Setting{Value: "21:00", Version: 3, Changed: time.Unix(1, 2), By: "operator"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseSetting("k", b)
		if err != nil {
			return
		}
		again, err := parseSetting("k", appendSetting(nil, s))
		if err != nil || again != s || len(appendSetting(nil, s)) > len(b) {
			t.Errorf("%+v, then %+v, %v (%x)", s, again, err, bytes.Clone(b))
		}
	})
}
