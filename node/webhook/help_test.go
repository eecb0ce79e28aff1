package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/api/webhooksv1"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/state"
)

func openStore(t testing.TB) *state.Store {
	t.Helper()
	s, err := state.Open(context.Background(), state.Options{Name: "test", Key: bytes.Repeat([]byte{7}, 32), InMemory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// A site is the state and the journals of one, in memory, with commands evaluated like on a leader.
type site struct {
	mu      sync.Mutex
	rows    map[string][]byte
	streams map[string][]edge.Record
	gaps    map[string]edge.Gap
	moved   chan struct{}
	mux     *edge.Mux
	now     func() time.Time
	deaf    bool // Propose fails
}

func newSite() *site {
	s := &site{rows: map[string][]byte{}, streams: map[string][]edge.Record{}, gaps: map[string]edge.Gap{}, moved: make(chan struct{}), mux: edge.NewMux(), now: time.Now}
	Register(s.mux)
	return s
}

const care, ledger = "site.clinical", "site.ledger"

type tx struct {
	edge.View
	s     *site
	actor edge.Actor
	rows  map[string][]byte
	out   []edge.Event
}

func (t *tx) Set(k, v []byte)   { t.rows[string(k)] = bytes.Clone(v) }
func (t *tx) Delete(k []byte)   { delete(t.rows, string(k)) }
func (t *tx) Emit(e edge.Event) { t.out = append(t.out, e) }
func (t *tx) Now() time.Time    { return t.s.now() }
func (t *tx) Actor() edge.Actor { return t.actor }

type view map[string][]byte

func (v view) Get(k []byte) ([]byte, error) {
	if b, ok := v[string(k)]; ok {
		return b, nil
	}
	return nil, edge.E(edge.NotFound, "nothing")
}

func (v view) Scan(prefix []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if strings.HasPrefix(k, string(prefix)) && !yield([]byte(k), v[k]) {
				return
			}
		}
	}
}
func (v view) Err() error    { return nil }
func (v view) Index() uint64 { return 1 }

func (s *site) View() (edge.View, func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return view(maps.Clone(s.rows)), func() {}
}

// Commands as tests give them, with an Endpoint or its id for the request.
const (
	opAdd     = "webhooks.create_webhook"
	opChange  = "webhooks.change_webhook"
	opRemove  = "webhooks.remove_webhook"
	opRotate  = "webhooks.rotate_webhook"
	opEnable  = "webhooks.enable_webhook"
	opDisable = "webhooks.disable_webhook"
)

func request(op string, in any) ([]byte, error) {
	e, _ := in.(Endpoint)
	types, class := &webhooksv1.EventTypes{Types: e.Types}, api.Class(e.Class)
	switch op {
	case opAdd:
		return proto.Marshal(&webhooksv1.CreateWebhookRequest{Url: e.URL, Description: e.Description, Types: e.Types, Class: class, Ordered: e.Ordered, AllowPrivate: e.AllowPrivate, AllowPlain: e.AllowPlain})
	case opChange:
		return proto.Marshal(&webhooksv1.ChangeWebhookRequest{Id: e.ID, Url: &e.URL, Description: &e.Description, Types: types, Class: &class, Ordered: &e.Ordered, AllowPrivate: &e.AllowPrivate, AllowPlain: &e.AllowPlain})
	case opRemove, opRotate, opEnable, opDisable:
		return proto.Marshal(&webhooksv1.RemoveWebhookRequest{Id: e.ID}) // they all have an id and nothing else
	}
	return json.Marshal(in)
}

func (s *site) do(kind edge.ActorKind, op string, in any) ([]byte, error) {
	body, err := request(op, in)
	if err != nil {
		return nil, err
	}
	h, err := s.mux.Handler(op)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deaf && kind == edge.Node {
		return nil, edge.E(edge.Unavailable, "no quorum")
	}
	rows := maps.Clone(s.rows)
	t := &tx{View: view(rows), s: s, actor: edge.Actor{Kind: kind}, rows: rows}
	out, err := h(t, body)
	if err != nil {
		return nil, err
	}
	s.rows = rows
	for _, e := range t.out {
		s.append(ledger, e)
	}
	return out, nil
}

func (s *site) Propose(_ context.Context, op string, in any) error {
	_, err := s.do(edge.Node, op, in)
	return err
}

func (s *site) append(stream string, e edge.Event) edge.Record {
	if e.Time.IsZero() {
		e.Time = s.now()
	}
	prev := edge.Genesis(stream, 1, edge.Pos{})
	if l := s.streams[stream]; len(l) > 0 {
		prev = l[len(l)-1].Pos
	}
	r := edge.Record{Pos: prev.Next(edge.AppendEvent(nil, e)), Event: e}
	s.streams[stream] = append(s.streams[stream], r)
	close(s.moved)
	s.moved = make(chan struct{})
	return r
}

// emit makes something happen at the site.
func (s *site) emit(stream string, e edge.Event) edge.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Urgency == 0 {
		e.Urgency = edge.Care
	}
	return s.append(stream, e)
}

