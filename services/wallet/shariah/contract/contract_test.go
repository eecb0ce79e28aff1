package contract_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/shariah/contract"
)

func n(v uint64) amount.Amount { return amount.Of(v) }

func date(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

func TestQard(t *testing.T) {
	s, err := contract.NewQard(n(1000), n(5), n(5), contract.Terms{Count: 3, First: date(2026, 1, 31).Add(9 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	want := []contract.Instalment{{Due: date(2026, 1, 31), Amount: n(334)}, {Due: date(2026, 2, 28), Amount: n(333)}, {Due: date(2026, 3, 31), Amount: n(333)}}
	if !reflect.DeepEqual(s.Instalments, want) || s.Owed() != n(1000) || s.Remaining() != n(1000) {
		t.Errorf("%v", s.Instalments)
	}
	if late, _ := s.Late(date(2026, 1, 31)); !late.IsZero() {
		t.Errorf("late on the day itself: %s", late)
	}
	if late, since := s.Late(date(2026, 3, 1)); late != n(667) || since != date(2026, 1, 31) {
		t.Errorf("late by %s since %s", late, since)
	}
	if err := s.Pay(n(400)); err != nil || s.Remaining() != n(600) {
		t.Errorf("%v, %s remain", err, s.Remaining())
	}
	if late, since := s.Late(date(2026, 3, 1)); late != n(267) || since != date(2026, 2, 28) {
		t.Errorf("late by %s since %s", late, since)
	}
	if late, _ := s.Late(date(2036, 3, 1)); late != n(600) { // ten years add nothing
		t.Errorf("late by %s", late)
	}
	if err := s.Forgive(n(500)); err != nil {
		t.Error(err)
	}
	if late, _ := s.Late(date(2026, 3, 1)); late != n(100) {
		t.Errorf("late by %s after the rest was forgiven", late)
	}
	if err := s.Pay(n(101)); edge.CodeOf(err) != "overpaid" || s.Remaining() != n(100) {
		t.Errorf("%v, %s remain", err, s.Remaining())
	}
	if err := s.Pay(n(100)); err != nil || !s.Done() {
		t.Errorf("%v, %s remain", err, s.Remaining())
	}
	if err := s.Rebate(n(1), false); !edge.IsKind(err, edge.Invalid) {
		t.Errorf("a loan was rebated: %v", err)
	}
}

func TestMurabaha(t *testing.T) {
	s, err := contract.NewMurabaha(n(900), n(100), contract.Terms{Count: 4, First: date(2026, 5, 1)})
	if err != nil || s.Owed() != n(1000) {
		t.Fatalf("%v", err)
	}
	if err := s.Rebate(n(10), true); edge.CodeOf(err) != "shariah_mura_1" || s.Remaining() != n(1000) {
		t.Errorf("a promised rebate: %v", err)
	}
	if err := s.Pay(n(900)); err != nil {
		t.Error(err)
	}
	if err := s.Rebate(n(100), false); err != nil || !s.Done() || s.Owed() != n(1000) || s.Paid != n(900) {
		t.Errorf("%v, price %s, paid %s", err, s.Owed(), s.Paid)
	}
	if err := s.Forgive(n(1)); !edge.IsKind(err, edge.Invalid) {
		t.Errorf("a sale was forgiven: %v", err)
	}
	if err := s.Pay(n(0)); !edge.IsKind(err, edge.Invalid) {
		t.Errorf("nothing was paid: %v", err)
	}
}

func TestTermsThatAreRefused(t *testing.T) {
	first := date(2026, 5, 1)
	one := contract.Terms{Count: 1, First: first}
	if _, err := contract.NewQard(n(100), n(6), n(5), one); edge.CodeOf(err) != "shariah_riba_4" {
		t.Errorf("a fee above its cost: %v", err)
	}
	broken := errors.New("outside of the table")
	for name, tc := range map[string]contract.Terms{
		"none": {First: first}, "too many": {Count: contract.MaxInstalments + 1, First: first}, "more than units": {Count: 101, First: first}, "no day": {Count: 1},
		"days that stand": {Count: 2, First: first, Next: func(f time.Time, _ int) (time.Time, error) { return f, nil }},
	} {
		if _, err := contract.NewQard(n(100), n(0), n(0), tc); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := contract.NewQard(n(100), n(0), n(0), contract.Terms{Count: 2, First: first, Next: func(f time.Time, _ int) (time.Time, error) { return f, broken }}); !errors.Is(err, broken) {
		t.Errorf("a calendar that fails: %v", err)
	}
	for _, tc := range [][2]amount.Amount{{n(0), n(5)}, {amount.Max(), n(1)}} {
		if _, err := contract.NewMurabaha(tc[0], tc[1], one); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("cost %s and markup %s: %v", tc[0], tc[1], err)
		}
	}
	for name, tc := range map[string]struct {
		change func(*contract.Schedule)
		code   string
	}{
		"a loan with interest":  {func(s *contract.Schedule) { s.Instalments[0].Amount = n(101) }, "shariah_riba_1"},
		"a loan with less back": {func(s *contract.Schedule) { s.Instalments[0].Amount = n(99) }, "shariah_riba_1"},
		"a loan with a markup":  {func(s *contract.Schedule) { s.Markup = n(1) }, "shariah_riba_1"},
		"a price that rose":     {func(s *contract.Schedule) { s.Kind = contract.Murabaha; s.Instalments[0].Amount = n(101) }, "shariah_mura_1"},
		"a sale with a fee":     {func(s *contract.Schedule) { s.Kind, s.Fee = contract.Murabaha, n(1) }, "shariah_mura_1"},
		"no kind":               {func(s *contract.Schedule) { s.Kind = 0 }, "invalid_request"},
		"more paid than owed":   {func(s *contract.Schedule) { s.Paid, s.Forgave = n(60), n(41) }, "invalid_request"},
	} {
		s, _ := contract.NewQard(n(100), n(0), n(0), one)
		tc.change(s)
		if err := s.Validate(); edge.CodeOf(err) != tc.code {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := contract.Decode(s.Append(nil)); !edge.IsKind(err, edge.Corrupt) {
			t.Errorf("%s, stored: %v", name, err)
		}
	}
}

// Whatever is paid, forgiven and given, in whatever order: what remains and what was settled is what was owed, what is
// late is never more than what remains, the price stands, and what is written is read again.
func TestSettling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cost, markup := n(rapid.Uint64Range(1, 1e6).Draw(t, "cost")), n(rapid.Uint64Range(0, 1e5).Draw(t, "markup"))
		terms := contract.Terms{Count: rapid.IntRange(1, int(min(cost.Lo, 40))).Draw(t, "count"), First: date(2026, 1, rapid.IntRange(1, 31).Draw(t, "day"))}
		s, err := contract.NewMurabaha(cost, markup, terms)
		if rapid.Bool().Draw(t, "loan") {
			s, err = contract.NewQard(cost, n(0), n(0), terms)
		}
		if err != nil {
			t.Fatal(err)
		}
		owed := s.Owed()
		for range rapid.IntRange(0, 12).Draw(t, "steps") {
			before, a := *s, n(rapid.Uint64Range(0, owed.Lo).Draw(t, "amount"))
			err := []func() error{func() error { return s.Pay(a) }, func() error { return s.Forgive(a) }, func() error { return s.Rebate(a, false) }}[rapid.IntRange(0, 2).Draw(t, "step")]()
			rest, _ := before.Remaining().Sub(s.Remaining())
			if err != nil && !reflect.DeepEqual(before, *s) || err == nil && rest != a {
				t.Fatalf("%v: %s less than before for %s", err, rest, a)
			}
			on := date(2026, 1, 1).AddDate(0, rapid.IntRange(0, 50).Draw(t, "months"), 0)
			if late, since := s.Late(on); s.Remaining().Less(late) || late.IsZero() != since.IsZero() || s.Owed() != owed {
				t.Fatalf("late by %s since %s where %s remains of %s", late, since, s.Remaining(), s.Owed())
			}
			if last := s.Instalments[len(s.Instalments)-1].Due; s.Remaining() != amountLate(s, last.AddDate(0, 0, 1)) {
				t.Fatalf("%s remains, and %s is late after the last day", s.Remaining(), amountLate(s, last.AddDate(0, 0, 1)))
			}
		}
		data := s.Append(nil)
		back, err := contract.Decode(data)
		if err != nil || !reflect.DeepEqual(back, s) || !bytes.Equal(back.Append(nil), data) {
			t.Fatalf("read again: %+v, %v", back, err)
		}
	})
}

func amountLate(s *contract.Schedule, on time.Time) amount.Amount {
	late, _ := s.Late(on)
	return late
}

// The encoding is stored: it stays.
func TestEncoding(t *testing.T) {
	s, _ := contract.NewQard(n(300), n(1), n(2), contract.Terms{Count: 2, First: date(1970, 1, 3)})
	want := []byte{1, 1, 0, 0xac, 2, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 2, 2, 0, 0x96, 1, 31, 0, 0x96, 1}
	if got := s.Append(nil); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	for i := range want {
		if _, err := contract.Decode(want[:i]); !edge.IsKind(err, edge.Corrupt) {
			t.Errorf("%d bytes of it: %v", i, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{1, 1, 0, 0xac, 2, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 2, 2, 0, 0x96, 1, 31, 0, 0x96, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := contract.Decode(data); err == nil {
			if again := s.Append(nil); !bytes.Equal(again, data) {
				t.Errorf("%x is written as %x", data, again)
			}
			s.Late(date(2030, 1, 1))
		} else if !edge.IsKind(err, edge.Corrupt) {
			t.Error(err)
		}
	})
}
