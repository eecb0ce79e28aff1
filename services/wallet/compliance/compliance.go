// Package compliance asks the rules about what moves in the ledger, keeps what they decided, and takes what people
// decide where the rules leave it to them.
package compliance

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/shariah"
)

// A Service is the compliance of one site. All it keeps is in the state of the site; what it holds in memory only saves
// time. It is the ledger's Rules.
type Service struct {
	edge.Redacted

	ledger   *ledger.Ledger
	purposes map[string]shariah.Purpose
	builtin  func() (*shariah.Compiled, error)
	debts    Debts // nil: nobody keeps any

	usual atomic.Int64 // members' accounts in a command, of late

	mu    sync.Mutex // guards sets, lists
	sets  map[[32]byte]*shariah.Compiled
	lists map[string]edition
}

var _ ledger.Rules = (*Service)(nil)

// New returns the compliance of a site, with the ledger that asks it.
func New() (*Service, *ledger.Ledger) {
	s := &Service{purposes: map[string]shariah.Purpose{}, sets: map[[32]byte]*shariah.Compiled{}, lists: map[string]edition{}}
	for p := shariah.Purpose(0); p.String() != ""; p++ {
		s.purposes[p.String()] = p
	}
	s.builtin = sync.OnceValues(func() (*shariah.Compiled, error) { return compile(shariah.Builtin()) })
	s.ledger = ledger.New(s)
	return s, s.ledger
}

// Register adds the operations of compliance.
func (s *Service) Register(m *edge.Mux) {
	edge.Answer(m, s.getDecision)
	edge.Answer(m, s.listDecisions)
	edge.Answer(m, s.screenMcc)
	edge.Answer(m, s.listReviews)
	edge.Answer(m, s.getReview)
	edge.Handle(m, s.decideReview)
	edge.Handle(m, configureReviews)
	edge.Handle(m, s.setTier)
	edge.Handle(m, setRuleKeys)
	edge.Answer(m, listRuleKeys)
	edge.Handle(m, s.putRuleSet)
	edge.Answer(m, s.listRuleSets)
	edge.Answer(m, s.getRuleSet)
	edge.Handle(m, s.decideRuleSet)
	edge.Handle(m, s.requestRelease)
	edge.Handle(m, s.requestIstibdal)
	edge.Handle(m, s.approveRelease)
	edge.Handle(m, s.rejectRelease)
	edge.Answer(m, s.getRelease)
	edge.Answer(m, s.listReleases)
	edge.Handle(m, s.purifyDividend)
	edge.Handle(m, s.exchange)
	edge.Handle(m, putSanctionNames)
	edge.Handle(m, useSanctionList)
	edge.Answer(m, listSanctionLists)
	edge.Answer(m, s.screenName)
	edge.Do(m, edge.Op{Name: OpTidy, Doc: "Drop what is over.", Needs: "wallet.desk", Class: edge.Personal, Money: true}, s.tidy)
}

// purpose reads why money moves. A transfer without a purpose is for what its accounts say.
func (s *Service) purpose(d *ledger.Dealing, l *ledger.DealingLeg) (shariah.Purpose, error) {
	if d.Purpose == "" {
		return usual(l), nil
	}
	if p, ok := s.purposes[d.Purpose]; ok {
		return p, nil
	}
	if d.Own { // a part of the wallet has a word of its own for it
		return usual(l), nil
	}
	return 0, edge.E(edge.Invalid, "the rules know no such purpose").
		WithHint("use one of %s, or leave it out", strings.Join(s.known(), ", ")).WithCode(ledger.CodeInvalid, fact("purpose", d.Purpose))
}

func (s *Service) known() (names []string) {
	for p := shariah.Purpose(0); p.String() != ""; p++ {
		names = append(names, p.String())
	}
	return names
}

// maxSets bounds the compiled sets that are kept in memory: the one in force, and those that older decisions name.
const maxSets = 8

// cached is the set whose document has a hash. read is called where it is not in memory.
func (s *Service) cached(hash [32]byte, read func() ([]byte, error)) (*shariah.Compiled, error) {
	s.mu.Lock()
	c := s.sets[hash]
	s.mu.Unlock()
	if c != nil {
		return c, nil
	}
	document, err := read()
	if err != nil {
		return nil, err
	}
	if c, err = compile(document); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for old := range s.sets {
		if len(s.sets) < maxSets {
			break
		}
		delete(s.sets, old)
	}
	s.sets[hash] = c
	return c, nil
}

func compile(document []byte) (*shariah.Compiled, error) {
	set, err := shariah.Parse(document)
	if err != nil {
		return nil, err
	}
	return shariah.Compile(set)
}

func fact(name, value string) edge.Fact { return edge.Fact{Name: name, Value: value} }

// clash is a refusal because of what was there before.
func clash(code, sentence, hint string, facts ...edge.Fact) *edge.Error {
	return edge.E(edge.Conflict, "%s", sentence).WithHint("%s", hint).WithCode(code, facts...)
}
