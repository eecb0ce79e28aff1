package across

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A tester is testing.T or rapid.T.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// A place is one site in memory.
type place struct {
	t     tester
	name  string
	led   *ledger.Ledger
	mux   *edge.Mux
	state *fastState
	desk  string
	who   []string // accounts of members

	serials []int // of the events, each another
	next    *int
	told    int // events the hub has
	epoch   uint64
	came    int // events that came with the backup it was restored from
}

func newPlace(t tester, name string, at time.Time, serial *int) *place {
	p := &place{t: t, name: name, led: ledger.New(nil), mux: edge.NewMux(), state: &fastState{State: edgetest.New(edge.Actor{Kind: edge.Person, ID: "officer"}, at)}, next: serial, epoch: 1}
	p.led.Register(p.mux)
	New(p.led).Register(p.mux)
	p.desk = p.open("desk", walletv1.AccountKind_CASH)
	for i := range 3 {
		p.who = append(p.who, p.open(fmt.Sprint("m", i), walletv1.AccountKind_MEMBER))
	}
	var reply KeyReply
	if err := p.asNode(OpKey, KeyRequest{Site: name}, &reply); err != nil || len(reply.Public) != 32 {
		t.Fatalf("no key: %v", err)
	}
	return p
}

// meet has both sites believe each other's key.
func meet(a, b *place) {
	for _, pair := range [...][2]*place{{a, b}, {b, a}} {
		var reply KeyReply
		if err := pair[0].asNode(OpKey, KeyRequest{Site: pair[0].name}, &reply); err != nil {
			a.t.Fatalf("%v", err)
		}
		var ok Accepted
		if err := pair[1].asNode(OpAccept, Accept{Site: pair[0].name, Public: reply.Public}, &ok); err != nil || !ok.Believed {
			a.t.Fatalf("the key is not believed: %v", err)
		}
	}
}

// run evaluates a command as a site does.
func (p *place) run(op string, body []byte) ([]byte, error) {
	p.t.Helper()
	h, err := p.mux.Handler(op)
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	var reply []byte
	var kept error
	err = p.state.Try(func(tx edge.Tx) (err error) {
		if reply, err = h(tx, body); err == nil {
			return nil
		}
		if k, ok := err.(*edge.Kept); ok {
			kept = k
			return nil
		}
		return err
	})
	for len(p.serials) < len(p.state.Events) {
		*p.next++
		p.serials = append(p.serials, *p.next)
	}
	if kept != nil {
		return nil, kept
	}
	return reply, err
}

func (p *place) asNode(op string, in, out any) error {
	p.t.Helper()
	b, err := json.Marshal(in)
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	who := p.state.By
	p.state.By = edge.Actor{Kind: edge.Node, ID: "n"}
	reply, err := p.run(op, b)
	p.state.By = who
	if err == nil && out != nil {
		err = json.Unmarshal(reply, out)
	}
	return err
}

func do[Out proto.Message](p *place, op string, in proto.Message, out Out) (Out, error) {
	p.t.Helper()
	b, err := proto.Marshal(in)
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	reply, err := p.run(op, b)
	if err == nil {
		err = proto.Unmarshal(reply, out)
	}
	return out, err
}

func ask[Out proto.Message](p *place, op string, in proto.Message, out Out) (Out, error) {
	p.t.Helper()
	q, err := p.mux.Asker(op)
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	b, err := proto.Marshal(in)
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	reply, err := q(p.state, b)
	if err == nil {
		err = proto.Unmarshal(reply, out)
	}
	return out, err
}

// named is the same identifier for the same text.
func named(parts ...any) string { return ledger.Named("test", fmt.Sprint(parts...)).String() }

func (p *place) open(name string, kind walletv1.AccountKind) string {
	p.t.Helper()
	in := &walletv1.OpenAccountRequest{Id: named(p.name, name), Kind: kind, Asset: "IDR", Fund: "amanah", Name: name}
	if kind == walletv1.AccountKind_MEMBER {
		in.Owner = "person-" + name
	}
	a, err := do(p, "wallet.open_account", in, &walletv1.Account{})
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	return a.GetId()
}

