package ledger

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// Commands that move money are read from their wire form (protobuf, encoding of walletv1.NewTransfer and its like)
// without making messages of them: a batch of thousands would spend most of its time on that. Numbers of fields are
// those of the schema, which a test holds them to.

// A request is one step as it was asked for. It aliases the command's bytes.
type request struct {
	edge.Redacted

	what                                             byte // 't', 'p' or 'v': a transfer, a post or a void; 0: nothing
	id, debit, credit, amount                        []byte
	legs                                             [][]byte
	asset, purpose, memo, reference, mcc, doc, about []byte
	hold, balancing                                  bool
	timeout                                          uint64
}

// A field is one field of a message: its number, and what it holds.
type field struct {
	n     protowire.Number
	bytes []byte // of a text or a message
	num   uint64 // of a number
}

// nextField takes a field off the front of a message. Fields of other forms are skipped: their number is 0.
func nextField(b []byte) (f field, rest []byte, ok bool) {
	n, typ, w := protowire.ConsumeTag(b)
	if w < 0 {
		return f, nil, false
	}
	b = b[w:]
	switch typ {
	case protowire.BytesType:
		f.n = n
		f.bytes, w = protowire.ConsumeBytes(b)
	case protowire.VarintType:
		f.n = n
		f.num, w = protowire.ConsumeVarint(b)
	default:
		w = protowire.ConsumeFieldValue(n, typ, b)
	}
	if w < 0 {
		return f, nil, false
	}
	return f, b[w:], true
}

func unreadable() error { return invalid("the request cannot be read") }

// readTransfer reads a walletv1.NewTransfer.
func readTransfer(b []byte, r *request) error {
	r.what = 't'
	for len(b) > 0 {
		f, rest, ok := nextField(b)
		if !ok {
			return unreadable()
		}
		b = rest
		switch f.n {
		case 1:
			r.id = f.bytes
		case 2:
			r.debit = f.bytes
		case 3:
			r.credit = f.bytes
		case 4:
			r.amount = f.bytes
		case 5:
			if len(r.legs) == maxLegs {
				return invalid("a transfer has %d legs at the most", maxLegs)
			}
			r.legs = append(r.legs, f.bytes)
		case 6:
			r.asset = f.bytes
		case 7:
			r.hold = f.num != 0
		case 8:
			r.timeout = f.num
		case 9:
			r.purpose = f.bytes
		case 10:
			r.memo = f.bytes
		case 11:
			r.reference = f.bytes
		case 12:
			r.mcc = f.bytes
		case 13:
			r.doc = f.bytes
		case 14:
			r.balancing = f.num != 0
		}
	}
	if !utf8.Valid(r.memo) || !utf8.Valid(r.reference) {
		return unreadable()
	}
	return nil
}

// readPost reads a walletv1.NewPost, or a NewVoid, which is one without an amount.
func readPost(b []byte, what byte, r *request) error {
	r.what = what
	for len(b) > 0 {
		f, rest, ok := nextField(b)
		if !ok {
			return unreadable()
		}
		b = rest
		switch {
		case f.n == 1:
			r.id = f.bytes
		case f.n == 2:
			r.about = f.bytes
		case f.n == 3 && what == 'p':
			r.amount = f.bytes
		}
	}
	return nil
}

// readLeg reads a walletv1.Leg.
func readLeg(b []byte) (debit, credit, amount []byte, err error) {
	for len(b) > 0 {
		f, rest, ok := nextField(b)
		if !ok {
			return nil, nil, nil, unreadable()
		}
		b = rest
		switch f.n {
		case 1:
			debit = f.bytes
		case 2:
			credit = f.bytes
		case 3:
			amount = f.bytes
		}
	}
	return debit, credit, amount, nil
}

// reset makes a request ready for another, keeping its room.
func (r *request) reset() { *r = request{legs: r.legs[:0]} }

// readStep reads the action of a walletv1.Item or Step, which are alike. What is linked is given to linked.
func readStep(b []byte, r *request, linked func([]byte)) error {
	r.reset()
	for len(b) > 0 {
		f, rest, ok := nextField(b)
		if !ok {
			return unreadable()
		}
		b = rest
		var err error
		switch f.n {
		case 1:
			r.reset()
			err = readTransfer(f.bytes, r)
		case 2:
			r.reset()
			err = readPost(f.bytes, 'p', r)
		case 3:
			r.reset()
			err = readPost(f.bytes, 'v', r)
		case 4:
			if linked == nil {
				return unreadable()
			}
			linked(f.bytes)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// eachField calls f with what field n of a message holds, each time it comes.
func eachField(b []byte, n protowire.Number, f func([]byte) error) error {
	for len(b) > 0 {
		x, rest, ok := nextField(b)
		if !ok {
			return edge.E(edge.Invalid, "the request cannot be read")
		}
		if b = rest; x.n == n {
			if err := f(x.bytes); err != nil {
				return err
			}
		}
	}
	return nil
}

// appendItemResult appends a walletv1.ItemResult as an item of a CreateTransfersResponse.
func appendItemResult(b []byte, results []done) []byte {
	size := 0
	for i := range results {
		n := results[i].size()
		size += 1 + protowire.SizeBytes(n)
	}
	b = protowire.AppendVarint(append(b, 1<<3|byte(protowire.BytesType)), uint64(size))
	for i := range results {
		tag := byte(1<<3 | protowire.BytesType)
		if i > 0 {
			tag = 2<<3 | byte(protowire.BytesType)
		}
		b = protowire.AppendVarint(append(b, tag), uint64(results[i].size()))
		b = results[i].append(b)
	}
	return b
}

// result is what a StepResult says of a step.
func (d *done) result() (status walletv1.TransferStatus, code, detail string) {
	if d.block > 0 {
		return d.status, "", ""
	}
	return walletv1.TransferStatus_REFUSED, d.code, d.detail
}

// size is the length of the StepResult that append writes.
func (d *done) size() (n int) {
	_, code, detail := d.result()
	if !d.id.IsZero() {
		n += 2 + 26
	}
	n += 2 // the status is one byte
	for _, s := range [...]string{code, detail} {
		if s != "" {
			n += 1 + protowire.SizeBytes(len(s))
		}
	}
	if d.replayed {
		n += 2
	}
	return n
}

// append appends a walletv1.StepResult.
func (d *done) append(b []byte) []byte {
	status, code, detail := d.result()
	if !d.id.IsZero() {
		b = d.id.Append(append(b, 1<<3|byte(protowire.BytesType), 26))
	}
	b = append(b, 2<<3|byte(protowire.VarintType), byte(status))
	if code != "" {
		b = protowire.AppendString(append(b, 3<<3|byte(protowire.BytesType)), code)
	}
	if detail != "" {
		b = protowire.AppendString(append(b, 4<<3|byte(protowire.BytesType)), detail)
	}
	if d.replayed {
		b = append(b, 5<<3|byte(protowire.VarintType), 1)
	}
	return b
}
