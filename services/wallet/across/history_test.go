package across

import (
	"encoding/json"
	"flag"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/walletv1"
)

var histories = flag.Int("histories", 100, "how many random histories between two sites are tried")

// TestHistories lets two sites deal with each other over a hub that loses, repeats and reorders what it carries, while
// links are cut and sites are set back to backups. When all has calmed down no money was made or lost.
func TestHistories(t *testing.T) {
	old := flag.Lookup("rapid.checks").Value.String()
	if err := flag.Set("rapid.checks", strconv.Itoa(*histories)); err != nil {
		t.Fatal(err)
	}
	defer flag.Set("rapid.checks", old)
	rapid.Check(t, History)
}

// A history is one run.
type history struct {
	*rapid.T

	a, b    *place
	hub     *hubModel
	backups map[string][]backup
	grants  []given
	papers  []string
	loses   bool // the hub loses notes for good, and not only for a while
	n       int
	did     int
}

type given struct{ home, id string }

func (h *history) some(n int) int { return rapid.IntRange(0, n-1).Draw(h.T, "n") }

// rarely is true once in so many times.
func (h *history) rarely(of int) func() bool { return func() bool { return h.some(of) == 0 } }

// History is one random history, and what must hold at its end.
func History(t *rapid.T) {
	serial := 0
	at := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	h := &history{T: t, a: newPlace(t, "a", at, &serial), b: newPlace(t, "b", at, &serial), backups: map[string][]backup{}}
	meet(h.a, h.b)
	h.hub = newHub(h.a, h.b)
	for _, p := range []*place{h.a, h.b} {
		for _, m := range p.who {
			p.deposit(m, "100")
		}
	}
	h.loses = h.some(2) == 0
	for range 20 + h.some(60) {
		h.step()
	}
	h.calm()
	h.agree()
}

func (h *history) pair() (here, there *place) {
	if h.some(2) == 0 {
		return h.a, h.b
	}
	return h.b, h.a
}

func (h *history) sum() string { return strconv.Itoa(1 + h.some(60)) }

// expiry is a time soon, or none.
func (h *history) expiry(p *place) *timestamppb.Timestamp {
	if h.some(3) > 0 {
		return nil
	}
	return timestamppb.New(p.state.Time.Add(time.Duration(1+h.some(100)) * time.Minute))
}

func (h *history) step() {
	p, q := h.pair()
	h.n++
	defer func() { h.Logf("%d at %s: %d", h.n, p.name, h.did) }()
	p.state.Time = p.state.Time.Add(time.Second)
	k := h.some(20)
	h.did = k
	switch {
	case k < 4:
		h.send(p, q)
	case k < 6:
		h.allot(p, q)
	case k < 8:
		h.spend(p)
	case k < 9:
		h.paper(p, q)
	case k < 11:
		h.redeem(p)
	case k < 15:
		h.carry(p)
	case k < 16:
		p.later(time.Duration(h.some(200)) * time.Minute)
	case k < 17:
		h.freeze(p)
	case k < 18 && len(h.grants) > 0:
		g := h.grants[h.some(len(h.grants))]
		home := g.home
		_, err := do(p, "wallet.close_allotment", &walletv1.CloseAllotmentRequest{Id: g.id, Home: home}, &walletv1.Allotment{})
		h.may(err)
	case k < 19 && h.some(4) == 0:
		h.hub.anew(p)
	case k < 19:
		h.backups[p.name] = append(h.backups[p.name], p.backup())
	case len(h.backups[p.name]) > 0 && h.some(2) == 0:
		h.hub.restore(p, h.backups[p.name][h.some(len(h.backups[p.name]))])
	}
}

// may fails where something went wrong inside: refusals are as they should be.
func (h *history) may(err error) {
	h.Helper()
	if k := edge.KindOf(err); err != nil && (k == edge.Internal || k == edge.Corrupt) {
		h.Fatalf("%v", err)
	}
}

