package alms

import (
	"encoding/json"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/hijri"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
	"github.com/aielon/edge/services/wallet/zakat"
)

const (
	maxDues  = 20
	maxLooks = 50 // people looked at by one command
)

// years are by person.
var years = book.Table{Prefix: "whaw/", What: "lunar year", Lost: "hawl_not_found"}

// declareWealth says what a person has beside their accounts, and begins to follow their lunar year.
func (a *Alms) declareWealth(tx edge.Tx, in *walletv1.DeclareWealthRequest) (*walletv1.HawlYear, error) {
	if err := book.CheckPerson(in.GetPerson()); err != nil {
		return nil, err
	}
	if in.GetStop() {
		years.Forget(tx, "", in.GetPerson())
		return &walletv1.HawlYear{Person: in.GetPerson()}, nil
	}
	if _, err := ledger.Scale(tx, in.GetAsset()); err != nil {
		return nil, err
	}
	s, err := findSet(in.GetSet())
	if err != nil {
		return nil, err
	}
	if _, err := assetsOf(in.GetWealth()); err != nil {
		return nil, err
	}
	h := &walletv1.HawlYear{}
	if _, err := years.Load(tx, in.GetPerson(), h); err != nil {
		return nil, err
	}
	if h.Asset != in.GetAsset() { // figures of another currency mean nothing here
		h = &walletv1.HawlYear{Person: in.GetPerson(), Asset: in.GetAsset()}
	}
	h.Set, h.Declared = s.String(), in.GetWealth()
	if err := a.look(tx, h, tx.Now()); err != nil {
		return nil, err
	}
	if h.Problem == ledger.CodeInvalid || h.Problem == amount.CodeInvalid {
		return nil, book.Invalid("the wealth cannot be reckoned with as it is").WithHint("look at the weights and the fineness of the metal")
	}
	return h, years.Save(tx, h.Person, h)
}

func getHawl(v edge.View, in *walletv1.GetHawlRequest) (*walletv1.HawlYear, error) {
	h := &walletv1.HawlYear{}
	return h, years.Find(v, in.GetPerson(), h)
}

// look observes the wealth of a person as it is now. Where it cannot be reckoned h says why, and waits for the next look.
func (a *Alms) look(tx edge.Tx, h *walletv1.HawlYear, now time.Time) error {
	err := a.observe(tx, h, now)
	h.Problem = ""
	switch edge.KindOf(err) {
	case edge.Invalid, edge.NotFound, edge.Refused:
		if err != nil {
			h.Problem = edge.CodeOf(err)
			return nil
		}
	}
	return err
}

func (a *Alms) observe(tx edge.Tx, h *walletv1.HawlYear, now time.Time) error {
	s, err := findSet(h.Set)
	if err != nil {
		return err
	}
	wealth, nisab, err := a.wealth(tx, s, h, now)
	if err != nil {
		return err
	}
	year, err := hawlOf(s, h)
	if err != nil {
		return err
	}
	day, err := hijri.FromTime(now, time.UTC)
	if err != nil {
		return err
	}
	next, complete, err := year.Observe(day, wealth, nisab)
	if err != nil {
		return err
	}
	for _, y := range complete {
		due, err := share(s, y.Wealth)
		if err != nil {
			return err
		}
		h.Dues = append(h.Dues, &walletv1.ZakatDue{Began: y.Began.String(), Due: y.Due.String(), Wealth: y.Wealth.String(), Zakat: due.String(), Paid: "0"})
		book.Emit(tx, EventDue, "person:"+h.Person, edge.Personal, map[string]any{"person": h.Person, "due": y.Due.String()})
	}
	h.Dues = h.Dues[max(0, len(h.Dues)-maxDues):]
	keepHawl(h, next)
	return nil
}

// wealth is what a person has, here and elsewhere, and the nisab of the day. What is below nothing counts as nothing.
func (a *Alms) wealth(v edge.View, s zakat.Set, h *walletv1.HawlYear, now time.Time) (wealth, nisab amount.Amount, err error) {
	has, err := assetsOf(h.Declared)
	if err != nil {
		return wealth, nisab, err
	}
	own, err := a.led.Owned(v, h.Person)
	if err != nil {
		return wealth, nisab, err
	}
	for _, x := range own {
		if !book.IsMember(x) || x.Asset != h.Asset || x.Posted.Neg {
			continue
		}
		var ok bool
		if has.Cash, ok = has.Cash.Add(x.Posted.Amount); !ok {
			return wealth, nisab, book.Invalid("the wealth is more than can be reckoned with")
		}
	}
	x, _, err := pricesOf(v, h.Asset)
	if err != nil {
		return wealth, nisab, err
	}
	r, err := zakat.Assess(s, has, x, zakat.LunarYear, now)
	if err != nil {
		return wealth, nisab, err
	}
	if !r.Total.Neg {
		wealth = r.Total.Amount
	}
	return wealth, r.Nisab, nil
}

