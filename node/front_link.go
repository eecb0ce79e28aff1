package node

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aielon/edge/node/api/nodev1"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/state"
	"github.com/aielon/edge/sync/uplink"
)

// A linkRow is what was set in the portal of how the link is used. What is nil is as the file says.
type linkRow struct {
	Profile     *string   `json:"profile,omitempty"`
	DayBudget   *Bytes    `json:"day_budget,omitempty"`
	MonthBudget *Bytes    `json:"month_budget,omitempty"`
	BulkWindow  *string   `json:"bulk_window,omitempty"`
	Changed     time.Time `json:"changed,omitzero"`
	By          string    `json:"by,omitempty"`
}

var linkSettingsKey = []byte("link/settings")

func (n *Node) linkRow() (row linkRow, err error) {
	v := n.readings.View()
	defer v.Close()
	row, _, err = load[linkRow](v, linkSettingsKey)
	return row, err
}

// over is the file's section with what was set in the portal over it.
func (r linkRow) over(c UplinkConfig) UplinkConfig {
	override(&c.Profile, r.Profile)
	override(&c.DayBudget, r.DayBudget)
	override(&c.MonthBudget, r.MonthBudget)
	override(&c.BulkWindow, r.BulkWindow)
	return c
}

func override[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// tightest is the smaller of two budgets, of which 0 is none.
func tightest(own, hub Bytes) Bytes {
	if own == 0 || hub != 0 && hub < own {
		return hub
	}
	return own
}

// uplinkConfig is how the link is to be used: the file, over it the portal; the hub may make budgets smaller. A row
// that cannot be read counts as none, because the link must go on.
func (n *Node) uplinkConfig() UplinkConfig {
	row, err := n.linkRow()
	if err != nil {
		n.log.Error("the settings of the link cannot be read: the file's count", "error", err)
		row = linkRow{}
	}
	c, asked := row.over(n.cfg.Uplink), n.desired.settings()
	c.DayBudget, c.MonthBudget = tightest(c.DayBudget, asked.DayBudget), tightest(c.MonthBudget, asked.MonthBudget)
	return c
}

func (n *Node) getLinkSettings(context.Context, *nodev1.GetLinkSettingsRequest) (*nodev1.LinkSettings, error) {
	row, err := n.linkRow()
	if err != nil {
		return nil, err
	}
	file, asked := n.cfg.Uplink, n.desired.settings()
	out := &nodev1.LinkSettings{By: row.By, Changed: stamp(row.Changed),
		Profile:     linkSetting(file.Profile, row.Profile),
		DayBudget:   linkBudget(file.DayBudget, row.DayBudget, asked.DayBudget),
		MonthBudget: linkBudget(file.MonthBudget, row.MonthBudget, asked.MonthBudget),
		BulkWindow:  linkSetting(file.BulkWindow, row.BulkWindow)}
	if u := n.up.get(); u != nil {
		st := u.Status()
		addPolicy(out, st.Given, st.Budget)
	}
	return out, nil
}

const (
	fromFile   = "file"
	fromPortal = "portal"
	fromHub    = "hub"
)

func linkSetting(file string, portal *string) *nodev1.LinkSetting {
	s := &nodev1.LinkSetting{Value: file, From: fromFile, File: file, Portal: portal}
	if portal != nil {
		s.Value, s.From = *portal, fromPortal
	}
	return s
}

func linkBudget(file Bytes, portal *Bytes, hub Bytes) *nodev1.LinkSetting {
	var set *string
	own := file
	if portal != nil {
		own = *portal
		text := own.String()
		set = &text
	}
	s := linkSetting(file.String(), set)
	if hub != 0 {
		s.Hub = hub.String()
	}
	if t := tightest(own, hub); t != own {
		s.Value, s.From = t.String(), fromHub
	}
	return s
}

// addPolicy adds what the hub said in this session of the use of the link, where that made a difference.
func addPolicy(out *nodev1.LinkSettings, given, b uplink.Budget) {
	if b.Month != given.Month {
		s := out.GetMonthBudget()
		s.Hub = Bytes(b.Month).String()
		s.Value, s.From = s.Hub, fromHub
	}
	if w := b.Windows[edge.Bulk]; len(given.Windows[edge.Bulk]) == 0 && len(w) > 0 {
		s := out.GetBulkWindow()
		s.Hub = clockText(w[0].From) + "-" + clockText(w[0].To)
		s.Value, s.From = s.Hub, fromHub
	}
}

func clockText(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Hours())%24, int(d.Minutes())%60)
}

// setLinkSettings keeps what the portal says and begins the link anew with it.
func (n *Node) setLinkSettings(ctx context.Context, in *nodev1.SetLinkSettingsRequest) (*nodev1.LinkSettings, error) {
	row := linkRow{Profile: in.Profile, BulkWindow: in.BulkWindow, Changed: n.keys.trust.Now(), By: call.From(ctx).Caller.ID}
	if err := cmp.Or(readBudget("day_budget", in.DayBudget, &row.DayBudget), readBudget("month_budget", in.MonthBudget, &row.MonthBudget)); err != nil {
		return nil, err
	}
	c := n.cfg
	c.Uplink = row.over(c.Uplink)
	var wrong *badSetting
	if err := checkUplink(c); errors.As(err, &wrong) {
		return nil, edge.E(edge.Invalid, "%s: %s", wrong.key[len("uplink."):], wrong.err.Msg)
	} else if err != nil {
		return nil, err
	}
	b, err := json.Marshal(row)
	if err != nil {
		return nil, edge.E(edge.Internal, "the settings of the link cannot be written: %w", err)
	}
	if err := n.readings.Commit(ctx, func(out *state.Batch) { out.Set(linkSettingsKey, b) }); err != nil {
		return nil, err
	}
	n.up.restart()
	return n.getLinkSettings(ctx, nil)
}

// readBudget reads a size in the words of the file; nil stays nil.
func readBudget(name string, text *string, to **Bytes) error {
	if text == nil {
		return nil
	}
	b := new(Bytes)
	if err := b.UnmarshalText([]byte(*text)); err != nil {
		return edge.E(edge.Invalid, `%s: %q is not a size: write it like "64MiB", or "0" for no limit`, name, *text)
	}
	*to = b
	return nil
}
