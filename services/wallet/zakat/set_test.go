package zakat_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/zakat"
)

// What comes with the program reads, is written as it reads, and says of every part where it is from.
func TestBuiltin(t *testing.T) {
	sets := zakat.Builtin()
	if len(sets) != 4 || sets[0].String() != "core/1" || sets[0].Nisab != zakat.Gold || sets[0].GoldMg != 85000 || sets[0].SilverMg != 595000 {
		t.Fatal(sets)
	}
	seen := map[string]bool{}
	for _, s := range sets {
		if seen[s.String()] {
			t.Errorf("%s twice", s)
		}
		seen[s.String()] = true
		doc, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		back, err := zakat.ParseSet(doc)
		if err != nil || !reflect.DeepEqual(back, s) {
			t.Errorf("%s: %v", s, err)
		}
		var parts map[string]any
		if err := json.Unmarshal(doc, &parts); err != nil {
			t.Fatal(err)
		}
		for key := range parts {
			if key != "name" && key != "version" && key != "sources" && s.Sources[key] == "" {
				t.Errorf("%s: nothing says where %s is from", s, key)
			}
		}
		for key := range s.Sources {
			if _, ok := parts[key]; !ok {
				t.Errorf("%s: a source of %s, which it has not", s, key)
			}
		}
	}
}

func TestParseSetRefuses(t *testing.T) {
	doc, err := json.Marshal(set(t, "core"))
	if err != nil {
		t.Fatal(err)
	}
	good := string(doc)
	for was, is := range map[string]string{
		`"name":"core"`: `"name":"Core"`, `"version":1`: `"version":0`, `"nisab":"gold"`: `"nisab":"copper"`, `"gold_mg":85000`: `"gold_mg":0`, `"silver_mg":595000`: `"silver_mg":-1`,
		`"lunar":"1/40"`: `"lunar":"2.5%"`, `"solar":"2577/100000"`: `"solar":"3/2"`, `"rounding":"up"`: `"rounding":"away"`, `"hawl":"shafii"`: `"hawl":""`, `"stale_days":7`: `"stale_days":0`,
		`"nisab_g":653000`: `"nisab_g":99999999999999`, `"rikaz":"1/5"`: `"rikaz":"0/5"`, `"amil_cap":"1/8"`: `"amil_cap":"1/08"`, `"mixed":"3/40"`: `"mixed":""`, `"fitr_g":2500`: `"fitr":2500`,
		`{"from":121,`: `{"from":40,`, `"heads":100`: `"heads":0`, `"heads":50`: `"heads":40`, `"sheep":{`: `"horses":{`, `"buildings":false`: `"buildings":"no"`, `"crops":{"rain":"1/10",`: `"crops":{`,
	} {
		bad := strings.Replace(good, was, is, 1)
		if bad == good {
			t.Errorf("%s is not there", was)
		}
		if _, err := zakat.ParseSet([]byte(bad)); !edge.IsKind(err, edge.Invalid) || edge.CodeOf(err) != "invalid_request" {
			t.Errorf("%s: %v", is, err)
		}
	}
	for _, bad := range []string{"", "{}", "null", "[]", good + "{}", good[:len(good)-1], strings.Repeat(" ", zakat.MaxSet) + good} {
		if _, err := zakat.ParseSet([]byte(bad)); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
}

func FuzzParseSet(f *testing.F) {
	for _, s := range zakat.Builtin() {
		doc, err := json.Marshal(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		s, err := zakat.ParseSet(doc)
		if err != nil {
			return
		}
		for kind := range s.Livestock { // a table that was let in can be computed with
			for _, heads := range []uint64{0, 1, 40, 121, 9999} {
				if _, err := zakat.OnLivestock(s, kind, heads); err != nil && !edge.IsKind(err, edge.Refused) {
					t.Errorf("%s, %d: %v", kind, heads, err)
				}
			}
		}
	})
}