type journal struct {
	s      *site
	stream string
}

func (j journal) Stream() string { return j.stream }

func (j journal) list() ([]edge.Record, chan struct{}) {
	j.s.mu.Lock()
	defer j.s.mu.Unlock()
	return j.s.streams[j.stream], j.s.moved
}

func (j journal) Head() edge.Pos {
	if l, _ := j.list(); len(l) > 0 {
		return l[len(l)-1].Pos
	}
	return edge.Pos{}
}

func (j journal) Read(_ context.Context, after edge.Pos) iter.Seq2[edge.Record, error] {
	l, _ := j.list()
	j.s.mu.Lock()
	gap, trimmed := j.s.gaps[j.stream]
	j.s.mu.Unlock()
	return func(yield func(edge.Record, error) bool) {
		if trimmed && before(after, gap.To) {
			if !yield(edge.Record{}, &gap) {
				return
			}
			after = gap.To
		}
		for _, r := range l {
			if before(after, r.Pos) && !yield(r, nil) {
				return
			}
		}
	}
}

func (j journal) Wait(ctx context.Context, after edge.Pos) error {
	for {
		l, moved := j.list()
		if len(l) > 0 && before(after, l[len(l)-1].Pos) {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// add makes an endpoint and returns it with its secret.
func (s *site) add(t testing.TB, e Endpoint) Endpoint {
	t.Helper()
	b, err := s.do(edge.Person, opAdd, e)
	if err != nil {
		t.Fatal(err)
	}
	return issued(t, b)
}

// issued is the endpoint with its new secret out of an answer.
func issued(t testing.TB, b []byte) (e Endpoint) {
	t.Helper()
	var m webhooksv1.IssuedWebhook
	if err := proto.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	w := m.GetWebhook()
	return Endpoint{ID: w.GetId(), URL: w.GetUrl(), Types: w.GetTypes(), Class: edge.Class(w.GetClass()), Created: w.GetCreated().AsTime(), Secrets: []Secret{{Value: m.GetSecret()}}}
}

// lead runs a dispatcher over a store until the returned function is called.
func (s *site) lead(t testing.TB, store Store, change func(*Options)) (*Dispatcher, func()) {
	t.Helper()
	o := Options{Store: store, View: s.View, Journals: []edge.Journal{journal{s, ledger}, journal{s, care}}, Propose: s.Propose, Origin: "site:clinic",
		Settle: 20 * time.Millisecond, Now: s.now}
	if change != nil {
		change(&o)
	}
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	var once sync.Once
	stop := func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return d, stop
}

// A receiver keeps what it is sent, and answers as it is told.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []*received
	answer func(w http.ResponseWriter, r *http.Request, n int)
}

type received struct {
	header http.Header
	body   []byte
}

func (r *received) id() string { return r.header.Get("webhook-id") }

func newReceiver(t testing.TB, tls bool) *receiver {
	rec := &receiver{}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		rec.mu.Lock()
		rec.got = append(rec.got, &received{r.Header.Clone(), b})
		n, answer := len(rec.got), rec.answer
		rec.mu.Unlock()
		if answer != nil {
			answer(w, r, n)
		}
	})
	rec.Server = httptest.NewUnstartedServer(h)
	rec.Config.ErrorLog = nil
	if tls {
		rec.StartTLS()
	} else {
		rec.Start()
	}
	t.Cleanup(rec.Close)
	return rec
}

func (r *receiver) all() []*received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func (r *receiver) ids() (out []string) {
	for _, g := range r.all() {
		out = append(out, g.id())
	}
	return out
}

func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !f(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited too long until %s", what)
		}
	}
}

func event(i int) edge.Event {
	return edge.Event{Type: "device.added", Subject: fmt.Sprint("d", i), Body: fmt.Appendf(nil, `{"n":%d}`, i)}
}
