package books

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/edge/edgetest"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

var begin = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// A world is a ledger in memory that is asked through its handlers.
type world struct {
	t     testing.TB
	led   *ledger.Ledger
	mux   *edge.Mux
	state *edgetest.State
	n     int
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, led: ledger.New(nil), mux: edge.NewMux(), state: edgetest.New(edge.Actor{Kind: edge.Person, ID: "officer"}, begin)}
	w.led.Register(w.mux)
	return w
}

// do evaluates a command. What fails has written nothing but what its refusal keeps.
func (w *world) do(op string, in, out proto.Message) error {
	w.t.Helper()
	h, err := w.mux.Handler(op)
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := proto.Marshal(in)
	if err != nil {
		w.t.Fatal(err)
	}
	w.state.Events = w.state.Events[:0]
	reply, err := h(w.state, body)
	if err != nil {
		return err
	}
	return proto.Unmarshal(reply, out)
}

func (w *world) id() string {
	w.n++
	var x edge.ID
	copy(x[:], fmt.Sprintf("test-id-%08d", w.n))
	return x.String()
}

func (w *world) open(kind walletv1.AccountKind, asset, fund string) string {
	w.t.Helper()
	a := &walletv1.Account{}
	in := &walletv1.OpenAccountRequest{Id: w.id(), Kind: kind, Asset: asset, Fund: fund, Name: "account of a test"}
	if kind == walletv1.AccountKind_MEMBER {
		in.Owner = "person-" + in.Id
	}
	if err := w.do("wallet.open_account", in, a); err != nil {
		w.t.Fatal(err)
	}
	return a.Id
}

func (w *world) move(debit, credit, sum string) string {
	w.t.Helper()
	w.state.Time = w.state.Time.Add(time.Hour)
	id := w.id()
	if err := w.do("wallet.create_transfer", &walletv1.CreateTransferRequest{Transfer: &walletv1.NewTransfer{Id: id, Debit: debit, Credit: credit, Amount: sum}}, &walletv1.Transfer{}); err != nil {
		w.t.Fatal(err)
	}
	return id
}

// A part is the accounts of one currency of one fund.
type part struct{ desks, all []string }

// parts opens accounts of three currencies with 0, 2 and 3 decimals in four funds.
func (w *world) parts() (list []part) {
	if err := w.do("wallet.put_fund", &walletv1.PutFundRequest{Id: "sadaqah:roof", Name: "Roof"}, &walletv1.Fund{}); err != nil {
		w.t.Fatal(err)
	}
	for _, asset := range []string{"JPY", "IDR", "KWD"} {
		for _, fund := range []string{"amanah", "general", "zakat", "sadaqah:roof"} {
			var p part
			for _, k := range []walletv1.AccountKind{walletv1.AccountKind_CASH, walletv1.AccountKind_BANK, walletv1.AccountKind_EQUITY} {
				p.desks = append(p.desks, w.open(k, asset, fund))
			}
			p.all = append(p.all, p.desks...)
			for _, k := range []walletv1.AccountKind{walletv1.AccountKind_MEMBER, walletv1.AccountKind_MEMBER, walletv1.AccountKind_MEMBER, walletv1.AccountKind_PAYABLE,
				walletv1.AccountKind_INCOME, walletv1.AccountKind_EXPENSE, walletv1.AccountKind_RECEIVABLE, walletv1.AccountKind_EXCHANGE} {
				p.all = append(p.all, w.open(k, asset, fund))
			}
			list = append(list, p)
		}
	}
	return list
}

// A player makes random transfers. What is refused counts for nothing.
type player struct {
	*world
	r     *rand.Rand
	parts []part
	holds []string // open, of one leg
	past  []string // transfers that may be reversed
	kinds map[string]int
}

