package uplink

import (
	"fmt"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A Window is a time of day on some days of the week, in the node's local time.
type Window struct {
	Days     uint8         // bit 0 is Sunday; 0: every day
	From, To time.Duration // since midnight; To at or before From ends on the next day
}

// holds reports whether t lies in the window.
func (w Window) holds(t time.Time) bool {
	day := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
	if w.From < w.To {
		return w.on(t.Weekday()) && day >= w.From && day < w.To
	}
	return w.on(t.Weekday()) && day >= w.From || w.on((t.Weekday()+6)%7) && day < w.To
}

func (w Window) on(d time.Weekday) bool { return w.Days == 0 || w.Days&(1<<d) != 0 }

// A Budget says how much of the link may be used, and when. Bytes are counted as the network operator
// does: both ways, with IP and UDP headers. A zero field does not limit.
type Budget struct {
	Day     uint64                    // bytes a day until which classes 4 to 6 may send
	Month   uint64                    // bytes a month until which classes 4 to 6 may send
	Reserve uint64                    // bytes beyond Month (or Day) that classes 2 and 3 may still use; 0: no end. Critical always goes
	Windows map[edge.Urgency][]Window // when a class may send; none: always
}

// Validate fails with Invalid on windows outside a day or for classes that may not be held back.
func (b Budget) Validate() error {
	for c, ws := range b.Windows {
		if c < edge.Community || !c.Valid() {
			return edge.E(edge.Invalid, "%v records may not be held back by a window", c).WithHint("windows are for community, telemetry and bulk")
		}
		for _, w := range ws {
			if w.From < 0 || w.From >= 24*time.Hour || w.To < 0 || w.To > 24*time.Hour {
				return edge.E(edge.Invalid, "a window from %v to %v is not within a day", w.From, w.To)
			}
		}
	}
	return nil
}

// spent is the durable part of a meter.
type spent struct {
	Day        string `json:"day"` // "2026-11-22", local
	DayBytes   uint64 `json:"day_bytes"`
	Month      string `json:"month"`
	MonthBytes uint64 `json:"month_bytes"`
}

// A meter counts bytes against a budget. It is not safe for concurrent use.
type meter struct {
	budget Budget
	spent  spent
}

// roll starts a new day or month when one has begun. The clock may jump: a day that is not the same is a
// new day, also when it lies in the past, so that a clock set to 1970 does not lock the link.
func (m *meter) roll(now time.Time) {
	if d := now.Format(time.DateOnly); d != m.spent.Day {
		m.spent.Day, m.spent.DayBytes = d, 0
	}
	if mo := now.Format("2006-01"); mo != m.spent.Month {
		m.spent.Month, m.spent.MonthBytes = mo, 0
	}
}

func (m *meter) add(now time.Time, bytes uint64) {
	m.roll(now)
	m.spent.DayBytes += bytes
	m.spent.MonthBytes += bytes
}

// left is how many bytes a class may still use now; limited false: without end.
func (m *meter) left(now time.Time, class edge.Urgency) (n uint64, limited bool) {
	m.roll(now)
	if class == edge.Critical || class <= edge.Care && m.budget.Reserve == 0 {
		return 0, false
	}
	for _, x := range [...]struct{ limit, used uint64 }{{m.budget.Day, m.spent.DayBytes}, {m.budget.Month, m.spent.MonthBytes}} {
		if x.limit == 0 {
			continue
		}
		if class <= edge.Care {
			x.limit += m.budget.Reserve
		}
		rest := x.limit - min(x.used, x.limit)
		if !limited || rest < n {
			n, limited = rest, true
		}
	}
	return n, limited
}

// may reports whether class may send now, and otherwise why not, in words for a page, and until when.
func (m *meter) may(now time.Time, class edge.Urgency) (ok bool, why string, until time.Time) {
	if n, limited := m.left(now, class); limited && n == 0 {
		if m.budget.Month > 0 && m.spent.MonthBytes >= m.limit(m.budget.Month, class) {
			return false, "this month's data budget is used up", startOfMonth(now)
		}
		return false, "today's data budget is used up", startOfDay(now, 1)
	}
	if ws := m.budget.Windows[class]; len(ws) > 0 && !inWindows(ws, now) {
		next := nextWindow(ws, now)
		return false, fmt.Sprintf("waits for its window at %s", next.Format("Mon 15:04")), next
	}
	return true, "", time.Time{}
}

func (m *meter) limit(budget uint64, class edge.Urgency) uint64 {
	if class <= edge.Care {
		return budget + m.budget.Reserve
	}
	return budget
}

func startOfDay(t time.Time, days int) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day()+days, 0, 0, 0, 0, t.Location())
}

func startOfMonth(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, t.Location())
}

func inWindows(ws []Window, t time.Time) bool {
	for _, w := range ws {
		if w.holds(t) {
			return true
		}
	}
	return false
}

// nextWindow is when the next window opens, at most eight days ahead. It asks each window's opening on
// each day and so gets daylight saving right, where adding 24 hours would not.
func nextWindow(ws []Window, now time.Time) time.Time {
	best := startOfDay(now, 8)
	for _, w := range ws {
		for day := range 8 {
			d := startOfDay(now, day)
			open := time.Date(d.Year(), d.Month(), d.Day(), 0, 0, int(w.From/time.Second), 0, now.Location())
			if w.on(d.Weekday()) && open.After(now) && open.Before(best) {
				best = open
			}
		}
	}
	return best
}

// closes is when the windows that are open at t close, at most a day ahead.
func closes(ws []Window, t time.Time) time.Time {
	end := t
	for end.Before(t.Add(24*time.Hour)) && inWindows(ws, end) {
		end = end.Add(time.Minute)
	}
	return end
}

// forecast is when waiting bytes of a class will have gone at rate bytes/s, given its windows and budget.
// It is zero where that lies more than 400 steps of window or budget ahead, or nothing moves.
func (m *meter) forecast(now time.Time, class edge.Urgency, waiting uint64, rate float64) time.Time {
	if waiting == 0 {
		return now
	}
	if rate <= 0 {
		return time.Time{}
	}
	sim := *m
	t := now
	for range 400 {
		ok, _, until := sim.may(t, class)
		if !ok {
			t = until
			continue
		}
		end := startOfDay(t, 1)
		if ws := m.budget.Windows[class]; len(ws) > 0 {
			end = earlier(end, closes(ws, t))
		}
		can := uint64(end.Sub(t).Seconds() * rate)
		if n, limited := sim.left(t, class); limited {
			can = min(can, n)
		}
		if can >= waiting {
			return t.Add(time.Duration(float64(waiting) / rate * 1e9))
		}
		waiting -= can
		sim.add(t, can)
		t = end
	}
	return time.Time{}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