func (p *place) deposit(account, sum string) {
	p.t.Helper()
	if _, err := do(p, "wallet.create_transfer", &walletv1.CreateTransferRequest{Transfer: &walletv1.NewTransfer{Debit: p.desk, Credit: account, Amount: sum}}, &walletv1.Transfer{}); err != nil {
		p.t.Fatalf("%v", err)
	}
}

func (p *place) available(account string) string {
	p.t.Helper()
	a, err := ask(p, "wallet.get_account", &walletv1.GetAccountRequest{Id: account}, &walletv1.Account{})
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	return a.GetBalance().GetAvailable()
}

// owes is what the account of clearing for a peer stands at.
func (p *place) owes(peer string) string {
	p.t.Helper()
	a, err := p.led.Find(p.state, ledger.Named("clearing", peer, "IDR", "amanah"))
	if edge.IsKind(err, edge.NotFound) {
		return "0"
	}
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	return a.Posted.String()
}

// later lets time pass, and does what is due.
func (p *place) later(d time.Duration) {
	p.t.Helper()
	p.state.Time = p.state.Time.Add(d)
	for {
		due, err := Due(p.state, p.state.Time)
		if err != nil {
			p.t.Fatalf("%v", err)
		}
		if !due {
			return
		}
		var out Ticked
		if err := p.asNode(OpTick, struct{}{}, &out); err != nil || out.Done == 0 {
			p.t.Fatalf("%d of what is due was done: %v", out.Done, err)
		}
	}
}

// takes has the site take notes in, and returns those that have to come again.
func (p *place) takes(notes ...[]byte) (again [][]byte) {
	p.t.Helper()
	var out Taken
	if err := p.asNode(OpTake, Take{notes}, &out); err != nil || len(out.Notes) != len(notes) {
		p.t.Fatalf("notes are not taken in: %v", err)
	}
	for i, n := range out.Notes {
		if !n.Done {
			again = append(again, notes[i])
		}
	}
	return again
}

// A hubModel hands notes on, badly where it is told to.
type hubModel struct {
	at      map[string]*place
	journal map[string][]hubRecord
	waiting map[string][][]byte // by destination
	phase   map[string]int      // of a recovery: 1 own notes, 2 all others, 0 none
}

type hubRecord struct {
	serial int
	to     string
	note   []byte
}

func newHub(places ...*place) *hubModel {
	h := &hubModel{at: map[string]*place{}, journal: map[string][]hubRecord{}, waiting: map[string][][]byte{}, phase: map[string]int{}}
	for _, p := range places {
		h.at[p.name] = p
	}
	return h
}

// sync takes over what a site's journal has new.
func (h *hubModel) sync(p *place) {
	for i, e := range p.state.Events[p.told:] {
		if !Carries(e.Type) {
			continue
		}
		var c Carried
		if err := json.Unmarshal(e.Body, &c); err != nil {
			p.t.Fatalf("%v", err)
		}
		h.journal[p.name] = append(h.journal[p.name], hubRecord{p.serials[p.told+i], c.To, c.Note})
		if h.phase[c.To] != 1 {
			h.waiting[c.To] = append(h.waiting[c.To], c.Note)
		}
	}
	p.told = len(p.state.Events)
}

// hand delivers the waiting notes that pick chooses, in the order it chooses; those it keeps come again. What is lost for
// good does not: only what a restored site said itself is brought until it has decided on each.
func (h *hubModel) hand(to string, pick func(n int) []int, lost, twice func() bool, forGood bool) {
	p := h.at[to]
	gone := map[int]bool{}
	for _, i := range pick(len(h.waiting[to])) {
		if lost() {
			gone[i] = forGood && h.phase[to] != 1
			continue
		}
		if again := p.takes(h.waiting[to][i]); len(again) == 0 && !twice() {
			gone[i] = true
		}
	}
	var rest [][]byte
	for i, n := range h.waiting[to] {
		if !gone[i] {
			rest = append(rest, n)
		}
	}
	h.waiting[to] = rest
	if len(rest) == 0 && h.phase[to] > 0 {
		h.advance(p)
	}
}

// anew is a hub that was restored itself: it makes what it hands over again from the ledgers, and a recovery that was
// under way begins again.
func (h *hubModel) anew(p *place) {
	h.waiting[p.name] = nil
	if h.phase[p.name] > 0 {
		h.echo(p)
		return
	}
	h.others(p)
}

