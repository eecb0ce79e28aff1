package node

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

// A desk is somebody at the door of a box.
type desk struct {
	*box
	session string
}

// do asks for something that has to go well.
func (d *desk) do(method, path, body string, out any) {
	d.t.Helper()
	d.must(method, path, d.session, body, out)
}

// ownerCalled sets a box up.
func (b *box) ownerCalled(name string) *desk {
	b.t.Helper()
	code, err := b.SetupCode(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	var in signedIn
	b.must("POST", "/v1/setup", "", fmt.Sprintf(`{"code":%q,"login":"mira","display_name":%q,"password":"purple camel teacup"}`, code, name), &in)
	return &desk{b, in.Session}
}

type foundHit struct {
	Kind, ID, Title, Link string
	TitleMarks            []struct{ Start, End int }
	Snippets              []struct{ Field, Text string }
}

type found struct {
	Hits  []foundHit
	Total int
	Kinds []struct {
		Kind  string
		Count int
	}
	Corrections []struct {
		Word  string
		Taken []string
	}
}

func (d *desk) search(q string) (f found) {
	d.t.Helper()
	d.do("GET", "/v1/search?q="+url.QueryEscape(q), "", &f)
	return f
}

// finds waits until a search finds something for which want holds.
func (d *desk) finds(q string, want func(foundHit) bool) (f found) {
	d.t.Helper()
	eventually(d.t, "search for "+q, func() error {
		if f = d.search(q); !slices.ContainsFunc(f.Hits, want) {
			return edge.E(edge.NotFound, "found %+v", f)
		}
		return nil
	})
	return f
}

func kindIs(kind string) func(foundHit) bool { return func(h foundHit) bool { return h.Kind == kind } }

// TestSearch has people, devices and audit records found by whoever may see them, also after the index was lost.
func TestSearch(t *testing.T) {
	b := start(t, smallConfig(t))
	mira := b.ownerCalled("فاطمة الزهراء")
	mira.do("POST", "/v1/devices", `{"id":"fridge-7","name":"Refrigerator of the pharmacy","kind":"thermometer"}`, nil)
	mira.do("POST", "/v1/devices", `{"id":"scale-2","name":"Baby scale","kind":"scale"}`, nil)

	f := mira.finds("فَاطِمَة", kindIs("person"))
	if h := f.Hits[0]; h.Title != "فاطمة الزهراء" || h.Link != "/people/"+h.ID || len(h.TitleMarks) != 1 || h.TitleMarks[0].End != 5 {
		t.Errorf("%+v", h)
	}
	f = mira.finds("refrigertor pharm", kindIs("device"))
	if h := f.Hits[0]; h.ID != "fridge-7" || h.Link != "/devices/fridge-7" || len(f.Corrections) != 1 || f.Total != 1 {
		t.Errorf("%+v", f)
	}
	mira.finds("fridge7", kindIs("device"))
	mira.finds("devices.register_device", func(h foundHit) bool { // what the site did; who was let in to do it is on record at the node
		return h.Kind == "audit" && h.Title == "devices.register_device" && strings.HasPrefix(h.Link, "/audit/site.ledger/")
	})
	mira.finds("search.search", kindIs("audit")) // that mira was shown people is on record
	if code, body := b.rest("GET", "/v1/search?q=x&kinds=money", mira.session, ""); code != http.StatusBadRequest {
		t.Errorf("a kind there is none of: %d %s", code, body)
	}
	var s struct{ Words []string }
	mira.do("GET", "/v1/search:suggest?q=refr", "", &s)
	if !slices.Equal(s.Words, []string{"refrigerator"}) {
		t.Errorf("suggested %q", s.Words)
	}

	omar := &desk{b, b.invite(mira.session, "omar", `"member"`).Session}
	omar.finds("omar", kindIs("person"))
	for _, q := range []string{"فاطمة", "mira", "refrigerator", "fridge-7", "devices.register_device", "omar"} {
		for _, h := range omar.search(q).Hits {
			if h.Kind != "person" || h.Title != "omar" {
				t.Errorf("a member searched %q and found %+v", q, h)
			}
		}
	}

	mira.do("DELETE", "/v1/devices/scale-2", "", nil)
	eventually(t, "a removed device is not found", func() error {
		if f := mira.search("baby scale"); slices.ContainsFunc(f.Hits, kindIs("device")) {
			return edge.E(edge.Conflict, "%+v", f)
		}
		return nil
	})

	b.stop() // what follows the journals would begin to write it again
	b.loseIndex()
	again := start(t, b.cfg)
	mira.box = again
	mira.finds("فاطمه", kindIs("person"))
	mira.finds("refrigerator", kindIs("device"))
	mira.finds("devices.register_device", kindIs("audit"))
	if f := mira.search("baby scale"); slices.ContainsFunc(f.Hits, kindIs("device")) {
		t.Errorf("%+v", f)
	}
}

// loseIndex deletes the whole search index of a node that was stopped.
func (b *box) loseIndex() {
	b.t.Helper()
	store, err := state.Open(b.t.Context(), b.storeOptions("readings", "readings"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			b.t.Error(err)
		}
	}()
	v := store.View()
	defer v.Close()
	var keys [][]byte
	for k := range v.Scan([]byte("x/")) {
		keys = append(keys, k)
	}
	if len(keys) < 10 {
		b.t.Errorf("only %d rows", len(keys))
	}
	for part := range slices.Chunk(keys, 500) {
		if err := store.Commit(b.t.Context(), func(bt *state.Batch) {
			for _, k := range part {
				bt.Delete(k)
			}
		}); err != nil {
			b.t.Fatal(err)
		}
	}
}

// TestAuditSlots has the index hold the newest audit records and no more of them.
func TestAuditSlots(t *testing.T) {
	b := start(t, smallConfig(t))
	mira := b.ownerCalled("Mira")
	mira.do("GET", "/v1/people", "", nil)
	var r edge.Record
	for _, x := range records(t, b.journals.Journal(edge.Ledger)) {
		if _, ok := auditDocument(x, kindOwn); ok {
			r = x
		}
	}
	first, ok := auditDocument(r, kindOwn)
	r.Pos.Seq += maxAuditFound
	later, _ := auditDocument(r, kindOwn)
	if !ok || first.ID != later.ID || field(first, "position") == field(later, "position") {
		t.Errorf("%+v\n%+v", first, later)
	}
}
