package compliance

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/shariah"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// EventRules tells that rules were proposed or decided on, or who may sign them:
// {"id":"aaoifi-core.2","state":"RULE_SET_IN_FORCE"}.
const EventRules = "wallet.rules_changed"

// Codes of refusals about rule sets.
const (
	CodeSet    = "rule_set_not_found"
	CodeSets   = "rule_sets_full"
	CodeOld    = "rule_set_old"
	CodeUnsign = "rule_set_unsigned"
)

// maxKept bounds the rule sets that are kept.
const maxKept = 64

// A setRow is a rule set as it is kept; its document lies in a row of its own.
type setRow struct {
	Name    string                `json:"name"`
	Version uint32                `json:"version"`
	Digest  string                `json:"digest"` // of the document: SHA-256
	Rules   int                   `json:"rules"`
	Signers []string              `json:"signers,omitempty"`
	State   walletv1.RuleSetState `json:"state"`
	approval
}

func (r *setRow) id() string { return setID(r.Name, r.Version) }

func setID(name string, version uint32) string {
	return name + "." + strconv.FormatUint(uint64(version), 10)
}

// named is the identifier of a set, for lists.
func (r *setRow) named() edge.ID { return ledger.Named("rule-set", r.id()) }

func setKey(id string) []byte { return key(rowSet, []byte(id)) }

func documentKey(hash [32]byte) []byte { return key(rowDocument, hash[:]) }

// inForce is the set by which transfers are judged: the one that comes with the program until another is in force.
func (s *Service) inForce(v edge.View) (*shariah.Compiled, error) {
	row, found, err := get(v, key(rowForce))
	if err != nil {
		return nil, err
	}
	if !found {
		return s.builtin()
	}
	return s.stored(v, [32]byte(row))
}

func (s *Service) stored(v edge.View, hash [32]byte) (*shariah.Compiled, error) {
	return s.cached(hash, func() ([]byte, error) { return v.Get(documentKey(hash)) })
}

// setOf is the set that made a decision.
func (s *Service) setOf(v edge.View, name string, version uint32) (*shariah.Compiled, error) {
	first, err := s.builtin()
	if err != nil {
		return nil, err
	}
	if n, k := first.Name(); n == name && k == version {
		return first, nil
	}
	r, err := loadSet(v, setID(name, version))
	if err != nil {
		return nil, err
	}
	return s.stored(v, hashOf(r.Digest))
}

func hashOf(text string) (hash [32]byte) {
	_, _ = hex.Decode(hash[:], []byte(text)[:min(len(text), 64)]) // of rows of ours
	return hash
}

func loadSet(v edge.View, id string) (r setRow, err error) {
	r, found, err := getJSON[setRow](v, setKey(id))
	if err == nil && !found {
		err = edge.E(edge.NotFound, "there is no such rule set").WithHint("look at the list of rule sets").WithCode(CodeSet, fact("rule_set", id))
	}
	return r, err
}

// first is the set that comes with the program, as a row.
func (s *Service) first(v edge.View) (r setRow, err error) {
	set, err := s.builtin()
	if err != nil {
		return r, err
	}
	hash := sha256.Sum256(shariah.Builtin())
	r = setRow{Digest: hex.EncodeToString(hash[:]), Rules: len(set.Rules()), State: walletv1.RuleSetState_RULE_SET_IN_FORCE}
	r.Name, r.Version = set.Name()
	if row, found, err := getJSON[setRow](v, setKey(r.id())); err != nil || found {
		return row, err
	}
	if _, found, err := get(v, key(rowForce)); err != nil || found {
		r.State = walletv1.RuleSetState_RULE_SET_RETIRED
		return r, err
	}
	return r, nil
}

// find looks a set up, also the first.
func (s *Service) find(v edge.View, id string) (setRow, error) {
	r, err := s.first(v)
	if err != nil || r.id() == id {
		return r, err
	}
	return loadSet(v, id)
}

type keysRow struct {
	Keys    []signer `json:"keys"`
	Needed  int      `json:"needed"`
	Version uint64   `json:"version"`
}

// A signer may sign rule sets. What is kept is the public half of the key.
type signer struct {
	Name   string `json:"name"`
	Public string `json:"public"`
}

func (k keysRow) message() *walletv1.RuleKeys {
	m := &walletv1.RuleKeys{Needed: uint32(k.Needed), Version: k.Version}
	for _, s := range k.Keys {
		m.Keys = append(m.Keys, &walletv1.RuleKey{Name: s.Name, Key: s.Public})
	}
	return m
}

