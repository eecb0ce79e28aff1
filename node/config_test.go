package node

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/aielon/edge/node/edge"
)

func TestParseConfig(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"empty is the default", "", ""},
		{"BOM and CRLF", "\xef\xbb\xbfsite = \"a\"\r\nrole = \"node\"\r\n", ""},
		{"unknown key", "site = \"a\"\n[mqtt]\nadr = \"127.0.0.1:1\"\n", `c.toml:3: there is no setting called "mqtt.adr" (did you mean "mqtt.addr"?)`},
		{"unknown table", "[mqqt]\naddr = \"x\"\n", `there is no setting called`},
		{"wrong type", "site = 5\n", `c.toml:1:`},
		{"duplicate key", "site = \"a\"\nsite = \"b\"\n", `c.toml:2:`},
		{"public plain MQTT", "[mqtt]\n# devices\naddr = \"0.0.0.0:1883\"\n", `c.toml:3: mqtt.addr: 0.0.0.0:1883 can be reached from the network and MQTT there is not encrypted (use mqtt.tls_addr`},
		{"public plain MQTT on purpose", "[mqtt]\naddr = \"0.0.0.0:1883\"\nallow_plaintext = true\n", ""},
		{"port clash", "[door]\naddr = \"127.0.0.1:1883\"\n", `port 1883 is already used by door.addr`},
		{"negative size", "[storage]\nreserve = \"-1MiB\"\n", `c.toml:2`},
		{"size without meaning", "[storage]\nreserve = \"much\"\n", `is not a size`},
		{"data in the root", "data_dir = \"//\"\n", `c.toml:1: data_dir: must be a directory of its own`},
		{"bad label", "site = \"Klinik A\"\n", `site: "Klinik A" is not a label`},
		{"bad role", "role = \"king\"\n", `c.toml:1: role`},
		{"postgres without a file", "role = \"hub\"\n[hub]\nstore = \"postgres\"\n", `hub.postgres_url_file`},
		{"a hub that keeps telemetry for a month", "role = \"hub\"\n[hub.keep.telemetry]\nage = \"30d\"\nsize = \"1GiB\"\n", ""},
		{"a hub that keeps all", "role = \"hub\"\n[hub.keep.telemetry]\nage = \"0d\"\nsize = \"0\"\n", ""},
		{"a hub that keeps an hour", "role = \"hub\"\n[hub.keep.telemetry]\nage = \"1h\"\n", `c.toml:3: hub.keep.telemetry.age: must be at least 1d`},
		{"a hub that keeps next to nothing", "role = \"hub\"\n[hub.keep.bulk]\nsize = \"1MiB\"\n", `c.toml:3: hub.keep.bulk.size: must be at least 64MiB`},
		{"a hub that forgets a ledger", "role = \"hub\"\n[hub.keep.ledger]\nage = \"30d\"\n", `c.toml:2: there is no setting called "hub.keep.ledger"`},
		{"password in a bridge", "[[bridge]]\nname = \"b\"\nurl = \"tcp://u:p@h:1883\"\ntopics = [\"#\"]\n", `must not carry a password`},
		{"bad window", "[uplink]\nbulk_window = \"1-5\"\n", `is not a window`},
		{"too large", strings.Repeat("#\n", MaxConfig/2+1), `has more than`},
		{"not TOML", "site: a\n", `c.toml:1:`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := ParseConfig("c.toml", []byte(tc.text))
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if !edge.IsKind(err, edge.Invalid) || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestUnits(t *testing.T) {
	for text, want := range map[string]Bytes{"0": 0, "17": 17, "64MiB": 64 << 20, "2GB": 2e9, "1 KiB": 1024, "5B": 5} {
		var b Bytes
		if err := b.UnmarshalText([]byte(text)); err != nil || b != want {
			t.Errorf("%q: got %d, %v; want %d", text, b, err, want)
		}
		var again Bytes
		if err := again.UnmarshalText([]byte(b.String())); err != nil || again != b {
			t.Errorf("%q is written as %q, which reads %d, %v", text, b, again, err)
		}
	}
	for _, text := range []string{"", "-1", "1XB", "9999999TiB", "1.5MiB", "٣MiB"} {
		var b Bytes
		if err := b.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %d", text, b)
		}
	}
	var d Duration
	if err := d.UnmarshalText([]byte("14d")); err != nil || d != Duration(14*24*3600*1e9) {
		t.Errorf("14d is %v, %v", d, err)
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte("site = \"a\"\n[mqtt]\naddr = \"127.0.0.1:1883\"\n"))
	f.Add([]byte("[[bridge]]\nname = \"b\"\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseConfig("c.toml", b)
		if err != nil {
			if !edge.IsKind(err, edge.Invalid) {
				t.Fatalf("refused with kind %v: %v", edge.KindOf(err), err)
			}
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("accepted, but not valid: %v", err)
		}
	})
}

// TestExampleConfigs makes sure that what we hand out can be read, and says what the defaults are.
func TestExampleConfigs(t *testing.T) {
	for _, name := range []string{"node.toml", "hub.toml"} {
		c, err := LoadConfig("../configs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if c.Hub.Keep != Default().Hub.Keep || c.Storage != Default().Storage {
			t.Errorf("%s: the values shown are not the defaults: %+v %+v", name, c.Hub.Keep, c.Storage)
		}
	}
	c, err := LoadConfig("../configs/node.toml")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := 0, reflect.ValueOf(Default()); i < want.NumField(); i++ {
		if got := reflect.ValueOf(c).Field(i); fmt.Sprint(got) != fmt.Sprint(want.Field(i)) { // an empty list is no list
			t.Errorf("node.toml shows %s as %+v; the default is %+v", want.Type().Field(i).Name, got, want.Field(i))
		}
	}
}

// TestEverySettingIsShown: there is no setting that neither of the examples has, be it behind a # sign.
func TestEverySettingIsShown(t *testing.T) {
	var text string
	for _, name := range []string{"node.toml", "hub.toml"} {
		b, err := os.ReadFile("../configs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		text += string(b)
	}
	var look func(table string, t reflect.Type) []string
	look = func(table string, s reflect.Type) (missing []string) {
		for i := range s.NumField() {
			f := s.Field(i)
			key, kind := f.Tag.Get("toml"), f.Type
			if kind.Kind() == reflect.Slice {
				kind = kind.Elem()
			}
			if kind.Kind() == reflect.Struct {
				missing = append(missing, look(strings.TrimPrefix(table+"."+key, "."), kind)...)
			} else if !setting(text, table, key) {
				missing = append(missing, table+"."+key)
			}
		}
		return missing
	}
	if missing := look("", reflect.TypeFor[Config]()); len(missing) > 0 {
		t.Errorf("neither configs/node.toml nor configs/hub.toml shows %q", missing)
	}
}

// setting reports whether a table of the text has a key.
func setting(text, table, key string) bool {
	at := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "#"))
		if strings.HasPrefix(line, "[") {
			at, _, _ = strings.Cut(strings.TrimLeft(line, "["), "]")
		} else if name, _, ok := strings.Cut(line, "="); ok && at == table && strings.TrimSpace(name) == key {
			return true
		}
	}
	return false
}
