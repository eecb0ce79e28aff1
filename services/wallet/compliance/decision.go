package compliance

import (
	"encoding/binary"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/shariah"
	"github.com/aielon/edge/services/wallet/shariah/mcc"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// Codes of refusals, for programs.
const (
	CodeDecision = "decision_not_found"
	CodeReview   = "review_not_found"
	CodeFull     = "reviews_full"
	CodeDecided  = "already_decided"
	CodeApproval = ledger.CodeApproval
)

// EventDecided tells what rules said: {"decisions":[{"id":...,"act":"DENY","rule":"MCC-D"}],"set":"aaoifi-core","version":1}.
const EventDecided = "wallet.decided"

// decisions is how many are kept; what was decided before is in the site's journal.
var decisions = series{rowDecided, 100_000}

// A decisionRow is a decision as it is kept.
type decisionRow struct {
	n    uint64 // within the series
	time time.Time
	by   string // who asked for what was decided on
	what shariah.Decision
}

func (r *decisionRow) append(b []byte) []byte {
	b = binary.AppendUvarint(append(b, 1), r.n)
	b = binary.BigEndian.AppendUint64(b, uint64(r.time.UnixNano()))
	b = append(binary.AppendUvarint(b, uint64(len(r.by))), r.by...)
	return r.what.Append(b)
}

func decodeDecision(row []byte) (r decisionRow, err error) {
	bad := edge.E(edge.Corrupt, "a decision cannot be read").WithHint("restore the node from another one or a backup")
	if len(row) < 2 || row[0] != 1 {
		return r, bad
	}
	n, w := binary.Uvarint(row[1:])
	if rest := row[1:]; w > 0 && len(rest) >= w+9 {
		r.n, r.time = n, time.Unix(0, int64(binary.BigEndian.Uint64(rest[w:]))).UTC()
		rest = rest[w+8:]
		if size, w := binary.Uvarint(rest); w > 0 && size <= uint64(len(rest)-w) {
			r.by = string(rest[w : w+int(size)])
			r.what, err = shariah.DecodeDecision(rest[w+int(size):])
			return r, err
		}
	}
	return r, bad
}

func loadDecision(v edge.View, id edge.ID) (r decisionRow, err error) {
	row, found, err := get(v, idKey(rowDecision, id))
	if err != nil {
		return r, err
	}
	if !found {
		return r, edge.E(edge.NotFound, "the rules had nothing to say about that, or it was too long ago").
			WithHint("only what was denied, held or remarked on is kept").WithCode(CodeDecision, fact("id", id.String()))
	}
	return decodeDecision(row)
}

// keep writes decisions, and reviews of those that want one.
func (s *Service) keep(tx edge.Tx, set *shariah.Compiled, all []decided) error {
	if len(all) == 0 {
		return nil
	}
	type line struct {
		ID   string `json:"id"`
		Act  string `json:"act"`
		Rule string `json:"rule"`
	}
	var told struct {
		Decisions []line `json:"decisions"`
		Set       string `json:"set"`
		Version   uint32 `json:"version"`
	}
	told.Set, told.Version = set.Name()
	for _, d := range all {
		if err := keepDecision(tx, d); err != nil {
			return err
		}
		told.Decisions = append(told.Decisions, line{d.id.String(), d.what.Act.String(), d.what.Rule})
		if !d.review {
			continue
		}
		if err := openReview(tx, reviewRow{ID: d.id, Subject: walletv1.ReviewSubject_HELD_TRANSFER}); err != nil {
			return err
		}
	}
	emit(tx, EventDecided, "compliance", edge.Personal, told)
	return nil
}

func keepDecision(tx edge.Tx, d decided) error {
	n, old, gone, err := decisions.add(tx, d.id)
	if err != nil {
		return err
	}
	r := decisionRow{n: n, time: tx.Now(), by: tx.Actor().ID, what: d.what}
	tx.Set(idKey(rowDecision, d.id), r.append(nil))
	if gone == 0 || old.IsZero() {
		return nil
	}
	if was, err := loadDecision(tx, old); err == nil && was.n == gone {
		tx.Delete(idKey(rowDecision, old))
	}
	return nil
}

// message shows a decision in a language.
func (s *Service) message(v edge.View, id edge.ID, r decisionRow, lang string) (*walletv1.RuleDecision, error) {
	set, err := s.setOf(v, r.what.SetName, r.what.SetVersion)
	if err != nil {
		return nil, err
	}
	what, _ := set.Recall(r.what)
	m := &walletv1.RuleDecision{Id: id.String(), Act: walletv1.RuleAct(what.Act), Rule: what.Rule, SetName: what.SetName, SetVersion: what.SetVersion, Facts: factsOf(what.Facts),
		ToFund: what.To.String(), Text: what.Text(lang), Language: language(lang), Time: timestamppb.New(r.time), Actor: r.by}
	for _, n := range what.Notes {
		m.Notes = append(m.Notes, &walletv1.RuleNote{Rule: n.Rule, Facts: factsOf(n.Facts), Text: n.Text(lang)})
	}
	return m, nil
}

func factsOf(facts []edge.Fact) (out []*walletv1.RuleFact) {
	for _, f := range facts {
		out = append(out, &walletv1.RuleFact{Name: f.Name, Value: f.Value})
	}
	return out
}

// language is the one of the five that a text is in.
func language(asked string) string {
	switch lang, _, _ := strings.Cut(asked, "-"); lang {
	case "id", "ms", "ur", "ar":
		return lang
	}
	return "en"
}

func (s *Service) getDecision(v edge.View, in *walletv1.GetDecisionRequest) (*walletv1.RuleDecision, error) {
	id, err := ledger.ParseID(in.GetId())
	if err != nil {
		return nil, err
	}
	r, err := loadDecision(v, id)
	if err != nil {
		return nil, err
	}
	return s.message(v, id, r, in.GetLanguage())
}

func (s *Service) listDecisions(v edge.View, in *walletv1.ListDecisionsRequest) (*walletv1.ListDecisionsResponse, error) {
	p, err := newPage("wallet.decisions", in.GetPageSize(), in.GetPageToken())
	if err != nil {
		return nil, err
	}
	out := &walletv1.ListDecisionsResponse{}
	for row, err := range p.rows(v, rowDecided, &out.NextPageToken) {
		if err != nil {
			return nil, err
		}
		id := edge.ID(row)
		r, err := loadDecision(v, id)
		if edge.IsKind(err, edge.NotFound) { // it was decided on again since, and that was too long ago
			continue
		} else if err != nil {
			return nil, err
		}
		m, err := s.message(v, id, r, in.GetLanguage())
		if err != nil {
			return nil, err
		}
		out.Decisions = append(out.Decisions, m)
	}
	return out, nil
}

// screenMcc says what the set in force makes of a kind of merchant, by itself.
func (s *Service) screenMcc(v edge.View, in *walletv1.ScreenMccRequest) (*walletv1.MccVerdict, error) {
	code, err := mcc.Parse(in.GetMcc())
	if err != nil {
		return nil, err
	}
	set, err := s.inForce(v)
	if err != nil {
		return nil, err
	}
	what := set.Decide(&shariah.Facts{MCC: code, Purpose: shariah.Purchase, From: own, To: own})
	sells, _ := mcc.Name(code)
	return &walletv1.MccVerdict{Mcc: code.String(), Sells: sells, Act: walletv1.RuleAct(what.Act), Rule: what.Rule, SetName: what.SetName, SetVersion: what.SetVersion, Text: what.Text(in.GetLanguage())}, nil
}

// DecisionOwner is who asked for what was decided on; empty where there is no such decision.
func (s *Service) DecisionOwner(v edge.View, id string) (string, error) {
	x, err := ledger.ParseID(id)
	if err != nil || id == "" {
		return "", nil
	}
	r, err := loadDecision(v, x)
	if edge.IsKind(err, edge.NotFound) {
		return "", nil
	}
	return r.by, err
}