func setRuleKeys(tx edge.Tx, in *walletv1.SetRuleKeysRequest) (*walletv1.RuleKeys, error) {
	old, _, err := getJSON[keysRow](tx, key(rowKeys))
	if err != nil {
		return nil, err
	}
	if old.Version != in.GetIfVersion() {
		return nil, clash(ledger.CodeExists, "the keys were changed meanwhile", "look at them again, then change them", fact("version", strconv.FormatUint(old.Version, 10)))
	}
	row, seen := keysRow{Needed: int(in.GetNeeded()), Version: old.Version + 1}, map[string]bool{}
	for _, k := range in.GetKeys() {
		b, err := hex.DecodeString(k.GetKey())
		if err != nil || len(b) != ed25519.PublicKeySize || seen[k.GetKey()] || k.GetName() == "" {
			return nil, edge.E(edge.Invalid, "each key needs a name and 64 hexadecimal digits of its own").WithCode(ledger.CodeInvalid)
		}
		seen[k.GetKey()] = true
		row.Keys = append(row.Keys, signer{k.GetName(), k.GetKey()})
	}
	if row.Needed < 1 || row.Needed > len(row.Keys) {
		return nil, edge.E(edge.Invalid, "1 to all of the keys have to sign").WithCode(ledger.CodeInvalid)
	}
	emit(tx, EventRules, "rules", edge.SiteOnly, map[string]any{"keys": len(row.Keys), "needed": row.Needed})
	return row.message(), setJSON(tx, key(rowKeys), row)
}

func listRuleKeys(v edge.View, _ *walletv1.ListRuleKeysRequest) (*walletv1.RuleKeys, error) {
	row, _, err := getJSON[keysRow](v, key(rowKeys))
	return row.message(), err
}

// signedBy names those whose keys signed a document, each once. It fails where they are too few.
func signedBy(v edge.View, document []byte, signatures [][]byte) (names []string, err error) {
	row, _, err := getJSON[keysRow](v, key(rowKeys))
	if err != nil {
		return nil, err
	}
	if row.Needed == 0 {
		return nil, edge.E(edge.Denied, "nobody may sign rule sets here yet").WithHint("the owner of the site says whose keys count").WithCode(CodeUnsign)
	}
	var keys []ed25519.PublicKey
	for _, k := range row.Keys {
		b, _ := hex.DecodeString(k.Public)
		keys = append(keys, b)
	}
	seen := map[int]bool{}
	for _, sig := range signatures {
		_, by, err := shariah.Verify(document, sig, keys)
		if err != nil {
			return nil, err
		}
		if !seen[by] {
			seen[by], names = true, append(names, row.Keys[by].Name)
		}
	}
	if len(names) < row.Needed {
		return nil, edge.E(edge.Denied, "%d of those who may sign rule sets have to sign this one", row.Needed).
			WithHint("have it signed by more of them").WithCode(CodeUnsign, fact("needed", strconv.Itoa(row.Needed)), fact("signed", strconv.Itoa(len(names))))
	}
	return names, nil
}

// putRuleSet proposes a set. The same proposal again changes nothing.
func (s *Service) putRuleSet(tx edge.Tx, in *walletv1.PutRuleSetRequest) (*walletv1.RuleSet, error) {
	document := []byte(in.GetDocument())
	set, err := compile(document)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(document)
	r := setRow{Digest: hex.EncodeToString(hash[:]), Rules: len(set.Rules())}
	r.Name, r.Version = set.Name()
	old, err := s.find(tx, r.id())
	known := err == nil
	if err != nil && !edge.IsKind(err, edge.NotFound) {
		return nil, err
	}
	switch {
	case known && old.Digest != r.Digest:
		return nil, clash(CodeOld, "there is another set of this name and version", "give it the next version and sign it again", fact("rule_set", r.id()))
	case known && (old.State == walletv1.RuleSetState_RULE_SET_IN_FORCE || old.State == walletv1.RuleSetState_RULE_SET_PROPOSED && !old.over(tx.Now())):
		return old.message(), nil
	}
	if hash != sha256.Sum256(shariah.Builtin()) {
		if r.Signers, err = signedBy(tx, document, in.GetSignatures()); err != nil {
			return nil, err
		}
	}
	if err := room(tx, known); err != nil {
		return nil, err
	}
	if r.approval, err = wait(tx, rowSet, r.named(), 1); err != nil {
		return nil, err
	}
	r.State = walletv1.RuleSetState_RULE_SET_PROPOSED
	tx.Set(documentKey(hash), document)
	return r.message(), r.write(tx)
}

// room refuses more sets than are kept.
func room(tx edge.Tx, known bool) error {
	n := 0
	for range tx.Scan(key(rowSet)) {
		n++
	}
	if !known && n >= maxKept {
		return edge.E(edge.Refused, "no more rule sets can be kept").WithHint("use one of those that are there").WithCode(CodeSets)
	}
	return tx.Err()
}

