package ledger

import (
	"regexp"
	"strings"

	"golang.org/x/text/currency"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// scaleOf is how many decimals a currency has. Those of ISO 4217 are known; others were defined.
func scaleOf(v edge.View, code string) (int, error) {
	a, err := findAsset(v, code)
	return int(a.GetScale()), err
}

// isAssetCode is what a code looks like. It is part of keys.
func isAssetCode(code string) bool { return assetPattern.MatchString(code) }

var assetPattern = regexp.MustCompile(`^[A-Z][A-Z0-9_]{2,11}$`)

// findAsset fails with NotFound where a unit is neither a currency of ISO 4217 nor defined here.
func findAsset(v edge.View, code string) (*walletv1.Asset, error) {
	if isAssetCode(code) {
		row, found, err := get(v, textKey(rowAsset, code))
		if err != nil {
			return nil, err
		}
		if found {
			return decodeAsset(code, row)
		}
		if a := isoAsset(code); a != nil {
			return a, nil
		}
	}
	return nil, edge.E(edge.NotFound, "there is no currency %q here", clip(code, 12)).WithHint("use the three letters of ISO 4217, or define the unit first").WithCode(CodeAsset)
}

// isoAsset is a currency of ISO 4217, whose decimals are those of its list (edition of 2015 with amendments up to 2023,
// by a secondary source): two, unless it is here. What CLDR says instead is how many are shown, which is none for many.
func isoAsset(code string) *walletv1.Asset {
	if _, err := currency.ParseISO(code); err != nil || len(code) != 3 {
		return nil
	}
	scale := int32(2)
	switch code {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		scale = 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		scale = 3
	case "CLF", "UYW":
		scale = 4
	case "XCD":
	default:
		if code[0] == 'X' { // metals, funds and tests, whose decimals ISO 4217 leaves open
			return nil
		}
	}
	return &walletv1.Asset{Code: code, Scale: scale, Name: code, Iso: code}
}

func decodeAsset(code string, row []byte) (*walletv1.Asset, error) {
	r := reader{b: row}
	a := &walletv1.Asset{Code: code, Scale: int32(r.byte()), Name: r.text()}
	if a.Scale > amount.MaxScale {
		r.fail()
	}
	return a, r.done("a unit of account")
}

func defineAsset(tx edge.Tx, in *walletv1.DefineAssetRequest) (*walletv1.Asset, error) {
	code := in.GetCode()
	if !isAssetCode(code) || in.GetScale() < 0 || in.GetScale() > amount.MaxScale {
		return nil, invalid("a unit has 3 to 12 capitals and digits, and up to %d decimals", amount.MaxScale)
	}
	if isoAsset(code) != nil {
		return nil, clash(CodeExists, "this currency is known by ISO 4217", "use it as it is", fact("asset", code))
	}
	if old, found, err := get(tx, textKey(rowAsset, code)); err != nil {
		return nil, err
	} else if found {
		a, err := decodeAsset(code, old)
		if err == nil && (a.Scale != in.GetScale() || a.Name != in.GetName()) {
			return nil, clash(CodeExists, "there is a unit of this code already", "choose another code; a unit never changes", fact("asset", code))
		}
		return a, err
	}
	tx.Set(textKey(rowAsset, code), appendText([]byte{byte(in.GetScale())}, in.GetName()))
	return &walletv1.Asset{Code: code, Scale: in.GetScale(), Name: in.GetName()}, nil
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
