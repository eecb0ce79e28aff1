// Package zakat computes zakat: nisab, the lunar year, what is due on money, metals, trade goods, crops, finds and
// livestock, zakat al-fitr and fidya, and who may be given of it. It computes with whole numbers only and explains each
// step. Where scholars differ, a named set of parameters says what counts; the package decides nothing between them.
package zakat

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"math/bits"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
)

// A Set is what one opinion, or one authority, asks for. It is data: a name, a version, and where each part is from. A
// set that was used is never changed; a correction is a new version.
type Set struct {
	Name    string `json:"name"`    // "core"
	Version uint32 `json:"version"` // from 1

	Nisab    Metal  `json:"nisab"`     // which metal sets the threshold of money and trade goods
	GoldMg   uint64 `json:"gold_mg"`   // nisab in gold, milligrams
	SilverMg uint64 `json:"silver_mg"` // nisab in silver, milligrams

	Lunar    Rate     `json:"lunar"` // of wealth after a lunar year
	Solar    Rate     `json:"solar"` // of wealth after a solar year, where the owner keeps books by it
	Rounding Rounding `json:"rounding"`
	Hawl     Rule     `json:"hawl"`
	Debts    bool     `json:"deduct_debts"`   // debts that are due are taken off
	Worn     bool     `json:"worn_jewellery"` // jewellery that is worn counts as well

	Crops Crops `json:"crops"`
	Rikaz Rate  `json:"rikaz"` // of buried treasure and ore

	FitrG     uint64 `json:"fitr_g"`     // staple a person, grams
	AmilCap   Rate   `json:"amil_cap"`   // of a Hijri year's income of a fund, for those who work for it
	Buildings bool   `json:"buildings"`  // zakat may be spent on buildings
	StaleDays uint32 `json:"stale_days"` // age from which a price of metal is flagged

	Livestock map[Animal]Herd   `json:"livestock"`
	Sources   map[string]string `json:"sources"` // by key of this document: where it is from
}

// A Crops is what is asked of a harvest.
type Crops struct {
	Rain      Rate   `json:"rain"`      // watered by rain and springs
	Irrigated Rate   `json:"irrigated"` // watered at a cost
	Mixed     Rate   `json:"mixed"`
	NisabG    uint64 `json:"nisab_g"` // five awsuq, grams
}

// A Metal is what nisab is measured by.
type Metal string

// Metals.
const (
	Gold   Metal = "gold"
	Silver Metal = "silver"
)

// A Rule says what breaks a lunar year.
type Rule string

// Rules of hawl.
const (
	Shafii Rule = "shafii" // wealth is at nisab or above on all days
	Hanafi Rule = "hanafi" // wealth is at nisab or above at the beginning and at the end, and never nothing
)

// A Rate is a fraction of whole numbers, at most 1; as text "1/40".
type Rate struct{ Num, Den uint64 }

// String writes what UnmarshalText reads.
func (r Rate) String() string { return fmt.Sprintf("%d/%d", r.Num, r.Den) }

// MarshalText implements encoding.TextMarshaler.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads "1/40". It fails where this is no rate.
func (r *Rate) UnmarshalText(text []byte) error {
	num, den, ok := strings.Cut(string(text), "/")
	n, err := strconv.ParseUint(num, 10, 32)
	d, err2 := strconv.ParseUint(den, 10, 32)
	if !ok || err != nil || err2 != nil || n == 0 || n > d || (Rate{n, d}).String() != string(text) {
		return invalid("a rate is written as a fraction of whole numbers, such as 1/40")
	}
	*r = Rate{n, d}
	return nil
}

// A Rounding is one of amount's, with a name in documents: "down", "up", "half_even".
type Rounding amount.Rounding

// roundings are the names.
var roundings = map[string]Rounding{"down": Rounding(amount.Down), "up": Rounding(amount.Up), "half_even": Rounding(amount.HalfEven)}

// String writes the name.
func (r Rounding) String() string {
	for name, it := range roundings {
		if it == r {
			return name
		}
	}
	return "?"
}

// MarshalText implements encoding.TextMarshaler.
func (r Rounding) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a name.
func (r *Rounding) UnmarshalText(text []byte) error {
	it, ok := roundings[string(text)]
	if !ok {
		return invalid("a rounding is one of down, up and half_even")
	}
	*r = it
	return nil
}

// MaxSet is how large the document of a set may be, in bytes.
const MaxSet = 64 << 10

//go:embed sets.json
var builtin []byte

// Builtin are the sets that come with the program, for reading only. The first is the one to use where nobody chose.
func Builtin() []Set { return readBuiltin() }

var readBuiltin = sync.OnceValue(func() []Set {
	var raw []json.RawMessage
	if err := json.Unmarshal(builtin, &raw); err != nil {
		panic(err) // a mistake of the program: TestBuiltin reads them
	}
	sets := make([]Set, len(raw))
	for i, one := range raw {
		var err error
		if sets[i], err = ParseSet(one); err != nil {
			panic(err)
		}
	}
	return sets
})

// ParseSet reads the JSON document of a set, of at most MaxSet bytes. It fails with edge.Invalid, code
// invalid_request, where a part is missing, unknown or out of reason.
func ParseSet(doc []byte) (Set, error) {
	if len(doc) > MaxSet {
		return Set{}, invalid("the parameters of zakat are larger than %d bytes", MaxSet)
	}
	var s Set
	d := json.NewDecoder(bytes.NewReader(doc))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return Set{}, invalid("the parameters of zakat cannot be read: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return Set{}, invalid("something follows the parameters of zakat")
	}
	return s, s.Check()
}

var setName = regexp.MustCompile(`^[a-z][a-z0-9.-]{0,31}$`)

// Check fails with edge.Invalid where s has a part that is missing or out of reason.
func (s Set) Check() error {
	const most = 1e12 // grams and milligrams: far above any opinion, far below what products of it overflow
	switch {
	case !setName.MatchString(s.Name) || s.Version == 0:
		return invalid("a set of parameters has a name in small letters and a version from 1")
	case s.Nisab != Gold && s.Nisab != Silver:
		return invalid("nisab is measured by gold or by silver")
	case s.Hawl != Shafii && s.Hawl != Hanafi:
		return invalid("the rule of the lunar year is shafii or hanafi")
	case s.GoldMg == 0 || s.SilverMg == 0 || s.Crops.NisabG == 0 || s.FitrG == 0 || max(s.GoldMg, s.SilverMg, s.Crops.NisabG, s.FitrG) > most:
		return invalid("a weight in the parameters of zakat is missing or too large")
	case s.StaleDays == 0 || s.StaleDays > 366:
		return invalid("a price of metal is too old after 1 to 366 days")
	}
	for _, r := range []Rate{s.Lunar, s.Solar, s.Crops.Rain, s.Crops.Irrigated, s.Crops.Mixed, s.Rikaz, s.AmilCap} {
		if r.Num == 0 || r.Num > r.Den || bits.Len64(r.Den) > 32 {
			return invalid("a rate in the parameters of zakat is missing or above 1")
		}
	}
	for animal, herd := range s.Livestock {
		if err := herd.check(animal); err != nil {
			return err
		}
	}
	return nil
}

// String names s: "core/1".
func (s Set) String() string { return fmt.Sprintf("%s/%d", s.Name, s.Version) }

func invalid(format string, args ...any) *edge.Error {
	return edge.E(edge.Invalid, format, args...).WithCode("invalid_request")
}

// tooLarge is what every sum and product fails with that no ledger could hold.
func tooLarge() error { return invalid("the amounts are larger than any this ledger can hold") }
