package shariah

import (
	"strings"

	"github.com/aielon/edge/node/edge"
)

// A FundKind says to what money is bound. Numbers are stored: add at the end, never reorder.
type FundKind uint8

const (
	NoFund       FundKind = iota
	Amanah                // customers' own money, kept in trust
	General               // free
	Sadaqah               // of one campaign
	Zakat                 //
	FitrFund              //
	FidyaFund             //
	WaqfCorpus            // of one deed; never spent
	WaqfYield             // of one deed
	QurbanFund            //
	QardPool              // lent out without interest
	Charity               // late amounts
	PurifyFund            // impermissible income on its way out
	BuildingFund          //
	fundKinds             // how many there are
)

var fundNames = [fundKinds]string{
	"", "amanah", "general", "sadaqah", "zakat", "fitr", "fidya", "waqf_corpus", "waqf_yield", "qurban", "qard_pool", "charity", "purification", "building",
}

// String returns the name used in sets and on the wire.
func (k FundKind) String() string { return name(fundNames[:], int(k)) }

// MarshalText writes what UnmarshalText reads.
func (k FundKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a name. It fails with Invalid.
func (k *FundKind) UnmarshalText(text []byte) error {
	return parseName(k, fundNames[:], string(text), "fund")
}

// Labelled reports whether a fund of the kind belongs to one campaign or one deed and needs a label.
func (k FundKind) Labelled() bool { return k == Sadaqah || k == WaqfCorpus || k == WaqfYield }

// A Fund is a kind with the campaign or deed it is for: sadaqah:roof.
type Fund struct {
	Kind  FundKind
	Label string // 1 to 64 of a-z, 0-9, - and _ where the kind is Labelled; may be empty otherwise
}

// MaxLabel is how long a fund's label may be, in bytes.
const MaxLabel = 64

// ParseFund reads "zakat" or "sadaqah:roof". It fails with Invalid.
func ParseFund(s string) (Fund, error) {
	kind, label, cut := strings.Cut(s, ":")
	var f Fund
	if err := f.Kind.UnmarshalText([]byte(kind)); err != nil {
		return Fund{}, err
	}
	if cut != (label != "") || f.Kind.Labelled() && !cut {
		return Fund{}, edge.E(edge.Invalid, "the fund %s lacks a label", kind).WithHint("write which one, for example %s:roof", kind).WithCode("invalid_request")
	}
	if len(label) > MaxLabel || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		return Fund{}, edge.E(edge.Invalid, "the label of a fund has at most %d letters a to z, digits, - and _", MaxLabel).WithCode("invalid_request")
	}
	f.Label = label
	return f, nil
}

// String writes what ParseFund reads.
func (f Fund) String() string {
	if f.Label == "" {
		return f.Kind.String()
	}
	return f.Kind.String() + ":" + f.Label
}

// An Asnaf is one of the eight categories that zakat is for (Qur'an 9:60). Numbers are stored: never reorder.
type Asnaf uint8

const (
	NoCategory   Asnaf = iota
	Faqir              // poor
	Miskin             // needy
	AmilCategory       // who collects and distributes it
	Muallaf            // whose hearts are reconciled
	Riqab              // in bondage
	Gharim             // in debt
	FiSabilillah       // in the way of God
	IbnSabil           // stranded traveller
)

var asnafNames = [...]string{"", "faqir", "miskin", "amil", "muallaf", "riqab", "gharim", "fi_sabilillah", "ibn_sabil"}

// ParseAsnaf reads a name such as "ibn_sabil". It fails with Invalid.
func ParseAsnaf(s string) (a Asnaf, err error) {
	err = parseName(&a, asnafNames[:], s, "category")
	return a, err
}

// String returns the name used in sets and on the wire.
func (a Asnaf) String() string { return name(asnafNames[:], int(a)) }

// MarshalText writes what UnmarshalText reads.
func (a Asnaf) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads like ParseAsnaf.
func (a *Asnaf) UnmarshalText(text []byte) error {
	return parseName(a, asnafNames[:], string(text), "category")
}