func (h *history) send(p, q *place) {
	in := &walletv1.SendAcrossRequest{Id: named("send", p.name, h.n), Debit: p.who[h.some(3)], ToSite: q.name, ToAccount: q.who[h.some(3)], Amount: h.sum(), Expires: h.expiry(p)}
	if h.some(8) == 0 {
		in.ToAccount = named("nobody")
	}
	for range 1 + h.some(2) {
		_, err := do(p, "wallet.send_across", in, &walletv1.Crossing{})
		h.may(err)
	}
}

func (h *history) allot(p, q *place) {
	id := named("allot", p.name, h.n)
	_, err := do(p, "wallet.open_allotment", &walletv1.OpenAllotmentRequest{Id: id, Account: p.who[h.some(3)], Site: q.name, Amount: h.sum(), Expires: h.expiry(p)}, &walletv1.Allotment{})
	h.may(err)
	h.grants = append(h.grants, given{p.name, id})
}

func (h *history) spend(p *place) {
	if len(h.grants) == 0 {
		return
	}
	g := h.grants[h.some(len(h.grants))]
	for range 1 + h.some(2) {
		_, err := do(p, "wallet.spend_allotment", &walletv1.SpendAllotmentRequest{Id: g.id, Home: g.home, Spend: named("spend", h.n), Credit: p.who[h.n%3], Amount: strconv.Itoa(1 + h.n%30)}, &walletv1.Allotment{})
		h.may(err)
	}
}

func (h *history) paper(p, q *place) {
	id := named("paper", p.name, h.n)
	v, err := do(p, "wallet.issue_voucher", &walletv1.IssueVoucherRequest{Id: id, Account: p.who[h.some(3)], Site: q.name, Amount: h.sum(), Expires: h.expiry(p)}, &walletv1.Voucher{})
	h.may(err)
	if err == nil {
		h.grants, h.papers = append(h.grants, given{p.name, id}), append(h.papers, v.GetText())
	}
}

func (h *history) redeem(p *place) {
	if len(h.papers) == 0 {
		return
	}
	text := h.papers[h.some(len(h.papers))]
	for range 1 + h.some(2) {
		_, err := do(p, "wallet.redeem_voucher", &walletv1.RedeemVoucherRequest{Text: text, Credit: p.who[h.some(3)]}, &walletv1.Allotment{})
		h.may(err)
	}
}

// carry lets the hub do something, badly.
func (h *history) carry(p *place) {
	if h.some(3) > 0 {
		h.hub.sync(p)
	}
	h.hub.hand(p.name, func(n int) (list []int) {
		if n == 0 {
			return nil
		}
		from, seen := h.some(n), 0
		for i := from; i >= 0 && seen < 5; i, seen = i-1, seen+1 { // backwards: reordered
			list = append(list, i)
		}
		return list
	}, h.rarely(12), h.rarely(6), h.loses)
}

func (h *history) freeze(p *place) {
	who := p.who[h.some(3)]
	if h.some(2) == 0 {
		_, err := do(p, "wallet.freeze_account", &walletv1.FreezeAccountRequest{Id: who, Reason: "to see"}, &walletv1.Account{})
		h.may(err)
		return
	}
	_, err := do(p, "wallet.unfreeze_account", &walletv1.UnfreezeAccountRequest{Id: who, Reason: "seen it"}, &walletv1.Account{})
	h.may(err)
}

// calm lets all links be up, everybody have enough money, and everything be asked for again until it is answered.
func (h *history) calm() {
	for _, p := range []*place{h.a, h.b} {
		for _, m := range p.who {
			_, err := do(p, "wallet.unfreeze_account", &walletv1.UnfreezeAccountRequest{Id: m, Reason: "the end"}, &walletv1.Account{})
			h.may(err)
			p.deposit(m, "100000")
		}
	}
	for round := range 30 {
		for _, p := range []*place{h.a, h.b} {
			h.hub.sync(p)
			h.hub.all(p.name)
			for _, g := range h.grants {
				if g.home == p.name && round < 2 {
					_, err := do(p, "wallet.close_allotment", &walletv1.CloseAllotmentRequest{Id: g.id}, &walletv1.Allotment{})
					h.may(err)
				}
			}
			p.later(25 * time.Hour)
		}
		if h.quiet() {
			return
		}
	}
	h.Fatalf("it does not come to an end: %v %v", h.a.troubles(), h.b.troubles())
}

