package reconcile

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// days is how long the bank of a property books.
const days = 8

// A story is what a bank booked, and how it was told.
type story struct {
	asked  []int // payments, in cents; every third is into an account that is frozen
	rows   []row // text names a payment by "#n"
	spans  [][2]int
	freeze bool
}

func drawStory(t *rapid.T) (s story) {
	s.asked = rapid.SliceOfN(rapid.IntRange(1, 500), 1, 5).Draw(t, "asked")
	s.freeze = rapid.Bool().Draw(t, "freeze")
	back := map[int]bool{}
	for n := range rapid.IntRange(1, 14).Draw(t, "rows") {
		r := row{day: rapid.IntRange(1, days).Draw(t, "day")}
		if rapid.Bool().Draw(t, "bank's reference") {
			r.ref = fmt.Sprintf("B-%d", n)
		}
		p := rapid.IntRange(0, len(s.asked)-1).Draw(t, "payment")
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0: // of nothing we know; twins may come
			r.cents, r.ref, r.text = rapid.IntRange(1, 2).Draw(t, "cents"), "", "gift"
		case 1: // another amount
			r.cents, r.text = s.asked[p]+1, fmt.Sprintf("#%d", p)
		case 2: // some of it goes back, once
			if back[p] {
				continue
			}
			back[p] = true
			r.cents, r.text = -rapid.IntRange(1, s.asked[p]).Draw(t, "back"), fmt.Sprintf("#%d", p)
		default:
			r.cents, r.text = s.asked[p], fmt.Sprintf("x #%d", p)
		}
		s.rows = append(s.rows, r)
	}
	for range rapid.IntRange(0, 4).Draw(t, "spans") {
		from := rapid.IntRange(1, days).Draw(t, "from")
		s.spans = append(s.spans, [2]int{from, rapid.IntRange(from, days).Draw(t, "to")})
	}
	cut := rapid.IntRange(1, days).Draw(t, "cut")
	s.spans = append(s.spans, [2]int{1, cut})
	if cut < days {
		s.spans = append(s.spans, [2]int{cut + 1, days})
	}
	return s
}

// begin is the world before the bank says anything.
func (s story) begin(t *testing.T) (w *world, refs []string) {
	w = newWorld(t)
	for i, sum := range s.asked {
		refs = append(refs, w.pay([]string{w.a, w.b}[i%2], sum).Reference)
	}
	if s.freeze {
		w.must("wallet.freeze_account", &walletv1.FreezeAccountRequest{Id: w.b, Reason: "test"}, &walletv1.Account{})
	}
	return w, refs
}

// file is the statement of some days.
func (s story) file(span [2]int, refs []string) []byte {
	opening := 1000
	var list []row
	for day := 1; day <= days; day++ {
		for _, r := range s.rows {
			for i, ref := range refs {
				r.text = strings.ReplaceAll(r.text, fmt.Sprintf("#%d", i), ref)
			}
			switch {
			case r.day != day:
			case day < span[0]:
				opening += r.cents
			case day <= span[1]:
				list = append(list, r)
			}
		}
	}
	return camt(iban, span[0], span[1], opening, list...)
}

func (w *world) balances() string {
	return fmt.Sprint(w.posted(w.bank), w.posted(w.a), w.posted(w.b), w.posted(w.suspense), w.posted(w.income))
}

// In whatever order statements come, however they overlap and however often: each entry is there once, and the ledger
// is as if the bank had sent one statement. Nothing is in it that the bank did not book, and the difference between the
// two is explained whole.
func TestAnyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawStory(rt)
		once, refs := s.begin(t)
		once.taken(s.file([2]int{1, days}, refs))
		w, _ := s.begin(t)
		order := rapid.Permutation(append(s.spans, s.spans[:rapid.IntRange(0, len(s.spans)).Draw(rt, "again")]...)).Draw(rt, "order")
		var ids []string
		for _, span := range order {
			w.state.Time = w.state.Time.Add(time.Duration(rapid.IntRange(0, 30).Draw(rt, "hours")) * time.Hour)
			ids = append(ids, w.taken(s.file(span, refs)).Id)
		}
		if got, want := w.balances(), once.balances(); got != want {
			rt.Fatalf("the ledger is %s, and %s after one statement", got, want)
		}
		if got := len(w.entries(0)); got != len(s.rows) {
			rt.Fatalf("%d entries, the bank booked %d", got, len(s.rows))
		}
		if left := w.unmatched(""); len(left) != 0 {
			rt.Fatal("the ledger moved what no entry stands for", left)
		}
		w.explained(rt, ids)
		if broken, err := w.led.Check(t.Context(), w.state, func(uint64, uint64) {}); err != nil || len(broken.Problems) > 0 {
			rt.Fatal(broken, err)
		}
	})
}

// explained holds each summary against its own sums.
func (w *world) explained(rt *rapid.T, ids []string) {
	for _, id := range ids {
		sum := w.summary(id)
		total := amount.Signed{}
		for _, p := range []*walletv1.SummaryPart{sum.Carried, sum.Open, sum.Ignored, sum.Undecided, sum.Earlier, sum.Later, sum.Missing, sum.Elsewhere} {
			x, err := amount.ParseSigned(p.Amount)
			if err != nil {
				rt.Fatal(err)
			}
			total, _ = total.Add(x)
		}
		if sum.Unexplained != "0" || total.String() != sum.Difference {
			rt.Fatal("a difference is not explained: ", sum)
		}
	}
}

// Whatever people do with entries and in the ledger between statements, each difference is explained.
func TestDifferences(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawStory(rt)
		s.freeze = false
		w, refs := s.begin(t)
		var ids []string
		for _, span := range s.spans {
			ids = append(ids, w.taken(s.file(span, refs)).Id)
			for range rapid.IntRange(0, 6).Draw(rt, "acts") {
				w.state.Time = w.state.Time.Add(time.Duration(rapid.IntRange(0, 20).Draw(rt, "hours")) * time.Hour)
				w.act(rt)
			}
		}
		w.explained(rt, ids)
	})
}

// act does something a person may do. What is refused changes nothing.
func (w *world) act(rt *rapid.T) {
	list := w.entries(0)
	if len(list) == 0 || rapid.IntRange(0, 3).Draw(rt, "act") == 0 {
		w.transfer(w.bank, w.income, rapid.IntRange(1, 3).Draw(rt, "moved"))
		return
	}
	e := rapid.SampledFrom(list).Draw(rt, "entry")
	in := &walletv1.MatchEntryRequest{Entry: e.Id}
	switch rapid.IntRange(0, 5).Draw(rt, "what") {
	case 0:
		w.do("wallet.ignore_entry", &walletv1.IgnoreEntryRequest{Entry: e.Id, Reason: "not ours"}, e)
		return
	case 1:
		w.do("wallet.unmatch_entry", &walletv1.UnmatchEntryRequest{Entry: e.Id}, e)
		return
	case 2:
		if e.BookedHere {
			w.do("wallet.reverse_transfer", &walletv1.ReverseTransferRequest{Id: w.id(), Transfer: e.Transfers[0], Reason: "wrong"}, &walletv1.Transfer{})
			return
		}
		in.Book = w.income
	case 3:
		in.Book = w.a
	default:
		if len(e.Proposals) == 0 {
			return
		}
		if in.Payment = e.Proposals[0].Payment; in.Payment == "" {
			in.Transfers = []string{e.Proposals[0].Transfer}
		}
	}
	w.match(in)
}