// hawlOf reads a year as it was kept.
func hawlOf(s zakat.Set, h *walletv1.HawlYear) (y zakat.Hawl, err error) {
	y = zakat.Hawl{Rule: s.Hawl, Years: int(h.Years)}
	for _, x := range []struct {
		text string
		to   *hijri.Date
	}{{h.Since, &y.Since}, {h.Last, &y.Last}} {
		if x.text == "" {
			continue
		}
		if *x.to, err = hijri.Parse(x.text); err != nil {
			return y, edge.E(edge.Corrupt, "a lunar year cannot be read: %w", err)
		}
	}
	for _, x := range []struct {
		text string
		to   *amount.Amount
	}{{h.Lowest, &y.Lowest}, {h.Wealth, &y.Wealth}, {h.Nisab, &y.Nisab}} {
		if x.text == "" {
			continue
		}
		if *x.to, err = amount.Parse(x.text); err != nil {
			return y, edge.E(edge.Corrupt, "a lunar year cannot be read: %w", err)
		}
	}
	return y, nil
}

func keepHawl(h *walletv1.HawlYear, y zakat.Hawl) {
	h.Since, h.Next = "", ""
	if !y.Since.IsZero() {
		h.Since = y.Since.String()
	}
	if next, ok := y.Next(); ok {
		h.Next = next.String()
	}
	h.Years, h.Lowest, h.Wealth, h.Nisab, h.Last = int32(y.Years), y.Lowest.String(), y.Wealth.String(), y.Nisab.String(), y.Last.String()
}

// OpFollow is the command by which the node that leads has wealth looked at once a day. Only nodes may ask for it.
const OpFollow = "wallet.follow_hawl"

// A round is how far the looks of a day are.
type round struct {
	Day   string `json:"day"`
	After string `json:"after,omitempty"` // person looked at last
	Over  bool   `json:"over,omitempty"`
}

const roundRow = "wrnd/hawl"

func loadRound(v edge.View) (r round, err error) {
	row, err := v.Get([]byte(roundRow))
	if edge.IsKind(err, edge.NotFound) {
		return r, nil
	} else if err != nil {
		return r, err
	}
	if err := json.Unmarshal(row, &r); err != nil {
		return r, edge.E(edge.Corrupt, "how far looking at wealth is cannot be read: %w", err)
	}
	return r, nil
}

func today(now time.Time) string { return now.UTC().Format(time.DateOnly) }

// Waits reports whether people are still to be looked at on the day of now. It is false where nobody is followed.
func (a *Alms) Waits(v edge.View, now time.Time) (bool, error) {
	r, err := loadRound(v)
	if err != nil || r.Over && r.Day >= today(now) {
		return false, err
	}
	for _, err := range years.IDs(v, "", "") {
		return err == nil, err
	}
	return false, v.Err()
}

// A looked says how many people a command has looked at.
type looked struct {
	People int `json:"people"`
}

// follow looks at the next people of the day.
func (a *Alms) follow(tx edge.Tx, _ struct{}) (out looked, err error) {
	if k := tx.Actor().Kind; k != edge.Node && k != edge.Service {
		return out, edge.E(edge.Denied, "only a node of the site may ask for this")
	}
	r, err := loadRound(tx)
	if err != nil {
		return out, err
	}
	if day := today(tx.Now()); r.Day < day {
		r = round{Day: day}
	} else if r.Over {
		return out, nil
	}
	var next []string
	r.Over = true
	for id, err := range years.IDs(tx, "", r.After) {
		if err != nil {
			return out, err
		}
		if len(next) == maxLooks {
			r.Over = false
			break
		}
		next = append(next, id)
	}
	for _, person := range next {
		if err := a.lookAgain(tx, person); err != nil {
			return out, err
		}
		r.After = person
		out.People++
	}
	row, err := json.Marshal(r)
	if err != nil {
		return out, edge.E(edge.Internal, "how far looking at wealth is cannot be written: %w", err)
	}
	tx.Set([]byte(roundRow), row)
	return out, nil
}

// lookAgain looks at one person, and writes only what changed.
func (a *Alms) lookAgain(tx edge.Tx, person string) error {
	h := &walletv1.HawlYear{}
	if err := years.Find(tx, person, h); err != nil {
		return err
	}
	was := proto.Clone(h)
	if err := a.look(tx, h, tx.Now()); err != nil || proto.Equal(was, h) {
		return err
	}
	return years.Save(tx, person, h)
}