// quiet reports whether nothing waits any more, anywhere.
func (h *history) quiet() bool {
	for _, p := range []*place{h.a, h.b} {
		h.hub.sync(p)
		for k := range p.state.Rows {
			if strings.HasPrefix(k, string(key(rowDue))) || strings.HasPrefix(k, string(key(rowRecover))) || strings.HasPrefix(k, string(key(rowParked))) {
				return false
			}
		}
	}
	return len(h.hub.waiting["a"])+len(h.hub.waiting["b"]) == 0
}

// agree asserts that both sites say the same, and that nothing counted twice.
func (h *history) agree() {
	ab, _ := amount.ParseSigned(h.a.owes("b"))
	ba, _ := amount.ParseSigned(h.b.owes("a"))
	if sum, _ := ab.Add(ba); !sum.IsZero() {
		h.Errorf("a owes b %s, and b says %s", ab, ba.Negated())
	}
	for _, pair := range [...][2]*place{{h.a, h.b}, {h.b, h.a}} {
		p, q := pair[0], pair[1]
		p.sound()
		for _, x := range p.troubles() {
			h.Errorf("%s: %v", p.name, x)
		}
		h.same(p, q)
	}
	h.booked()
}

// same compares what one site sent with what the other took.
func (h *history) same(p, q *place) {
	for k, b := range p.state.Rows {
		if id, ok := strings.CutPrefix(k, string(key(rowCrossing))); ok {
			var c crossingRow
			var got arrivalRow
			h.must(json.Unmarshal(b, &c))
			if row, ok := q.state.Rows[string(siteKey(rowArrival, p.name))+id]; ok {
				h.must(json.Unmarshal(row, &got))
			}
			if c.Status == walletv1.CrossingStatus_QUEUED || (c.Status == walletv1.CrossingStatus_ARRIVED) != (got.Accepted && got.Booked) {
				h.Errorf("a crossing to %s is %s there: %+v", q.name, c.Status, got.Accepted)
			}
		}
		if id, ok := strings.CutPrefix(k, string(key(rowGrant))); ok {
			var g grantRow
			var v visitRow
			h.must(json.Unmarshal(b, &g))
			h.must(json.Unmarshal(q.state.Rows[string(siteKey(rowVisit, p.name))+id], &v))
			if g.State != stateClosed || g.Spent != v.Spent || !g.left().IsZero() {
				h.Errorf("an allotment of %s is %s, %s spent; at %s %s", p.name, g.State, g.Spent, q.name, v.Spent)
			}
		}
	}
}

// booked compares clearing with what every row says was paid.
func (h *history) booked() {
	var want amount.Signed
	add := func(m amount.Amount, neg bool) { want, _ = want.Add(amount.Signed{Amount: m, Neg: neg && !m.IsZero()}) }
	for p, neg := range map[*place]bool{h.a: false, h.b: true} {
		for k, b := range p.state.Rows {
			var c crossingRow
			var g grantRow
			if strings.HasPrefix(k, string(key(rowCrossing))) {
				h.must(json.Unmarshal(b, &c))
				if c.Status == walletv1.CrossingStatus_ARRIVED {
					add(c.Amount, neg)
				}
			}
			if strings.HasPrefix(k, string(key(rowGrant))) {
				h.must(json.Unmarshal(b, &g))
				add(g.Spent, neg)
			}
		}
	}
	if got := h.a.owes("b"); got != want.String() {
		h.Errorf("a owes b %s; all that was paid comes to %s", got, want)
	}
}

func (h *history) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatalf("%v", err)
	}
}
