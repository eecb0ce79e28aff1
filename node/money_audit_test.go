package node

import (
	"fmt"
	"testing"

	"github.com/aielon/edge/node/audit"
	"github.com/aielon/edge/node/edge"
)

// recorded are the audit records of transfers in a journal.
func (x *till) recorded(j edge.Journal) (list []audit.Record) {
	x.t.Helper()
	for r, err := range j.Read(x.t.Context(), edge.Pos{}) {
		if err != nil {
			x.t.Fatal(err)
		}
		if !audit.Is(r.Event) {
			continue
		}
		a, err := audit.FromEvent(r.Event)
		if err != nil {
			x.t.Fatal(err)
		}
		if a.Op == "wallet.create_transfer" {
			list = append(list, a)
		}
	}
	return list
}

// Who moved money, through which door and why they may stands in one record with what was done. A transfer that was
// refused, or asked for again, is on record at the node that was asked.
func TestMoneyIsOnRecord(t *testing.T) {
	x := newTill(t)
	site, own := x.siteJournal(edge.Ledger), x.journals.Journal(edge.Ledger)
	done, asked := len(x.recorded(site)), len(x.recorded(own))
	if done != 1 || asked != 0 {
		t.Fatalf("%d and %d records of one transfer", done, asked)
	}
	if r := x.recorded(site)[0]; r.Kind != audit.Change || r.Outcome != audit.OK || r.Door != "rest" || r.Address == "" || r.Session == "" || r.Request == "" || r.Actor.ID != x.officer.Person.ID || len(r.Policies) == 0 {
		t.Errorf("%+v", r)
	}
	transfer := func(session, from, amount string, want int) {
		t.Helper()
		if code, body := x.rest("POST", "/v1/wallet/transfers", session, fmt.Sprintf(`{"transfer":{"debit":%q,"credit":%q,"amount":%q}}`, from, x.ofB, amount)); code != want {
			t.Fatalf("%d %s", code, body)
		}
	}
	transfer(x.a.Session, x.ofA, "999999", 422) // more than there is: the identifier is spent, and who asked is on record in both
	transfer(x.b.Session, x.ofA, "1", 404)      // another's account, of which it may not know
	var outcomes []string
	for _, r := range x.recorded(own) {
		outcomes = append(outcomes, fmt.Sprint(r.Kind, r.Denied, r.Door, r.Actor.ID == x.a.Person.ID, r.Command != ""))
	}
	if got, want := fmt.Sprint(outcomes), fmt.Sprint([]string{fmt.Sprint(audit.Decision, false, "rest", true, true), fmt.Sprint(audit.Decision, true, "rest", false, true)}); got != want {
		t.Errorf("records %s, not %s", got, want)
	}
	if list := x.recorded(site); len(list) != 2 || list[1].Outcome != edge.Refused.String() || list[1].Door != "rest" {
		t.Errorf("%+v", list)
	}
}
