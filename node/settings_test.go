package node

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/api/nodev1"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
)

// settingsBench is a site's settings in memory.
type settingsBench struct {
	t   *testing.T
	s   *edgetest.State
	mux *edge.Mux
}

func newSettingsBench(t *testing.T) settingsBench {
	b := settingsBench{t, edgetest.New(edge.Actor{Kind: edge.Person, ID: "amina"}, time.Unix(1e9, 0)), edge.NewMux()}
	registerSettings(b.mux)
	return b
}

func (b settingsBench) do(op string, body []byte) (reply []byte, err error) {
	h, err := b.mux.Handler(op)
	if err != nil {
		b.t.Fatal(err)
	}
	err = b.s.Try(func(tx edge.Tx) (err error) { reply, err = h(tx, body); return err })
	return reply, err
}

func (b settingsBench) ask(in, out proto.Message) error {
	md, _ := api.MethodOf(in.ProtoReflect().Descriptor())
	a, err := b.mux.Asker(api.OpName(md))
	if err != nil {
		b.t.Fatal(err)
	}
	body, _ := proto.Marshal(in)
	reply, err := a(b.s, body)
	if err == nil {
		err = proto.Unmarshal(reply, out)
	}
	return err
}

// What was set as JSON is there for the schema, and the other way round: they are one thing.
func TestSettingsBothWays(t *testing.T) {
	b := newSettingsBench(t)
	if reply, err := b.do(OpSettingSet, []byte(`{"key":"hours","value":"8-18"}`)); err != nil || !strings.Contains(string(reply), `"version":1`) {
		t.Fatalf("%s, %v", reply, err)
	}
	var s nodev1.Setting
	if err := b.ask(&nodev1.GetSettingRequest{Key: "hours"}, &s); err != nil || s.GetValue() != "8-18" || s.GetVersion() != 1 || s.GetBy() != "amina" || s.GetChanged().GetSeconds() != 1e9 {
		t.Fatalf("%v, %v", &s, err)
	}
	set := func(version uint64) error {
		body, _ := proto.Marshal(&nodev1.SetSettingRequest{Key: "hours", Value: "9-17", IfVersion: &version})
		reply, err := b.do("node.set_setting", body)
		if err == nil {
			err = proto.Unmarshal(reply, &s)
		}
		return err
	}
	if err := set(1); err != nil || s.GetVersion() != 2 || s.GetValue() != "9-17" {
		t.Fatalf("%v, %v", &s, err)
	}
	for _, stale := range []uint64{0, 1, 3} {
		if err := set(stale); !edge.IsKind(err, edge.Conflict) {
			t.Errorf("version %d: %v", stale, err)
		}
	}
	if err := b.ask(&nodev1.GetSettingRequest{Key: "none"}, &s); !edge.IsKind(err, edge.NotFound) {
		t.Errorf("what was never set: %v", err)
	}
	a, _ := b.mux.Asker(OpSettingGet)
	if reply, err := a(b.s, []byte(`{"key":"hours"}`)); err != nil || !strings.Contains(string(reply), `"value":"9-17","version":2`) {
		t.Errorf("%s, %v", reply, err)
	}
}

func TestListSettings(t *testing.T) {
	b := newSettingsBench(t)
	for i := range 300 {
		if _, err := b.do(OpSettingSet, fmt.Appendf(nil, `{"key":"k%03d","value":%q}`, i, strings.Repeat("v", 4096))); err != nil {
			t.Fatal(err)
		}
	}
	pages, got := 0, []string{}
	for q := (&nodev1.ListSettingsRequest{PageSize: 1000}); ; pages++ {
		var page nodev1.ListSettingsResponse
		if err := b.ask(q, &page); err != nil {
			t.Fatal(err)
		}
		if n := proto.Size(&page); n > pageBytes+100<<10 {
			t.Fatalf("a page of %d bytes", n)
		}
		for _, s := range page.GetSettings() {
			got = append(got, s.GetKey())
		}
		if q.PageToken = page.GetNextPageToken(); q.PageToken == "" {
			break
		}
	}
	if len(got) != 300 || got[0] != "k000" || got[299] != "k299" || pages != 1 {
		t.Fatalf("%d settings on %d pages", len(got), pages+1)
	}
	for _, bad := range []*nodev1.ListSettingsRequest{{PageSize: -1}, {PageSize: 1e9}, {PageToken: "k000"}, {PageToken: edge.PageToken("devices", []byte("k"))}} {
		if err := b.ask(bad, &nodev1.ListSettingsResponse{}); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}
