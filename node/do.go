package node

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"

	"github.com/aielon/edge/node/edge"
)

// doRequest is a command as the local socket takes it.
type doRequest struct {
	ID   edge.ID `json:"id"` // the same for every try of one command; zero: this is the only try
	Type string  `json:"type"`
	Body rawJSON `json:"body"`
}

type doAnswer struct {
	Index uint64  `json:"index"`
	Again bool    `json:"again,omitempty"`
	Reply rawJSON `json:"reply"`
	Old   string  `json:"old,omitempty"` // why a local read may be older than what this node showed before it was started
}

// serveDo takes the commands of the operator and of the programs of this box. It is what a busy site spends
// its time in, so requests in the plain form that programs write are taken apart without reflection.
func (n *Node) serveDo(w http.ResponseWriter, r *http.Request) {
	q, err := readDo(r)
	if err != nil {
		answer(w, nil, err)
		return
	}
	if q.ID.IsZero() {
		q.ID = edge.NewID()
	}
	body, err := n.words.in(q.Type, q.Body)
	if err != nil {
		answer(w, nil, err)
		return
	}
	o, err := n.site.Propose(r.Context(), edge.Command{ID: q.ID, Type: q.Type, Actor: n.operator(), Body: body})
	if err == nil && o.Err != nil {
		err = o.Err
	}
	if err == nil {
		o.Reply, err = n.words.out(q.Type, o.Reply)
	}
	if err != nil {
		answer(w, nil, err)
		return
	}
	w.Header()["Content-Type"] = []string{"application/json"}
	w.Write(doAnswer{Index: o.Index, Again: o.Again, Reply: o.Reply}.append(make([]byte, 0, 64+len(o.Reply))))
}

func readDo(r *http.Request) (q doRequest, err error) {
	var b []byte
	if n := r.ContentLength; n >= 0 && n <= maxControl {
		b = make([]byte, n)
		_, err = io.ReadFull(r.Body, b)
	} else {
		b, err = io.ReadAll(http.MaxBytesReader(nil, r.Body, maxControl))
	}
	if err == nil {
		q, err = parseDo(b)
	}
	if err != nil {
		return q, edge.E(edge.Invalid, "the request cannot be read: %w", err)
	}
	return q, nil
}

// parseDo reads a command. It accepts what strictly does.
func parseDo(b []byte) (q doRequest, err error) {
	if q, ok := plainDo(b); ok {
		return q, nil
	}
	return q, strictly(bytes.NewReader(b), &q)
}

// plainDo reads a command in the form {"id":"...","type":"...","body":...}: members at most once, in any
// order, strings without escapes. It is not ok for any other form, right or wrong.
func plainDo(b []byte) (q doRequest, ok bool) {
	b = bytes.TrimRight(b, " \t\r\n")
	if len(b) < 2 || b[0] != '{' || b[len(b)-1] != '}' {
		return q, false
	}
	seen := 0
	for b = b[1:]; ; b = b[1:] {
		var name, value []byte
		if name, b, ok = plainString(b); !ok || len(b) < 2 || b[0] != ':' {
			return q, false
		}
		member := 0
		switch b = b[1:]; string(name) {
		case "id":
			member = 1
			if value, b, ok = plainString(b); ok {
				ok = q.ID.UnmarshalText(value) == nil
			}
		case "type":
			member = 2
			value, b, ok = plainString(b)
			q.Type = string(value)
		case "body":
			member = 4
			value, b, ok = rawValue(b)
			q.Body = value
		}
		if !ok || member == 0 || seen&member != 0 {
			return q, false
		}
		seen |= member
		if len(b) == 1 && b[0] == '}' {
			return q, true
		}
		if len(b) == 0 || b[0] != ',' {
			return q, false
		}
	}
}

// plainString takes a string of printable ASCII without escapes off the front of b.
func plainString(b []byte) (s, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, b, false
	}
	for i, c := range b[1:] {
		switch {
		case c == '"':
			return b[1 : 1+i], b[2+i:], true
		case c < ' ' || c > '~' || c == '\\':
			return nil, b, false
		}
	}
	return nil, b, false
}

// rawValue takes an object off the front of b, as it stands.
func rawValue(b []byte) (v, rest []byte, ok bool) {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		if depth == 0 {
			v = b[: i+1 : i+1]
			return v, b[i+1:], v[0] == '{' && json.Valid(v)
		}
	}
	return nil, b, false
}

// append writes the answer to a command as json.Marshal would; Old is for queries. What a command replies is JSON already.
func (a doAnswer) append(b []byte) []byte {
	b = strconv.AppendUint(append(b, `{"index":`...), a.Index, 10)
	if a.Again {
		b = append(b, `,"again":true`...)
	}
	b = append(b, `,"reply":`...)
	if len(a.Reply) == 0 {
		b = append(b, "null"...)
	}
	return append(append(b, a.Reply...), "}\n"...)
}
