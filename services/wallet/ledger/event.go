package ledger

import (
	"encoding/json"
	"strconv"

	"github.com/aielon/edge/node/edge"
)

// Types of the events of the ledger. Bodies are JSON and name nobody: accounts, identifiers, amounts.
const (
	EventPosted  = "wallet.posted" // transfers, holds and what became of them: one event for a command
	EventAccount = "wallet.account"
	EventFund    = "wallet.fund_changed"
	EventHalted  = "wallet.halted"
)

// emit tells of a change. body is encoded as JSON.
func emit(tx edge.Tx, typ, subject string, class edge.Class, body any) {
	emitAs(tx, typ, subject, class, edge.Ledger, body)
}

func emitAs(tx edge.Tx, typ, subject string, class edge.Class, u edge.Urgency, body any) {
	b, _ := json.Marshal(body) // rows of ours, which always encode
	tx.Emit(edge.Event{Type: typ, Subject: subject, Class: class, Urgency: u, Body: b})
}

// announce tells what the batch did, in one event of the form
//
//	{"block":7,"first":21,"transfers":[{"id":...,"kind":"transfer","asset":"IDR","fund":"amanah","legs":[{"debit":...,"credit":...,"amount":"1250"}]}],
//	 "refused":[{"id":...,"code":"insufficient_funds"}]}
func (b *batch) announce() {
	if b.count == 0 && len(b.no) == 0 {
		return
	}
	body := append(b.row[:0], `{"block":`...)
	body = strconv.AppendUint(body, b.meta.blocks, 10)
	body = append(body, `,"first":`...)
	body = strconv.AppendUint(body, b.meta.entries-uint64(b.count)+1, 10)
	body = append(append(body, `,"transfers":[`...), b.told...)
	body = append(append(append(body, `],"refused":[`...), b.no...), `]}`...)
	b.row = body
	b.tx.Emit(edge.Event{Type: EventPosted, Subject: "ledger", Class: edge.Personal, Urgency: edge.Ledger, Body: body})
}

// tell adds an entry to the event.
func tell(b []byte, e *entry) []byte {
	if len(b) > 0 {
		b = append(b, ',')
	}
	b = append(b, `{"id":"`...)
	b = append(append(appendID(b, e.id), `","kind":"`...), entryNames[e.kind]...)
	if !e.about.IsZero() {
		b = appendID(append(b, `","about":"`...), e.about)
	}
	b = append(append(b, `","asset":"`...), e.of.asset...)
	b = append(append(b, `","fund":"`...), e.of.fund...)
	if e.purpose != "" {
		b = append(append(b, `","purpose":"`...), e.purpose...) // letters, digits and _
	}
	b = append(b, `","legs":[`...)
	for i := range e.legs {
		if i > 0 {
			b = append(b, ',')
		}
		l := &e.legs[i]
		b = appendID(append(b, `{"debit":"`...), l.debit)
		b = appendID(append(b, `","credit":"`...), l.credit)
		b = append(l.amount.Append(append(b, `","amount":"`...)), `"}`...)
	}
	return append(b, `]}`...)
}

func tellRefused(b []byte, id edge.ID, e *edge.Error) []byte {
	if len(b) > 0 {
		b = append(b, ',')
	}
	b = appendID(append(b, `{"id":"`...), id)
	return append(append(append(b, `","code":"`...), e.Code...), `"}`...)
}

func appendID(b []byte, id edge.ID) []byte { return id.Append(b) }

func formatUint(n uint64) string { return strconv.FormatUint(n, 10) }
