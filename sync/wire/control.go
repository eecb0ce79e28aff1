package wire

import (
	"time"

	"github.com/aielon/edge/node/edge"
)

// Limits inside control frames.
const (
	MaxText    = 512 // bytes of a sentence for people
	MaxCursors = 400 // in one CURSORS frame; 400 of the longest fit in 64 KiB
	MaxAcks    = 256 // in one ACK frame
	maxExtra   = 32
	maxDicts   = 16
)

// Extra is a list of named values, sorted by name, through which later versions say more to older ones.
type Extra []KV

// A KV is one named value.
type KV struct{ Key, Value string }

// Get returns the value called key, or "".
func (x Extra) Get(key string) string {
	for _, kv := range x {
		if kv.Key == key {
			return kv.Value
		}
	}
	return ""
}

func (x Extra) put(dst []byte) []byte {
	dst = putUint(dst, uint64(len(x)))
	for _, kv := range x {
		dst = putBytes(putBytes(dst, kv.Key), kv.Value)
	}
	return dst
}

func (d *dec) extra() (x Extra) {
	for range d.count(maxExtra, 2) {
		kv := KV{d.str(64), d.str(MaxText)}
		if len(x) > 0 && x[len(x)-1].Key >= kv.Key {
			d.fail("named values are not in order")
		}
		x = append(x, kv)
	}
	return x
}

func putDicts(dst []byte, ids []uint32) []byte {
	dst = putUint(dst, uint64(len(ids)))
	for _, id := range ids {
		dst = putUint(dst, uint64(id))
	}
	return dst
}

func (d *dec) dicts() (ids []uint32) {
	for range d.count(maxDicts, 1) {
		ids = append(ids, uint32(d.uint(1<<32-1)))
	}
	return ids
}

// Hello opens a session. Who the node is comes from its certificate alone.
type Hello struct {
	Proto      uint64          // Version
	Boot       [16]byte        // random, new at every start of the process
	Session    uint64          // counts the sessions of this boot; the greater is the newer
	Build      string          // version of the program
	Hub        bool            // the node is itself a hub and forwards for others
	Clock      time.Time       // the node's clock
	Confidence edge.Confidence // how far the node trusts it
	Dicts      []uint32        // dictionaries it has
	Extra      Extra
}

// Type returns THello.
func (*Hello) Type() Type { return THello }

func (f *Hello) appendBody(dst []byte) []byte {
	dst = append(putUint(dst, f.Proto), f.Boot[:]...)
	dst = putBytes(putUint(dst, f.Session), f.Build)
	dst = putTime(append(dst, bit(f.Hub)), f.Clock)
	dst = append(dst, byte(f.Confidence))
	return f.Extra.put(putDicts(dst, f.Dicts))
}

func (f *Hello) decodeBody(b []byte) error {
	d := dec{b: b}
	f.Proto = d.uint(1 << 20)
	copy(f.Boot[:], d.take(16))
	f.Session, f.Build = d.uint(^uint64(0)), d.str(128)
	f.Hub, f.Clock = d.flag(), d.time()
	f.Confidence = edge.Confidence(d.uint(uint64(edge.Exact)))
	f.Dicts, f.Extra = d.dicts(), d.extra()
	return d.end()
}

// Welcome answers HELLO.
type Welcome struct {
	Proto   uint64
	Session [16]byte  // names the session in logs of both ends
	Clock   time.Time // the hub's clock
	Credit  []Credit  // first grants, one per class
	Streams uint64    // cursors that follow in CURSORS frames
	Dicts   []uint32  // dictionaries the hub can open
	Extra   Extra
}

// Type returns TWelcome.
func (*Welcome) Type() Type { return TWelcome }

func (f *Welcome) appendBody(dst []byte) []byte {
	dst = append(putUint(dst, f.Proto), f.Session[:]...)
	dst = putUint(putTime(dst, f.Clock), uint64(len(f.Credit)))
	for _, c := range f.Credit {
		dst = c.appendBody(dst)
	}
	dst = putDicts(putUint(dst, f.Streams), f.Dicts)
	return f.Extra.put(dst)
}

func (f *Welcome) decodeBody(b []byte) error {
	d := dec{b: b}
	f.Proto = d.uint(1 << 20)
	copy(f.Session[:], d.take(16))
	f.Clock = d.time()
	for range d.count(len(edge.Urgencies()), 2) {
		f.Credit = append(f.Credit, d.credit())
	}
	f.Streams, f.Dicts = d.uint(1<<32), d.dicts()
	f.Extra = d.extra()
	return d.end()
}

