package shariah

import (
	"encoding/binary"

	"github.com/aielon/edge/node/edge"
)

// version of the encoding of decisions; the first byte.
const decisionVersion = 1

// Append appends the encoding of d to dst: a version byte, act and fund, rule, name and version of the set, the facts
// and the notes; numbers as unsigned varints, texts and lists with their length in front. It is stored, and stays.
func (d *Decision) Append(dst []byte) []byte {
	dst = append(dst, decisionVersion, byte(d.Act), byte(d.To))
	dst = appendText(appendText(dst, d.Rule), d.SetName)
	dst = appendFacts(binary.AppendUvarint(dst, uint64(d.SetVersion)), d.Facts)
	dst = binary.AppendUvarint(dst, uint64(len(d.Notes)))
	for _, n := range d.Notes {
		dst = appendFacts(appendText(dst, n.Rule), n.Facts)
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendFacts(dst []byte, facts []edge.Fact) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(facts)))
	for _, f := range facts {
		dst = appendText(appendText(dst, f.Name), f.Value)
	}
	return dst
}

// DecodeDecision reads what Append wrote, all of data. It fails with Corrupt. The decision has no Text until the set
// that made it is asked: Compiled.Recall.
func DecodeDecision(data []byte) (Decision, error) {
	if len(data) < 3 || data[0] != decisionVersion {
		return Decision{}, corrupt()
	}
	d := Decision{Act: Act(data[1]), To: FundKind(data[2])}
	r := reader{rest: data[3:]}
	d.Rule, d.SetName = r.text(), r.text()
	version := r.uvarint()
	d.SetVersion, d.Facts = uint32(version), r.facts()
	for range r.count() {
		d.Notes = append(d.Notes, Note{Rule: r.text(), Facts: r.facts()})
	}
	if r.bad || len(r.rest) > 0 || d.Act > Deny || d.To >= fundKinds || version > 1<<32-1 {
		return Decision{}, corrupt()
	}
	return d, nil
}

// Recall gives a decision that was read back its texts again; it is not ok where another set or version made it.
func (c *Compiled) Recall(d Decision) (Decision, bool) {
	if d.SetName != c.name || d.SetVersion != c.version {
		return d, false
	}
	d.rule = c.rule(d.Rule)
	notes := append([]Note(nil), d.Notes...)
	for i := range notes {
		notes[i].rule = c.rule(notes[i].Rule)
	}
	d.Notes = notes
	return d, true
}

func (c *Compiled) rule(id string) *Rule {
	for i := range c.rules {
		if c.rules[i].ID == id {
			return &c.rules[i]
		}
	}
	return nil
}

// reader reads until something is bad.
type reader struct {
	rest []byte
	bad  bool
}

// uvarint reads one in its shortest form.
func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || n > 1 && r.rest[n-1] == 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// count reads how many things follow, each of which takes a byte at least.
func (r *reader) count() uint64 {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return 0
	}
	return n
}

func (r *reader) text() string {
	n := r.count()
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}

func (r *reader) facts() []edge.Fact {
	var facts []edge.Fact
	for range r.count() {
		facts = append(facts, edge.Fact{Name: r.text(), Value: r.text()})
	}
	return facts
}

func corrupt() error { return edge.E(edge.Corrupt, "the stored decision is not what was written") }