// others has all notes wait that others ever sent to a site.
func (h *hubModel) others(p *place) {
	for _, from := range slices.Sorted(maps.Keys(h.journal)) {
		for _, r := range h.journal[from] {
			if r.to == p.name && from != p.name {
				h.waiting[p.name] = append(h.waiting[p.name], r.note)
			}
		}
	}
}

// all delivers everything that waits, once and in order.
func (h *hubModel) all(to string) {
	never := func() bool { return false }
	h.hand(to, func(n int) []int {
		list := make([]int, n)
		for i := range list {
			list[i] = i
		}
		return list
	}, never, never, false)
}

// advance goes on with the recovery of a site, when all of one step has been taken in.
func (h *hubModel) advance(p *place) {
	p.t.Helper()
	if err := p.asNode(OpRecovered, Epoch{Epoch: p.epoch, Echoed: h.phase[p.name] == 1}, nil); err != nil {
		p.t.Fatalf("%v", err)
	}
	if h.phase[p.name] == 2 {
		h.phase[p.name] = 0
		return
	}
	h.phase[p.name] = 2
	h.others(p)
	if len(h.waiting[p.name]) == 0 {
		h.advance(p)
	}
}

// A backup is a site as it was.
type backup struct {
	rows    map[string][]byte
	events  []edge.Event
	serials []int
}

func (p *place) backup() backup {
	return backup{maps.Clone(p.state.Rows), slices.Clone(p.state.Events), slices.Clone(p.serials)}
}

// restore sets a site back. Its journal begins a new epoch, by which the hub knows.
func (h *hubModel) restore(p *place, b backup) {
	p.t.Helper()
	p.state.Rows, p.state.Events, p.serials = maps.Clone(b.rows), slices.Clone(b.events), slices.Clone(b.serials)
	p.told = min(p.told, len(p.state.Events))
	p.came = len(p.serials)
	p.epoch++
	if err := p.asNode(OpRestored, Epoch{Epoch: p.epoch}, nil); err != nil {
		p.t.Fatalf("%v", err)
	}
	h.echo(p)
}

// echo begins a recovery: what the site said itself after its backup waits for it.
func (h *hubModel) echo(p *place) {
	known := map[int]bool{}
	for _, s := range p.serials[:p.came] {
		known[s] = true
	}
	h.phase[p.name], h.waiting[p.name] = 1, nil
	for _, r := range h.journal[p.name] {
		if !known[r.serial] {
			h.waiting[p.name] = append(h.waiting[p.name], r.note)
		}
	}
	if len(h.waiting[p.name]) == 0 {
		h.advance(p)
	}
}

// sound asserts what must hold of one site at any time.
func (p *place) sound() {
	p.t.Helper()
	rep, err := p.led.Check(context.Background(), p.state, nil)
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	for _, x := range rep.Problems {
		p.t.Errorf("%s: %s", p.name, x)
	}
	aside := map[string]money{}
	for k, row := range p.state.Rows {
		if !bytes.HasPrefix([]byte(k), key(rowGrant)) {
			continue
		}
		var g grantRow
		if err := json.Unmarshal(row, &g); err != nil {
			p.t.Fatalf("%v", err)
		}
		sum := aside[g.Site]
		sum.Amount, _ = sum.Amount.Add(g.left())
		aside[g.Site] = sum
		if err := g.sound(); err != nil {
			p.t.Errorf("%v", err)
		}
	}
	for site, sum := range aside {
		a, err := p.led.Find(p.state, ledger.Named("escrow", site, "IDR", "amanah"))
		if err != nil || a.Posted.String() != sum.Amount.String() {
			p.t.Errorf("%s: escrow for %s holds %s, its allotments %s (%v)", p.name, site, a.Posted, sum.Amount, err)
		}
	}
}

func (p *place) troubles() []*walletv1.Trouble {
	p.t.Helper()
	out, err := ask(p, "wallet.list_troubles", &walletv1.ListTroublesRequest{}, &walletv1.ListTroublesResponse{})
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	return out.GetTroubles()
}
