package ledger

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// Kinds of funds with a meaning of their own here. Money of members is trusted to the house (amanah); what was endowed
// (waqf) is never spent.
const (
	fundAmanah = "amanah"
	fundCorpus = "waqf_corpus"
)

var fundPattern = regexp.MustCompile(`^(?:amanah|general|zakat|fitr|fidya|qurban|qard_pool|charity|purification|building|(?:sadaqah|waqf_corpus|waqf_yield):[a-z0-9][a-z0-9-]{0,39})$`)

// fundKind is the part of a fund's name before the label.
func fundKind(id string) string {
	kind, _, _ := strings.Cut(id, ":")
	return kind
}

// A fundRow describes a fund. Funds without a label need none.
type fundRow struct {
	Name      string     `json:"name"`
	Purpose   string     `json:"purpose,omitempty"`
	Public    bool       `json:"public,omitempty"`
	Ends      *time.Time `json:"ends,omitempty"`
	ToGeneral bool       `json:"rest_to_general,omitempty"`
	Goal      string     `json:"goal,omitempty"`
	GoalAsset string     `json:"goal_asset,omitempty"`
	Allowed   []string   `json:"allowed,omitempty"`
	Opened    time.Time  `json:"opened"`
	Version   uint64     `json:"version"`
}

// findFund fails with NotFound where there is no such fund. Those without a label are there from the beginning.
func findFund(v edge.View, id string) (f fundRow, err error) {
	if fundPattern.MatchString(id) {
		row, found, err := get(v, textKey(rowFund, id))
		switch {
		case err != nil:
			return f, err
		case found:
			if err := json.Unmarshal(row, &f); err != nil {
				return f, edge.E(edge.Corrupt, "a fund cannot be read: %w", err)
			}
			return f, nil
		case !strings.Contains(id, ":"):
			return fundRow{Name: id}, nil
		}
	}
	return f, edge.E(edge.NotFound, "there is no fund %q here", clip(id, 60)).WithHint("open the fund first").WithCode(CodeFund)
}

func (f fundRow) message(id string) *walletv1.Fund {
	m := &walletv1.Fund{Id: id, Name: f.Name, Purpose: f.Purpose, Public: f.Public, RestToGeneral: f.ToGeneral, Goal: f.Goal, GoalAsset: f.GoalAsset, Version: f.Version, Allowed: f.Allowed}
	if f.Ends != nil {
		m.Ends = timestamppb.New(*f.Ends)
	}
	if !f.Opened.IsZero() {
		m.Opened = timestamppb.New(f.Opened)
	}
	return m
}

func putFund(tx edge.Tx, in *walletv1.PutFundRequest) (*walletv1.Fund, error) {
	id := in.GetId()
	if !fundPattern.MatchString(id) {
		return nil, invalid("there is no such kind of fund").WithHint("use one of general, zakat, sadaqah:<name>, waqf_corpus:<name>, ...")
	}
	old, err := findFund(tx, id)
	if err != nil && !edge.IsKind(err, edge.NotFound) {
		return nil, err
	}
	if old.Version != in.GetIfVersion() {
		return nil, edge.E(edge.Conflict, "the fund was changed meanwhile").WithHint("look at it again, then change it").WithCode(CodeExists, fact("version", formatUint(old.Version)))
	}
	f := fundRow{Name: in.GetName(), Purpose: in.GetPurpose(), Public: in.GetPublic(), ToGeneral: in.GetRestToGeneral(), Goal: in.GetGoal(), GoalAsset: in.GetGoalAsset(),
		Allowed: in.GetAllowed(), Opened: old.Opened, Version: old.Version + 1}
	if f.Opened.IsZero() {
		f.Opened = tx.Now()
	}
	if t := in.GetEnds(); t != nil {
		if !t.IsValid() {
			return nil, invalid("the end of the fund is no time")
		}
		ends := t.AsTime()
		f.Ends = &ends
	}
	if err := f.checkGoal(tx); err != nil {
		return nil, err
	}
	if err := setJSON(tx, textKey(rowFund, id), f); err != nil {
		return nil, err
	}
	emit(tx, EventFund, "fund:"+id, edge.SiteOnly, map[string]any{"fund": id, "version": f.Version})
	return fundMessage(tx, id, f)
}

func (f fundRow) checkGoal(v edge.View) error {
	if f.Goal == "" && f.GoalAsset == "" {
		return nil
	}
	if _, err := amount.Parse(f.Goal); err != nil {
		return err
	}
	_, err := findAsset(v, f.GoalAsset)
	return err
}

func setJSON(tx edge.Tx, k []byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return edge.E(edge.Internal, "a row cannot be written: %w", err)
	}
	tx.Set(k, b)
	return nil
}

// fundMessage shows a fund with what is in it.
func fundMessage(v edge.View, id string, f fundRow) (*walletv1.Fund, error) {
	m := f.message(id)
	err := eachTotal(v, func(u universe, t *totals) {
		if u.fund == id {
			m.Totals = append(m.Totals, t.message(u.asset))
		}
	})
	return m, err
}

// eachTotal goes over the totals of all currencies and funds, which are few.
func eachTotal(v edge.View, f func(universe, *totals)) error {
	under := key(rowTotal)
	for k, row := range v.Scan(under) {
		asset, fund, _ := strings.Cut(string(k[len(under):]), "/")
		var t totals
		if err := decodeTotals(row, &t); err != nil {
			return err
		}
		f(universe{asset, fund}, &t)
	}
	return v.Err()
}

// message shows totals as people look at them: what is held is debits, what came in is credits.
func (t *totals) message(asset string) *walletv1.FundTotal {
	owed, _ := t.by[member].Add(t.by[payable])
	owed, _ = owed.Add(t.by[escrow])
	return &walletv1.FundTotal{Asset: asset, Held: t.held().String(), Owed: owed.String(), Income: t.by[income].String(),
		Spent: t.by[expense].Negated().String(), Pending: t.arriving.String()}
}

func getFund(v edge.View, in *walletv1.GetFundRequest) (*walletv1.Fund, error) {
	f, err := findFund(v, in.GetId())
	if err != nil {
		return nil, err
	}
	return fundMessage(v, in.GetId(), f)
}

// listFunds lists the funds that were opened or hold anything.
func listFunds(v edge.View, _ *walletv1.ListFundsRequest) (*walletv1.ListFundsResponse, error) {
	by := map[string]*walletv1.Fund{}
	under := key(rowFund)
	for k, row := range v.Scan(under) {
		var f fundRow
		if err := json.Unmarshal(row, &f); err != nil {
			return nil, edge.E(edge.Corrupt, "a fund cannot be read: %w", err)
		}
		id := string(k[len(under):])
		by[id] = f.message(id)
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	err := eachTotal(v, func(u universe, t *totals) {
		if by[u.fund] == nil {
			by[u.fund] = fundRow{Name: u.fund}.message(u.fund)
		}
		by[u.fund].Totals = append(by[u.fund].Totals, t.message(u.asset))
	})
	out := &walletv1.ListFundsResponse{}
	for _, id := range slices.Sorted(maps.Keys(by)) {
		out.Funds = append(out.Funds, by[id])
	}
	return out, err
}
