package contract

import (
	"encoding/binary"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// version of the encoding; the first byte.
const version = 1

const secondsOfDay = 86400

// Append appends the encoding of s to dst: a version byte, the kind, the amounts of the struct in its order, how many
// instalments, and of each the days from the one before (from 1970) and its amount; unsigned varints, an amount as two.
func (s *Schedule) Append(dst []byte) []byte {
	dst = append(dst, version, byte(s.Kind))
	for _, a := range []amount.Amount{s.Cost, s.Markup, s.Fee, s.ActualCost, s.Paid, s.Forgave, s.Rebated} {
		dst = appendAmount(dst, a)
	}
	dst = binary.AppendUvarint(dst, uint64(len(s.Instalments)))
	var last int64
	for _, in := range s.Instalments {
		days := in.Due.Unix() / secondsOfDay
		dst = appendAmount(binary.AppendUvarint(dst, uint64(days-last)), in.Amount)
		last = days
	}
	return dst
}

func appendAmount(dst []byte, a amount.Amount) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(dst, a.Hi), a.Lo)
}

// Decode reads what Append wrote, all of data, and validates it. It fails with Corrupt.
func Decode(data []byte) (*Schedule, error) {
	if len(data) < 2 || data[0] != version {
		return nil, corrupt(nil)
	}
	s := &Schedule{Kind: Kind(data[1])}
	r := reader{rest: data[2:]}
	for _, a := range []*amount.Amount{&s.Cost, &s.Markup, &s.Fee, &s.ActualCost, &s.Paid, &s.Forgave, &s.Rebated} {
		*a = r.amount()
	}
	n := r.uvarint()
	if r.bad || n > MaxInstalments {
		return nil, corrupt(nil)
	}
	const maxDay = 253402300799 / secondsOfDay // 9999-12-31
	var last uint64
	for range n {
		step := r.uvarint()
		if last += step; step > maxDay || last > maxDay {
			return nil, corrupt(nil)
		}
		s.Instalments = append(s.Instalments, Instalment{time.Unix(int64(last)*secondsOfDay, 0).UTC(), r.amount()})
	}
	if r.bad || len(r.rest) > 0 {
		return nil, corrupt(nil)
	}
	if err := s.Validate(); err != nil {
		return nil, corrupt(err)
	}
	return s, nil
}

// reader reads varints in their shortest form until one is bad.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || n > 1 && r.rest[n-1] == 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) amount() amount.Amount {
	hi := r.uvarint()
	return amount.Amount{Hi: hi, Lo: r.uvarint()}
}

func corrupt(err error) error {
	const words = "the stored schedule is not what was written"
	if err != nil {
		return edge.E(edge.Corrupt, words+": %w", err)
	}
	return edge.E(edge.Corrupt, words)
}