func (r *setRow) write(tx edge.Tx) error {
	emit(tx, EventRules, "rules", edge.SiteOnly, map[string]string{"id": r.id(), "state": r.State.String(), "hash": r.Digest})
	return setJSON(tx, setKey(r.id()), r)
}

// decideRuleSet puts a proposed set in force, or rejects it.
func (s *Service) decideRuleSet(tx edge.Tx, in *walletv1.DecideRuleSetRequest) (*walletv1.RuleSet, error) {
	r, err := s.find(tx, in.GetId())
	if err != nil {
		return nil, err
	}
	who := tx.Actor().ID
	if in.GetApprove() && r.State == walletv1.RuleSetState_RULE_SET_IN_FORCE && r.gave(who) || !in.GetApprove() && r.Rejected == who {
		return r.message(), nil
	}
	if r.State != walletv1.RuleSetState_RULE_SET_PROPOSED {
		return nil, clash(CodeDecided, "this was decided already", "look at the rule set", fact("state", r.State.String()))
	}
	if !in.GetApprove() {
		if err := r.reject(tx, rowSet, r.named()); err != nil {
			return nil, err
		}
		r.State = walletv1.RuleSetState_RULE_SET_REJECTED
		return r.message(), r.write(tx)
	}
	if _, err := r.give(tx, rowSet, r.named()); err != nil {
		return nil, err
	}
	if err := s.retire(tx); err != nil {
		return nil, err
	}
	r.State = walletv1.RuleSetState_RULE_SET_IN_FORCE
	hash := hashOf(r.Digest)
	tx.Set(key(rowForce), hash[:])
	return r.message(), r.write(tx)
}

// retire takes the set that is in force out of it.
func (s *Service) retire(tx edge.Tx) error {
	set, err := s.inForce(tx)
	if err != nil {
		return err
	}
	name, version := set.Name()
	r, err := s.find(tx, setID(name, version))
	if err != nil {
		return err
	}
	r.State = walletv1.RuleSetState_RULE_SET_RETIRED
	tx.Set(documentKey(hashOf(r.Digest)), s.documentOf(tx, r))
	return r.write(tx)
}

// documentOf is the text of a set; nil where it is not there.
func (s *Service) documentOf(v edge.View, r setRow) []byte {
	if document, err := v.Get(documentKey(hashOf(r.Digest))); err == nil {
		return document
	}
	return shariah.Builtin()
}

func (r *setRow) message() *walletv1.RuleSet {
	m := &walletv1.RuleSet{Id: r.id(), Name: r.Name, Version: r.Version, State: r.State, Hash: r.Digest, Signers: r.Signers, ProposedBy: r.By, Rules: uint32(r.Rules), DecidedBy: r.Rejected}
	if !r.Asked.IsZero() {
		m.Proposed = timestamppb.New(r.Asked)
	}
	if !r.Decided.IsZero() {
		m.Decided = timestamppb.New(r.Decided)
	}
	if n := len(r.Given); n > 0 {
		m.DecidedBy = r.Given[n-1].By
	}
	return m
}

func (s *Service) listRuleSets(v edge.View, _ *walletv1.ListRuleSetsRequest) (*walletv1.ListRuleSetsResponse, error) {
	first, err := s.first(v)
	if err != nil {
		return nil, err
	}
	out := &walletv1.ListRuleSetsResponse{RuleSets: []*walletv1.RuleSet{first.message()}}
	under := key(rowSet)
	for k, row := range v.Scan(under) {
		if string(k[len(under):]) == first.id() {
			continue
		}
		var r setRow
		if err := json.Unmarshal(row, &r); err != nil {
			return nil, corrupt(err)
		}
		out.RuleSets = append(out.RuleSets, r.message())
	}
	return out, v.Err()
}

func (s *Service) getRuleSet(v edge.View, in *walletv1.GetRuleSetRequest) (*walletv1.RuleSet, error) {
	r, err := s.find(v, in.GetId())
	if err != nil {
		return nil, err
	}
	m := r.message()
	m.Document = string(s.documentOf(v, r))
	return m, nil
}

// RuleSetOwner is who proposed a rule set; empty where nobody did.
func (s *Service) RuleSetOwner(v edge.View, id string) (string, error) {
	if !strings.Contains(id, ".") {
		return "", nil
	}
	r, err := loadSet(v, id)
	if edge.IsKind(err, edge.NotFound) {
		return "", nil
	}
	return r.By, err
}

// amilYear is where what was given to those who work on zakat in one Hijri year is summed up.
func amilKey(asset, fund string, year int) []byte {
	return binary.BigEndian.AppendUint32(key(rowAmil, []byte(asset), []byte{'/'}, []byte(fund), []byte{'/'}), uint32(year))
}