// play goes on until so many entries of a ledger were made.
func (w *world) play(n int) map[string]int {
	p := &player{world: w, r: rand.New(rand.NewPCG(7, 11)), parts: w.parts(), kinds: map[string]int{}}
	for done := 0; done < n; {
		w.state.Time = w.state.Time.Add(time.Duration(p.r.IntN(90)) * time.Second)
		in := &walletv1.CreateTransfersRequest{}
		var what []string
		for range min(n-done, 1+p.r.IntN(64)) {
			item, name := p.item()
			in.Items, what = append(in.Items, item), append(what, name)
		}
		out := &walletv1.CreateTransfersResponse{}
		if err := w.do("wallet.create_transfers", in, out); err != nil {
			w.t.Fatal(err)
		}
		for i, r := range out.Items {
			if r.Result.Status == walletv1.TransferStatus_REFUSED {
				p.kinds["refused"]++
				continue
			}
			done++
			p.kinds[what[i]]++
			p.remember(what[i], r.Result.Id)
		}
		if done < n && p.reverse() {
			done++
		}
	}
	return p.kinds
}

func (p *player) remember(what, id string) {
	switch what {
	case "hold":
		p.holds = append(p.holds, id)
	case "transfer", "legs", "post", "part":
		p.past = append(p.past, id)
	}
}

func (p *player) reverse() bool {
	if len(p.past) == 0 {
		return false
	}
	i := p.r.IntN(len(p.past))
	err := p.do("wallet.reverse_transfer", &walletv1.ReverseTransferRequest{Transfer: p.past[i], Id: p.id(), Reason: "a test"}, &walletv1.Transfer{})
	p.past = append(p.past[:i], p.past[i+1:]...)
	if err != nil {
		p.kinds["refused"]++
		return false
	}
	p.kinds["reverse"]++
	return true
}

// item is one random thing to do.
func (p *player) item() (*walletv1.Item, string) {
	dice := p.r.IntN(20)
	if dice < 5 && len(p.holds) > 0 {
		i := p.r.IntN(len(p.holds))
		id := p.holds[i]
		p.holds = append(p.holds[:i], p.holds[i+1:]...)
		switch {
		case dice == 0:
			return &walletv1.Item{Action: &walletv1.Item_Void{Void: &walletv1.NewVoid{Id: p.id(), Hold: id}}}, "void"
		case dice < 3:
			return &walletv1.Item{Action: &walletv1.Item_Post{Post: &walletv1.NewPost{Id: p.id(), Hold: id, Amount: "1"}}}, "part"
		}
		return &walletv1.Item{Action: &walletv1.Item_Post{Post: &walletv1.NewPost{Id: p.id(), Hold: id}}}, "post"
	}
	t := &walletv1.NewTransfer{Id: p.id(), Purpose: []string{"", "sale", "donation"}[p.r.IntN(3)]}
	name := "transfer"
	of := p.parts[p.r.IntN(len(p.parts))]
	switch {
	case dice < 9:
		name = "hold"
		t.Hold = true
		fallthrough
	case dice < 15:
		t.Debit, t.Credit, t.Amount = p.leg(of)
	default:
		name = "legs"
		for range 2 + p.r.IntN(3) {
			if p.r.IntN(3) == 0 {
				of = p.parts[p.r.IntN(len(p.parts))]
			}
			d, c, sum := p.leg(of)
			t.Legs = append(t.Legs, &walletv1.Leg{Debit: d, Credit: c, Amount: sum})
		}
	}
	return &walletv1.Item{Action: &walletv1.Item_Transfer{Transfer: t}}, name
}

// leg moves mostly from where money comes in.
func (p *player) leg(of part) (debit, credit, sum string) {
	from := of.all
	if p.r.IntN(2) == 0 {
		from = of.desks
	}
	debit = from[p.r.IntN(len(from))]
	for credit = debit; credit == debit; {
		credit = of.all[p.r.IntN(len(of.all))]
	}
	return debit, credit, fmt.Sprint(1 + p.r.Uint64N(1<<(1+p.r.IntN(40))))
}
