package audit

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"github.com/aielon/edge/node/edge"
)

// Versions of the encoding of a record's body. A record that names no command is of the first, which had the command's
// name in the place of the request's.
const (
	recordVersion  = 1
	commandVersion = 2
)

var actorKinds = [...]string{edge.Nobody: "nobody", edge.Person: "person", edge.Device: "device", edge.Node: "node", edge.Service: "service"}

var classNames = [...]string{edge.Public: "public", edge.SiteOnly: "site", edge.Personal: "personal", edge.Clinical: "clinical"}

// appendBody appends the canonical encoding of what an event does not say by itself: a JSON object with its members
// in this order, those without a value left out, no white space. Values are ids and codes, which need no escapes.
func (r Record) appendBody(b []byte) []byte {
	b = append(strconv.AppendInt(append(b, `{"v":`...), int64(r.version()), 10), `,"who":"`...)
	b = append(append(b, actorKinds[r.Actor.Kind]...), '"')
	b = appendMember(b, "id", r.Actor.ID)
	b = appendMember(b, "site", r.Actor.Site)
	b = appendMember(b, "session", r.Session)
	b = appendMember(b, "door", r.Door)
	b = appendMember(b, "addr", r.Address)
	b = appendMember(b, "request", r.Request)
	b = appendMember(b, "command", r.Command)
	b = appendMember(b, "op", r.Op)
	b = appendMember(b, "class", classNames[r.Class])
	b = appendFlag(b, "money", r.Money)
	b = appendFlag(b, "denied", r.Denied)
	if len(r.Policies) > 0 {
		b = append(b, `,"policies":[`...)
		for i, p := range r.Policies {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(append(b, '"'), p...), '"')
		}
		b = append(b, ']')
	}
	b = appendMember(b, "reason", r.Reason)
	b = appendMember(b, "glass", r.Glass)
	b = appendMember(b, "outcome", r.Outcome)
	if !r.Pos.IsZero() {
		b = appendMember(b, "epoch", strconv.FormatUint(r.Pos.Epoch, 16))
		b = appendMember(b, "seq", strconv.FormatUint(r.Pos.Seq, 10))
		b = appendMember(b, "sum", hex.EncodeToString(r.Pos.Sum[:]))
	}
	return append(b, '}')
}

func (r Record) version() int {
	if r.Command != "" {
		return commandVersion
	}
	return recordVersion
}

func appendMember(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":"`...)
	return append(append(b, value...), '"')
}

func appendFlag(b []byte, name string, set bool) []byte {
	if !set {
		return b
	}
	return append(append(append(b, `,"`...), name...), `":true`...)
}

// body is a record's body as encoding/json sees it.
type body struct {
	V        int      `json:"v"`
	Who      string   `json:"who"`
	ID       string   `json:"id"`
	Site     string   `json:"site"`
	Session  string   `json:"session"`
	Door     string   `json:"door"`
	Addr     string   `json:"addr"`
	Request  string   `json:"request"`
	Command  string   `json:"command"`
	Op       string   `json:"op"`
	Class    string   `json:"class"`
	Money    bool     `json:"money"`
	Denied   bool     `json:"denied"`
	Policies []string `json:"policies"`
	Reason   string   `json:"reason"`
	Glass    string   `json:"glass"`
	Outcome  string   `json:"outcome"`
	Epoch    string   `json:"epoch"`
	Seq      string   `json:"seq"`
	Sum      string   `json:"sum"`
}

// maxEncoded bounds a record's body, in bytes: more than the longest fields take together.
const maxEncoded = 8 << 10

// decodeBody reads what appendBody wrote, and refuses with Corrupt whatever it would have written differently.
func decodeBody(b []byte) (Record, error) {
	bad := edge.E(edge.Corrupt, "an audit record cannot be read")
	if len(b) > maxEncoded {
		return Record{}, bad
	}
	var in body
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return Record{}, bad
	}
	if in.V < recordVersion || in.V > commandVersion {
		return Record{}, edge.E(edge.Corrupt, "an audit record is of version %d; %d is the newest known", in.V, commandVersion)
	}
	r := Record{Actor: edge.Actor{ID: in.ID, Site: in.Site}, Session: in.Session, Door: in.Door, Address: in.Addr, Request: in.Request, Command: in.Command, Op: in.Op,
		Money: in.Money, Denied: in.Denied, Policies: in.Policies, Reason: in.Reason, Glass: in.Glass, Outcome: in.Outcome}
	who, ok1 := index(actorKinds[:], in.Who)
	class, ok2 := index(classNames[:], in.Class)
	pos, ok3 := in.pos()
	r.Actor.Kind, r.Class, r.Pos = edge.ActorKind(who), edge.Class(class), pos
	if !ok1 || !ok2 || !ok3 || !bytes.Equal(r.appendBody(nil), b) {
		return Record{}, bad
	}
	return r, nil
}

func (in body) pos() (p edge.Pos, ok bool) {
	if in.Epoch == "" && in.Seq == "" && in.Sum == "" {
		return p, true
	}
	var err1, err2 error
	p.Epoch, err1 = strconv.ParseUint(in.Epoch, 16, 64)
	p.Seq, err2 = strconv.ParseUint(in.Seq, 10, 64)
	sum, err3 := hex.DecodeString(in.Sum)
	if err1 != nil || err2 != nil || err3 != nil || len(sum) != len(p.Sum) {
		return edge.Pos{}, false
	}
	copy(p.Sum[:], sum)
	return p, true
}

func index(list []string, s string) (int, bool) {
	for i, x := range list {
		if x == s {
			return i, true
		}
	}
	return 0, false
}
