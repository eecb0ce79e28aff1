package alms

import (
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/book"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
	"github.com/aielon/edge/services/wallet/zakat"
)

var cases = book.Table{Prefix: "wzca/", What: "case", Lost: CodeCase}

const maxOpen = 3 // cases of one person that are not over

// steps says from which states a case comes to one.
var steps = map[walletv1.CaseState][]walletv1.CaseState{
	walletv1.CaseState_CASE_ASSESSED:  {walletv1.CaseState_CASE_APPLIED, walletv1.CaseState_CASE_ASSESSED},
	walletv1.CaseState_CASE_APPROVED:  {walletv1.CaseState_CASE_ASSESSED},
	walletv1.CaseState_CASE_DECLINED:  {walletv1.CaseState_CASE_ASSESSED},
	walletv1.CaseState_CASE_WITHDRAWN: {walletv1.CaseState_CASE_APPLIED, walletv1.CaseState_CASE_ASSESSED},
	walletv1.CaseState_CASE_PAID:      {walletv1.CaseState_CASE_APPROVED},
}

// step takes a case to a state and keeps it.
func step(tx edge.Tx, c *walletv1.ZakatCase, to walletv1.CaseState) error {
	if !slices.Contains(steps[to], c.State) {
		return wrongState(c)
	}
	c.State = to
	tell(tx, c)
	return cases.Save(tx, c.Id, c)
}

func wrongState(c *walletv1.ZakatCase) error {
	return edge.E(edge.Conflict, "this cannot be done with the case as it is").WithHint("look at how far it is").
		WithCode(CodeState, edge.Fact{Name: "case", Value: c.Id}, edge.Fact{Name: "state", Value: c.State.String()})
}

func tell(tx edge.Tx, c *walletv1.ZakatCase) {
	book.Emit(tx, EventCase, "case:"+c.Id, edge.Personal, map[string]any{"case": c.Id, "person": c.Person, "state": c.State.String(), "by": tx.Actor().ID})
}

// another fails with Denied where who asks is one of those that may not: four eyes.
func another(tx edge.Tx, people ...string) error {
	if slices.Contains(people, tx.Actor().ID) {
		return edge.E(edge.Denied, "somebody else has to do this").WithHint("ask a second person who may").WithCode(ledger.CodeApproval)
	}
	return nil
}

// Owner is who applied; empty where there is no such case.
func (a *Alms) Owner(v edge.View, id string) (string, error) {
	c, err := findCase(v, id)
	if edge.IsKind(err, edge.NotFound) || edge.IsKind(err, edge.Invalid) {
		return "", nil
	}
	return c.GetPerson(), err
}

func findCase(v edge.View, id string) (*walletv1.ZakatCase, error) {
	if id == "" {
		return nil, book.Invalid("the case is missing")
	}
	x, err := ledger.ParseID(id)
	if err != nil {
		return nil, err
	}
	c := &walletv1.ZakatCase{}
	return c, cases.Find(v, x.String(), c)
}

func (a *Alms) applyForZakat(tx edge.Tx, in *walletv1.ApplyForZakatRequest) (*walletv1.ZakatCase, error) {
	if err := book.CheckPerson(in.GetPerson()); err != nil {
		return nil, err
	}
	ask, again, err := book.Begin(tx, "apply", in.GetId(), in)
	if err != nil {
		return nil, err
	}
	if again {
		return findCase(tx, ask.Text)
	}
	if _, err := book.ParseAmount(in.GetNeed()); err != nil {
		return nil, err
	}
	if _, err := ledger.Scale(tx, in.GetAsset()); err != nil {
		return nil, err
	}
	if in.GetReason() == "" {
		return nil, book.Invalid("say why help is needed")
	}
	if err := roomFor(tx, in.GetPerson()); err != nil {
		return nil, err
	}
	c := &walletv1.ZakatCase{Id: ask.Text, Person: in.GetPerson(), State: walletv1.CaseState_CASE_APPLIED, Asset: in.GetAsset(), Need: in.GetNeed(), Household: in.GetHousehold(),
		Reason: in.GetReason(), AppliedBy: tx.Actor().ID, Paid: "0", Applied: timestamppb.New(tx.Now())}
	if found, err := cases.Load(tx, c.Id, &walletv1.ZakatCase{}); err != nil || found {
		return nil, edge.E(edge.Conflict, "this identifier was used for another case").WithCode(ledger.CodeConflict)
	}
	ask.Done(tx)
	cases.Under(tx, c.Person, c.Id)
	tell(tx, c)
	return c, cases.Save(tx, c.Id, c)
}

// roomFor fails with Conflict where a person has as many cases under way as they may.
func roomFor(v edge.View, person string) error {
	n := 0
	for id, err := range cases.IDs(v, person, "") {
		if err != nil {
			return err
		}
		c := &walletv1.ZakatCase{}
		if err := cases.Find(v, id, c); err != nil {
			return err
		}
		switch c.State {
		case walletv1.CaseState_CASE_APPLIED, walletv1.CaseState_CASE_ASSESSED, walletv1.CaseState_CASE_APPROVED:
			n++
		}
	}
	if n >= maxOpen {
		return edge.E(edge.Conflict, "there are as many applications under way as one person may have").WithHint("wait until one is decided, or take one back").WithCode(CodeTooMany)
	}
	return nil
}

