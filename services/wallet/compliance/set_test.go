package compliance

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/shariah"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// second is the set that comes with the program, with a version of its own, in which bars are looked at instead of denied.
func second(t *testing.T) string {
	t.Helper()
	s := bytes.Replace(shariah.Builtin(), []byte(`"version": 1`), []byte(`"version": 2`), 1)
	s = bytes.Replace(s, []byte(`"5813",`), nil, 1)
	s = bytes.Replace(s, []byte(`"5813"`), nil, 1)
	if set, err := shariah.Parse(s); err != nil || set.Version != 2 {
		t.Fatal(err)
	}
	return string(s)
}

func keyOf(seed string) (ed25519.PrivateKey, *walletv1.RuleKey) {
	k := ed25519.NewKeyFromSeed([]byte(strings.Repeat(seed, 32)))
	return k, &walletv1.RuleKey{Name: "board " + seed, Key: hex.EncodeToString(k.Public().(ed25519.PublicKey))}
}

func sign(t *testing.T, document string, key ed25519.PrivateKey) []byte {
	t.Helper()
	s, err := shariah.Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	sig, err := shariah.Sign(s, key)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// A set comes into force when enough keys signed it and a second person approves; decisions name the set that made them.
func TestRuleSets(t *testing.T) {
	w := newTown(t)
	document := second(t)
	a, keyA := keyOf("a")
	b, keyB := keyOf("b")
	put := func(signatures ...[]byte) (*walletv1.RuleSet, error) {
		out := &walletv1.RuleSet{}
		err := w.do("wallet.put_rule_set", &walletv1.PutRuleSetRequest{Document: document, Signatures: signatures}, out)
		return out, err
	}
	decide := func(id string, approve bool) (*walletv1.RuleSet, error) {
		out := &walletv1.RuleSet{}
		err := w.do("wallet.decide_rule_set", &walletv1.DecideRuleSetRequest{Id: id, Approve: approve, Reason: "read"}, out)
		return out, err
	}
	decideAs := func(who, id string, approve bool) (*walletv1.RuleSet, error) {
		w.as(who)
		return decide(id, approve)
	}
	bar := func(n int) (*walletv1.Transfer, error) {
		return w.as("desk").transfer(&walletv1.NewTransfer{Id: id(n), Debit: w.a, Credit: w.b, Amount: "10", Mcc: "5813"})
	}
	_, err := bar(500)
	w.refuses(err, edge.Refused, "shariah_mcc_d")
	_, err = put(sign(t, document, a))
	w.refuses(err, edge.Denied, CodeUnsign) // nobody may sign yet
	w.must("wallet.set_rule_keys", &walletv1.SetRuleKeysRequest{Keys: []*walletv1.RuleKey{keyA, keyB}, Needed: 2}, &walletv1.RuleKeys{})
	w.refuses(w.do("wallet.set_rule_keys", &walletv1.SetRuleKeysRequest{Keys: []*walletv1.RuleKey{keyA}, Needed: 1}, &walletv1.RuleKeys{}), edge.Conflict, ledger.CodeExists)
	for name, signatures := range map[string][][]byte{"none": nil, "one": {sign(t, document, a)}, "one twice": {sign(t, document, a), sign(t, document, a)},
		"another's": {sign(t, document, a), sign(t, document, ed25519.NewKeyFromSeed(make([]byte, 32)))}} {
		if _, err := put(signatures...); edge.CodeOf(err) != CodeUnsign {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.as("first")
	for range 2 {
		if got, err := put(sign(t, document, a), sign(t, document, b)); err != nil || got.State != walletv1.RuleSetState_RULE_SET_PROPOSED || len(got.Signers) != 2 || got.Id != "aaoifi-core.2" {
			t.Fatal(got, err)
		}
	}
	_, err = decide("aaoifi-core.2", true)
	w.refuses(err, edge.Denied, CodeApproval)
	_, err = bar(501)
	w.refuses(err, edge.Refused, "shariah_mcc_d") // not in force yet
	for range 2 {
		if got, err := decideAs("second", "aaoifi-core.2", true); err != nil || got.State != walletv1.RuleSetState_RULE_SET_IN_FORCE || got.DecidedBy != "second" {
			t.Fatal(got, err)
		}
	}
	if got, err := bar(502); err != nil || got.RuleSet != "aaoifi-core/2" {
		t.Error(got, err)
	}
	old := &walletv1.RuleDecision{}
	if err := w.ask("wallet.get_decision", &walletv1.GetDecisionRequest{Id: id(500)}, old); err != nil || old.SetVersion != 1 || old.Text == "" {
		t.Error(old, err)
	}
	list := &walletv1.ListRuleSetsResponse{}
	if err := w.ask("wallet.list_rule_sets", &walletv1.ListRuleSetsRequest{}, list); err != nil || len(list.RuleSets) != 2 || list.RuleSets[0].State != walletv1.RuleSetState_RULE_SET_RETIRED {
		t.Error(list, err)
	}
	one := &walletv1.RuleSet{}
	if err := w.ask("wallet.get_rule_set", &walletv1.GetRuleSetRequest{Id: "aaoifi-core.2"}, one); err != nil || one.Document != document {
		t.Error(one.GetState(), err)
	}

	// Back to the first, which needs no signature; rejected once, then approved.
	document = string(shariah.Builtin())
	w.as("first")
	if got, err := put(); err != nil || got.State != walletv1.RuleSetState_RULE_SET_PROPOSED {
		t.Fatal(got, err)
	}
	if got, err := decideAs("second", "aaoifi-core.1", false); err != nil || got.State != walletv1.RuleSetState_RULE_SET_REJECTED {
		t.Fatal(got, err)
	}
	w.as("first")
	if _, err := put(); err != nil {
		t.Fatal(err)
	}
	if got, err := decideAs("second", "aaoifi-core.1", true); err != nil || got.State != walletv1.RuleSetState_RULE_SET_IN_FORCE {
		t.Fatal(got, err)
	}
	_, err = bar(503)
	w.refuses(err, edge.Refused, "shariah_mcc_d")

	// Another document under the same name and version is another set.
	document = strings.Replace(document, "alcohol", "drinks", 1)
	_, err = put(sign(t, document, a), sign(t, document, b))
	w.refuses(err, edge.Conflict, CodeOld)
	document = `{"name":"x"}`
	_, err = put()
	w.refuses(err, edge.Invalid, "rule_set_invalid")
	w.check()
}

// A set that is kept is read again by a service that has just begun.
func TestRuleSetsSurvive(t *testing.T) {
	w := newTown(t)
	document := second(t)
	a, keyA := keyOf("a")
	w.must("wallet.set_rule_keys", &walletv1.SetRuleKeysRequest{Keys: []*walletv1.RuleKey{keyA}, Needed: 1}, &walletv1.RuleKeys{})
	w.must("wallet.put_rule_set", &walletv1.PutRuleSetRequest{Document: document, Signatures: [][]byte{sign(t, document, a)}}, &walletv1.RuleSet{})
	w.as("second").must("wallet.decide_rule_set", &walletv1.DecideRuleSetRequest{Id: "aaoifi-core.2", Approve: true, Reason: "read"}, &walletv1.RuleSet{})
	s, _ := New()
	if set, err := s.inForce(w.state); err != nil {
		t.Fatal(err)
	} else if _, version := set.Name(); version != 2 {
		t.Error(version)
	}
	if n := strings.Count(w.told(EventRules), "IN_FORCE"); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// told is the bodies of the events of a type.
func (w *world) told(typ string) string {
	var b strings.Builder
	for _, e := range w.state.Events {
		if e.Type == typ {
			b.Write(e.Body)
		}
	}
	return b.String()
}