// Credit bounds the BATCH frames of one class. The sender may begin a frame while the bytes of all such
// frames it sent on this link, heads included, are fewer than Limit: so the last one may reach beyond, and
// a record of any size gets through any window. A grant never sinks; an older one that arrives late changes
// nothing. SKIP and EPOCH need no credit.
type Credit struct {
	Class edge.Urgency
	Limit uint64 // bytes since the link began
}

// Type returns TCredit.
func (*Credit) Type() Type { return TCredit }

func (f *Credit) appendBody(dst []byte) []byte {
	return putUint(append(dst, byte(f.Class)), f.Limit)
}

func (f *Credit) decodeBody(b []byte) error {
	d := dec{b: b}
	*f = d.credit()
	return d.end()
}

func (d *dec) credit() Credit { return Credit{d.urgency(), d.uint(^uint64(0))} }

func (d *dec) urgency() edge.Urgency {
	u := edge.Urgency(d.uint(uint64(edge.Bulk)))
	if !u.Valid() {
		d.fail("an urgency is not from 1 to 6")
	}
	return u
}

// Time is one half of a clock exchange as in NTP (RFC 5905 section 8): the asker fills T1; the answer
// repeats it and adds when the question came and when the answer left. T4 is when the asker reads it.
type Time struct{ T1, T2, T3 time.Time }

// Type returns TTime.
func (*Time) Type() Type { return TTime }

func (f *Time) appendBody(dst []byte) []byte { return putTime(putTime(putTime(dst, f.T1), f.T2), f.T3) }

func (f *Time) decodeBody(b []byte) error {
	d := dec{b: b}
	f.T1, f.T2, f.T3 = d.time(), d.time(), d.time()
	return d.end()
}

// Offset returns how far the other clock is ahead of ours and how long the exchange was under way.
func (f *Time) Offset(t4 time.Time) (ahead, delay time.Duration) {
	ahead = (f.T2.Sub(f.T1) + f.T3.Sub(t4)) / 2
	return ahead, t4.Sub(f.T1) - f.T3.Sub(f.T2)
}

// Ping asks whether the path and the program at its end are alive.
type Ping struct{ Nonce uint64 }

// Type returns TPing.
func (*Ping) Type() Type { return TPing }

func (f *Ping) appendBody(dst []byte) []byte { return putUint(dst, f.Nonce) }

func (f *Ping) decodeBody(b []byte) error {
	d := dec{b: b}
	f.Nonce = d.uint(^uint64(0))
	return d.end()
}

// Pong answers a Ping with its number.
type Pong struct{ Nonce uint64 }

// Type returns TPong.
func (*Pong) Type() Type { return TPong }

func (f *Pong) appendBody(dst []byte) []byte { return putUint(dst, f.Nonce) }

func (f *Pong) decodeBody(b []byte) error {
	d := dec{b: b}
	f.Nonce = d.uint(^uint64(0))
	return d.end()
}

// A Window is a time of day, in UTC, on some days of the week.
type Window struct {
	Days     uint8         // bit 0 is Sunday
	From, To time.Duration // since midnight; To before From crosses midnight
}

// Policy is what the hub asks of a node's use of the link. Zero fields ask for nothing.
type Policy struct {
	Version uint64
	Budget  uint64        // bytes a month, both ways
	Reserve uint64        // of which only classes 1 to 3 may use the last so many
	Rate    uint64        // bytes a second for classes 4 to 6
	Floor   time.Duration // least wait before a reconnect
	Windows []Window      // when bulk may go; empty: always
	Extra   Extra
}

// Type returns TPolicy.
func (*Policy) Type() Type { return TPolicy }

func (f *Policy) appendBody(dst []byte) []byte {
	dst = putUint(putUint(putUint(putUint(dst, f.Version), f.Budget), f.Reserve), f.Rate)
	dst = putUint(putMillis(dst, f.Floor), uint64(len(f.Windows)))
	for _, w := range f.Windows {
		dst = putMillis(putMillis(putUint(dst, uint64(w.Days)), w.From), w.To)
	}
	return f.Extra.put(dst)
}

func (f *Policy) decodeBody(b []byte) error {
	d := dec{b: b}
	f.Version, f.Budget, f.Reserve, f.Rate = d.uint(^uint64(0)), d.uint(1<<60), d.uint(1<<60), d.uint(1<<60)
	f.Floor = d.millis(24 * time.Hour)
	for range d.count(64, 3) {
		f.Windows = append(f.Windows, Window{uint8(d.uint(0x7f)), d.millis(24 * time.Hour), d.millis(24 * time.Hour)})
	}
	f.Extra = d.extra()
	return d.end()
}

func putMillis(dst []byte, t time.Duration) []byte {
	return putUint(dst, uint64(max(t, 0)/time.Millisecond))
}

func (d *dec) millis(limit time.Duration) time.Duration {
	return time.Duration(d.uint(uint64(limit/time.Millisecond))) * time.Millisecond
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}
