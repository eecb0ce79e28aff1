package paygate

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/bankfile"
)

var march = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func attempt(t testing.TB) Attempt {
	a, err := New("a1", "card", "", "EUR", amount.Of(100), march)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func paid(id, money string, n uint64) Event {
	return Event{ID: id, Kind: Paid, Money: money, Amount: amount.Of(n), Currency: "EUR", At: march}
}

func back(id, money string, n uint64) Event {
	e := paid(id, money, n)
	e.Kind = Returned
	return e
}

func decide(id string, at int, accept bool) Event {
	return Event{ID: id, Source: Cashier, Kind: Decided, Conflict: at, Accept: accept, At: march}
}

func TestApply(t *testing.T) {
	begun, declined := Event{ID: "s", Kind: Submitted, At: march}, Event{ID: "d", Kind: Declined, At: march}
	dollars, asked := paid("p", "m", 100), paid("q", "m", 100)
	dollars.Currency, asked.Source = "USD", Asked
	for _, c := range []struct {
		events []Event
		want   string // state confirmed-returned, postings, reasons of open conflicts
	}{
		{nil, "created 0-0  "},
		{[]Event{begun}, "pending 0-0  "},
		{[]Event{begun, paid("p", "m", 100)}, "confirmed 100-0 +100 "},
		{[]Event{paid("p", "m", 100), begun}, "confirmed 100-0 +100 "},
		{[]Event{begun, declined}, "failed 0-0  "},
		{[]Event{begun, declined, declined, begun}, "failed 0-0  "},
		// The same money told of three times, by two sources.
		{[]Event{paid("p", "m", 100), paid("p", "m", 100), asked}, "confirmed 100-0 +100 "},
		{[]Event{paid("p", "m", 100), back("r", "x", 30), back("u", "y", 70)}, "refunded 100-100 +100-30-70 "},
		{[]Event{paid("p", "m", 100), back("r", "x", 30), back("u", "y", 71)}, "confirmed 100-30 +100-30 returned_too_much"},
		{[]Event{back("r", "x", 30), begun, paid("p", "m", 100)}, "confirmed 100-30 +100-30 "},
		{[]Event{back("r", "x", 130), paid("p", "m", 100)}, "confirmed 100-0 +100 returned_too_much"},
		{[]Event{back("r", "x", 30), declined}, "failed 0-0  returned_unpaid"},
		{[]Event{declined, back("r", "x", 30)}, "failed 0-0  returned_unpaid"},
		{[]Event{declined, paid("p", "m", 100)}, "failed 0-0  paid_after_failed"},
		{[]Event{declined, paid("p", "m", 100), decide("c", 0, true)}, "confirmed 100-0 +100 "},
		{[]Event{declined, paid("p", "m", 100), decide("c", 0, false)}, "failed 0-0  "},
		{[]Event{paid("p", "m", 100), declined}, "confirmed 100-0 +100 failed_after_paid"},
		{[]Event{paid("p", "m", 100), paid("q", "n", 100)}, "confirmed 100-0 +100 paid_twice"},
		{[]Event{paid("p", "m", 100), paid("q", "n", 100), decide("c", 0, true), back("r", "x", 150)}, "confirmed 200-150 +100+100-150 "},
		{[]Event{paid("p", "m", 60), paid("q", "n", 40), decide("c", 0, true), decide("f", 1, true)}, "confirmed 100-0 +60+40 "},
		{[]Event{paid("p", "m", 60)}, "pending 0-0  amount_differs"},
		{[]Event{dollars}, "created 0-0  currency_differs"},
		{[]Event{paid("p", "m", 100), paid("p", "n", 100)}, "confirmed 100-0 +100 same_id_other_event"},
		{[]Event{paid("p", "m", 100), paid("q", "m", 90)}, "confirmed 100-0 +100 same_money_other_sum"},
		{[]Event{paid("p", "m", 100), back("r", "x", 100), paid("q", "n", 100), decide("c", 0, true)}, "confirmed 200-100 +100-100+100 "},
	} {
		a, postings := attempt(t), ""
		for _, e := range c.events {
			next, out, err := a.Apply(e)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range out.Postings {
				postings += map[bool]string{false: "+", true: "-"}[p.Back] + p.Amount.String()
			}
			if out.Again && !reflect.DeepEqual(a, next) {
				t.Error("an event that was told before changed the attempt")
			}
			a = next
		}
		var open []string
		for _, i := range a.Open() {
			open = append(open, a.Conflicts[i].Reason.String())
		}
		if got := fmt.Sprintf("%s %s-%s %s %s", a.State, a.Confirmed, a.Returned, postings, strings.Join(open, ",")); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestApplyRefused(t *testing.T) {
	a := attempt(t)
	failed, _, _ := a.Apply(Event{ID: "d", Kind: Declined})
	usd := paid("p", "m", 100)
	usd.Currency = "USD"
	foreign, _, _ := a.Apply(usd)
	for _, c := range []struct {
		a    Attempt
		e    Event
		kind edge.Kind
	}{
		{a, Event{Kind: Submitted}, edge.Invalid},
		{a, paid("p", "", 1), edge.Invalid},
		{a, paid("p", "m", 0), edge.Invalid},
		{a, Event{ID: "x", Kind: Decided + 1}, edge.Invalid},
		{a, decide("c", 0, true), edge.Conflict},
		{failed, decide("c", -1, true), edge.Conflict},
		{foreign, decide("c", 0, true), edge.Refused},
	} {
		next, out, err := c.a.Apply(c.e)
		if !edge.IsKind(err, c.kind) || !reflect.DeepEqual(next, c.a) || len(out.Postings) > 0 {
			t.Errorf("%+v: %v", c.e, err)
		}
	}
	for i := range MaxEvents + 1 {
		next, _, err := a.Apply(Event{ID: fmt.Sprint(i), Kind: Submitted})
		if (i == MaxEvents) != edge.IsKind(err, edge.Exhausted) {
			t.Fatal(i, err)
		}
		a = next
	}
	if _, err := New("a", "card", "", "EUR", amount.Amount{}, march); !edge.IsKind(err, edge.Invalid) {
		t.Error(err)
	}
}

// Whatever is told, how often and in which order: postings are the attempt's sums, no more goes back than came, and all
// money is posted, waits, or is in a conflict.
func TestMoneyIsNeverLost(t *testing.T) {
	event := rapid.Custom(func(t *rapid.T) Event {
		e := Event{ID: rapid.StringMatching(`[a-f]`).Draw(t, "id"), Kind: Kind(rapid.IntRange(0, 4).Draw(t, "kind")), Source: Source(rapid.IntRange(0, 3).Draw(t, "source")),
			Money: rapid.StringMatching(`[m-p]`).Draw(t, "money"), Amount: amount.Of(rapid.SampledFrom([]uint64{100, 100, 30, 70}).Draw(t, "amount")),
			Currency: rapid.SampledFrom([]string{"EUR", "EUR", "EUR", "USD"}).Draw(t, "ccy"), At: march}
		if e.Kind == Decided {
			e.Conflict, e.Accept = rapid.IntRange(0, 3).Draw(t, "at"), rapid.Bool().Draw(t, "accept")
		}
		return e
	})
	rapid.Check(t, func(t *rapid.T) {
		a, _ := New("a1", "card", "", "EUR", amount.Of(100), march)
		var in, out uint64
		posted := map[string]bool{}
		var told []Event
		for _, e := range rapid.SliceOfN(event, 0, 25).Draw(t, "events") {
			next, o, err := a.Apply(e)
			if err != nil {
				continue
			}
			told = append(told, e)
			for _, p := range o.Postings {
				key := fmt.Sprint(p.Money, p.Back)
				if posted[key] {
					t.Fatalf("%s was posted twice", key)
				}
				posted[key] = true
				if p.Back {
					out += p.Amount.Lo
				} else {
					in += p.Amount.Lo
				}
			}
			b := next.Append(nil)
			if a, err = Decode(b); err != nil || !reflect.DeepEqual(a, next) {
				t.Fatalf("stored and read it is another: %v\n%+v\n%+v", err, a, next)
			}
		}
		if a.Confirmed != amount.Of(in) || a.Returned != amount.Of(out) || out > in || (a.State == Refunded) != (in > 0 && in == out) {
			t.Fatalf("%s %s %s, posted %d and %d", a.State, a.Confirmed, a.Returned, in, out)
		}
		for _, e := range told {
			if (e.Kind == Paid || e.Kind == Returned) && !posted[fmt.Sprint(e.Money, e.Kind == Returned)] && !accounted(&a, e) {
				t.Fatalf("%+v is nowhere in %+v", e, a)
			}
			if again, o, err := a.Apply(e); err != nil || !o.Again || !reflect.DeepEqual(again, a) {
				t.Fatalf("told again: %+v %v", o, err)
			}
		}
	})
}

func accounted(a *Attempt, e Event) bool {
	for _, c := range a.Conflicts {
		if c.Money == e.Money && c.Kind == e.Kind {
			return true
		}
	}
	m := a.movement(e.Money, e.Kind == Returned)
	return m != nil && m.waits
}

// Events that agree with each other lead to one end in every order, however often each is told.
func TestOrderDoesNotMatter(t *testing.T) {
	events := []Event{{ID: "s", Kind: Submitted, At: march}, paid("p", "m", 100), back("r", "x", 30), back("u", "y", 20)}
	events[2].Source = Asked
	r := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		a := attempt(t)
		order := append(append([]Event{}, events...), events...)
		r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		var sum int
		for _, e := range order {
			next, out, err := a.Apply(e)
			if err != nil {
				t.Fatal(err)
			}
			sum += len(out.Postings)
			a = next
		}
		if a.State != Confirmed || a.Left() != amount.Of(50) || sum != 3 || len(a.Conflicts) != 0 {
			t.Fatalf("%+v", a)
		}
	}
}

func FuzzDecode(f *testing.F) {
	a := attempt(f)
	a, _, _ = a.Apply(back("r", "x", 3))
	a, _, _ = a.Apply(paid("p", "m", 7))
	f.Add(a.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := Decode(b)
		if err != nil {
			if !edge.IsKind(err, edge.Corrupt) {
				t.Fatal(err)
			}
			return
		}
		if again, err := Decode(a.Append(nil)); err != nil || !reflect.DeepEqual(again, a) {
			t.Fatalf("%v\n%+v\n%+v", err, a, again)
		}
	})
}

// The bytes of version 1, as they will be found on disks for years.
func TestStoredFormat(t *testing.T) {
	a := attempt(t)
	a, _, _ = a.Apply(back("r", "x", 3))
	a, _, _ = a.Apply(paid("p", "m", 7))
	const want = "01" + "01" + "026131" + "0463617264" + "00" + "03455552" + // version, pending, id, gateway, no reference, currency
		"0064" + "0000" + "0000" + "80c89f9a0d00" + // asked, confirmed, returned (high, low), since (seconds, nanoseconds)
		"01" + "03000100" + "0170" + "016d" + "03455552" + "0007" + "80c89f9a0d00" + // one conflict
		"02" + "03" + "0178" + "0003" + "00" + "016d" + "0007" + "02" // two movements, two events of 16 bytes
	if got := fmt.Sprintf("%x", a.Append(nil)); !strings.HasPrefix(got, want) {
		t.Errorf("%s\nwant it to begin with\n%s", got, want)
	}
}

func TestReference(t *testing.T) {
	for n, want := range map[uint64]string{0: "RF04000000000000", 539007547034: "RF18539007547034", MaxNumber: "RF39999999999999"} {
		if ref, err := Reference(n); err != nil || ref != want {
			t.Errorf("%d is %s, %v; want %s", n, ref, err, want)
		}
	}
	if _, err := Reference(MaxNumber + 1); !edge.IsKind(err, edge.Invalid) {
		t.Error(err)
	}
	for _, typed := range []string{"RF18 5390 0754 7034", "rf18-539007547034", "18539007547034", "RF١٨ ٥٣٩٠ ٠٧٥٤ ٧٠٣٤", "۱۸۵۳۹۰۰۷۵۴۷۰۳۴"} {
		if ref, err := ParseReference(typed); err != nil || ref != "RF18539007547034" || Spaced(ref) != "RF18 5390 0754 7034" {
			t.Errorf("%s is %s, %v", typed, ref, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		ref, _ := Reference(rapid.Uint64Range(0, MaxNumber).Draw(t, "n"))
		if got, err := ParseReference(Spaced(ref)); err != nil || got != ref || !IsReference(ref) {
			t.Fatal(got, err)
		}
		i := rapid.IntRange(2, len(ref)-1).Draw(t, "place")
		wrong := []byte(ref)
		wrong[i] = '0' + (wrong[i]-'0'+byte(rapid.IntRange(1, 9).Draw(t, "by")))%10
		if IsReference(string(wrong)) || IsReference(ref[:15]) || IsReference(ref+"0") {
			t.Fatalf("%s is a reference", wrong)
		}
		if got, err := ParseReference(string(wrong)); err == nil {
			t.Fatalf("%s was taken for %s", wrong, got)
		}
		swapped := []byte(ref)
		if i+1 < len(ref) && ref[i] != ref[i+1] {
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			if got, err := ParseReference(string(swapped)); err == nil {
				t.Fatalf("%s was taken for %s", swapped, got)
			}
		}
	})
}

// A transfer at the bank finds its attempt, once, however often the file is read.
func TestByBank(t *testing.T) {
	ref, _ := Reference(7)
	a, _ := New("a1", "bank", ref, "EUR", amount.Of(1250), march)
	done, _, _ := a.Apply(paid("z", "z", 1250))
	entries := []bankfile.Entry{
		{Booked: march, Amount: amount.Signed{Amount: amount.Of(1250)}, Remittance: "for the roof " + Spaced(ref)},
		{Booked: march, Amount: amount.Signed{Amount: amount.Of(1250)}, Reference: "B-2"},
	}
	items := Items([]Attempt{a, done})
	found := bankfile.Match(entries, items, 5)
	if len(items) != 1 || len(found.Pairs) != 1 || found.Pairs[0].Entries[0] != 0 {
		t.Fatalf("%+v", found)
	}
	e := FromEntry("entry-0", "EUR", &entries[0])
	a, out, err := a.Apply(e)
	if err != nil || len(out.Postings) != 1 || a.State != Confirmed {
		t.Fatal(out, err)
	}
	if _, out, err = a.Apply(FromEntry("entry-0", "EUR", &entries[0])); err != nil || !out.Again {
		t.Fatal(out, err)
	}
}

// An entry is the same one whatever the bank changes in its words, and another one where day, amount or reference differ.
// A number within one statement is no reference.
func TestEntryKey(t *testing.T) {
	base := bankfile.Entry{Booked: march, Amount: amount.Signed{Amount: amount.Of(1250)}, Reference: "B-1", Remittance: "roof"}
	with := func(f func(*bankfile.Entry)) string { e := base; f(&e); return EntryKey(&e) }
	for name, c := range map[string]struct {
		change func(*bankfile.Entry)
		same   bool
	}{
		"words":     {func(e *bankfile.Entry) { e.Remittance, e.Counterparty, e.EndToEnd = "other", "A", "x" }, true},
		"hour":      {func(e *bankfile.Entry) { e.Booked = e.Booked.Add(time.Hour) }, true},
		"day":       {func(e *bankfile.Entry) { e.Booked = e.Booked.Add(24 * time.Hour) }, false},
		"amount":    {func(e *bankfile.Entry) { e.Amount = e.Amount.Negated() }, false},
		"reference": {func(e *bankfile.Entry) { e.Reference = "B-2" }, false},
		"number":    {func(e *bankfile.Entry) { e.Local = true }, false},
	} {
		if got := with(c.change) == EntryKey(&base); got != c.same {
			t.Errorf("another %s: the same is %v", name, got)
		}
	}
	local := func(number, text string) string {
		return with(func(e *bankfile.Entry) { e.Local, e.Reference, e.Remittance = true, number, text })
	}
	if local("1", "a") != local("2", "a") || local("1", "a") == local("1", "b") {
		t.Error("a number within a statement makes an entry another one, or hides one")
	}
}