func getCase(v edge.View, in *walletv1.GetCaseRequest) (*walletv1.ZakatCase, error) {
	return findCase(v, in.GetCase())
}

func listCases(v edge.View, in *walletv1.ListCasesRequest) (out *walletv1.ListCasesResponse, err error) {
	if in.GetPerson() != "" {
		if err := book.CheckPerson(in.GetPerson()); err != nil {
			return nil, err
		}
	}
	out = &walletv1.ListCasesResponse{}
	out.NextPageToken, err = book.List(v, cases, book.Page{Under: in.GetPerson(), Of: in.GetState().String(), After: in.GetPageToken(), Size: in.GetPageSize()},
		func() *walletv1.ZakatCase { return &walletv1.ZakatCase{} }, func(c *walletv1.ZakatCase) (bool, error) {
			show := in.GetState() == 0 || in.GetState() == c.State
			if show {
				out.Cases = append(out.Cases, c)
			}
			return show, nil
		})
	return out, err
}

// withdrawCase takes an application back: the person, or whoever wrote it down for them. One that was taken back stays so.
func withdrawCase(tx edge.Tx, in *walletv1.WithdrawCaseRequest) (*walletv1.ZakatCase, error) {
	c, err := findCase(tx, in.GetCase())
	if err != nil {
		return nil, err
	}
	if who := tx.Actor().ID; who != c.Person && who != c.AppliedBy {
		return nil, edge.E(edge.Denied, "only who applied takes an application back").WithHint("ask them to").WithCode(ledger.CodeApproval)
	}
	if c.State == walletv1.CaseState_CASE_WITHDRAWN {
		return c, nil
	}
	return c, step(tx, c, walletv1.CaseState_CASE_WITHDRAWN)
}

// assessCase writes down what was found. Until it is decided it may be found anew, by anybody but who applied.
func assessCase(tx edge.Tx, in *walletv1.AssessCaseRequest) (*walletv1.ZakatCase, error) {
	c, err := findCase(tx, in.GetCase())
	if err != nil {
		return nil, err
	}
	if err := another(tx, c.Person); err != nil {
		return nil, err
	}
	kind, err := zakat.ParseCategory(in.GetCategory())
	if err != nil {
		return nil, err
	}
	if _, err := book.ParseAmount(in.GetAmount()); err != nil {
		return nil, err
	}
	if c.State == walletv1.CaseState_CASE_ASSESSED && c.AssessedBy == tx.Actor().ID && c.Category == string(kind) && c.Recommended == in.GetAmount() && c.Notes == in.GetNotes() && c.Building == in.GetBuilding() {
		return c, nil
	}
	c.Category, c.Recommended, c.Notes, c.Building, c.AssessedBy, c.Assessed = string(kind), in.GetAmount(), in.GetNotes(), in.GetBuilding(), tx.Actor().ID, timestamppb.New(tx.Now())
	return c, step(tx, c, walletv1.CaseState_CASE_ASSESSED)
}

// decideCase grants or declines. It takes somebody who neither applied, for themselves or another, nor looked into it.
func decideCase(tx edge.Tx, in *walletv1.DecideCaseRequest) (*walletv1.ZakatCase, error) {
	c, err := findCase(tx, in.GetCase())
	if err != nil {
		return nil, err
	}
	if err := another(tx, c.Person, c.AppliedBy, c.AssessedBy); err != nil {
		return nil, err
	}
	text := in.GetAmount()
	if !in.GetApprove() {
		text = ""
	} else if text == "" {
		text = c.Recommended
	}
	to := walletv1.CaseState_CASE_DECLINED
	if in.GetApprove() {
		to = walletv1.CaseState_CASE_APPROVED
	}
	if c.DecidedBy == tx.Actor().ID && c.Approved == text && c.Decision == in.GetReason() && (c.State == to || c.State == walletv1.CaseState_CASE_PAID && in.GetApprove()) {
		return c, nil
	}
	if in.GetReason() == "" {
		return nil, book.Invalid("a decision needs its reason")
	}
	if in.GetApprove() && c.State == walletv1.CaseState_CASE_ASSESSED {
		if err := atMost(c, text); err != nil {
			return nil, err
		}
	}
	c.Approved, c.Decision, c.DecidedBy, c.Decided = text, in.GetReason(), tx.Actor().ID, timestamppb.New(tx.Now())
	return c, step(tx, c, to)
}

// atMost refuses to grant more than was recommended.
func atMost(c *walletv1.ZakatCase, text string) error {
	sum, err := book.ParseAmount(text)
	if err != nil {
		return err
	}
	most, err := amount.Parse(c.Recommended)
	if err != nil {
		return edge.E(edge.Corrupt, "a case cannot be read: %w", err)
	}
	if most.Less(sum) {
		return edge.E(edge.Refused, "this is more than was recommended").WithHint("grant at most that, or have the case looked into again").
			WithCode(CodeGranted, edge.Fact{Name: "recommended", Value: most.String()})
	}
	return nil
}
