package across

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/amount"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

const (
	voucherMark = "AV1."
	maxVoucher  = 299 // characters
)

// issueVoucher sets money aside for whoever brings a text on paper to one other site.
func (x *Across) issueVoucher(tx edge.Tx, in *walletv1.IssueVoucherRequest) (*walletv1.Voucher, error) {
	a, err := x.begin(tx)
	if err != nil {
		return nil, err
	}
	id, row, err := a.set(&walletv1.OpenAllotmentRequest{Id: in.GetId(), Account: in.GetAccount(), Site: in.GetSite(), Amount: in.GetAmount(), Expires: in.GetExpires(), Purpose: in.GetPurpose()}, true)
	if err != nil {
		return nil, err
	}
	text, err := a.write(id, &row)
	if err != nil {
		return nil, err
	}
	return &walletv1.Voucher{Allotment: row.message(id, a.me.Site), Text: text}, a.end()
}

// write makes the text of a voucher, the same each time. The text is not kept: whoever has it may spend it.
func (a *act) write(id edge.ID, row *grantRow) (string, error) {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(&walletv1.VoucherBody{From: a.me.Site, To: row.Site, Id: id[:], Amount: row.Amount.String(), Asset: row.Asset,
		Fund: row.Fund, Expires: row.Expires, Purpose: row.Purpose, Debit: row.Account[:]})
	if err != nil {
		return "", edge.E(edge.Internal, "a voucher cannot be written: %w", err)
	}
	text := voucherMark + base64.RawURLEncoding.EncodeToString(append(b, a.me.signature(voucherDomain, b)...))
	if len(text) > maxVoucher {
		return "", invalid("the names of the sites, the fund and the purpose are too long for a voucher").WithHint("leave out the purpose")
	}
	return text, nil
}

// redeemVoucher takes a voucher in, once. It needs no link, only the key of the site that made it.
func (x *Across) redeemVoucher(tx edge.Tx, in *walletv1.RedeemVoucherRequest) (*walletv1.Allotment, error) {
	a, err := x.begin(tx)
	if err != nil {
		return nil, err
	}
	v, err := a.parse(in.GetText())
	if err != nil {
		return nil, err
	}
	s := spending{home: v.from, id: v.id, spend: v.id, amount: v.Amount, paper: v.raw}
	if s.asked, err = ledger.ParseID(in.GetId()); err != nil {
		return nil, err
	}
	if s.credit, _, err = a.account(in.GetCredit()); err != nil {
		return nil, err
	}
	k := siteKey(rowVisit, v.from, v.id)
	row, _, err := load[visitRow](tx, k)
	switch {
	case err != nil:
		return nil, err
	case row.Known && (row.money != v.money || !row.Voucher):
		return nil, forged()
	case !row.Known:
		row.Known, row.money, row.Expires, row.Purpose, row.Voucher = true, v.money, v.expires, v.purpose, true
	}
	return a.spend(s, row)
}

// A paper is what the text of a voucher says.
type paper struct {
	edge.Redacted
	money

	from, purpose string
	id            edge.ID
	expires       int64
	raw           []byte // body and signature
}

func forged() *edge.Error {
	return edge.E(edge.Refused, "this is not a voucher of the site it names").WithHint("scan it again; if that does not help, do not take it").WithCode(CodeForged)
}

// parse reads the text of a voucher and looks whether the site it names has signed it, for this site.
func (a *act) parse(text string) (v paper, err error) {
	body, sig, err := unwrap(text)
	if err != nil {
		return v, err
	}
	p := &walletv1.VoucherBody{}
	if proto.Unmarshal(body, p) != nil || len(p.GetId()) != len(v.id) || !isSite(p.GetFrom()) {
		return v, forged()
	}
	switch {
	case p.GetTo() != a.me.Site:
		return v, edge.E(edge.Refused, "this voucher is for site %s", clip(p.GetTo())).WithHint("it can be redeemed there only").WithCode(CodeNotHome, fact("site", clip(p.GetTo())))
	case p.GetFrom() == a.me.Site:
		return v, forged()
	}
	peer, found, err := load[peerRow](a.tx, key(rowPeer, []byte(p.GetFrom())))
	switch {
	case err != nil:
		return v, err
	case !found:
		return v, edge.E(edge.Unavailable, "the key of the site that made this voucher is not known here yet").WithHint("it comes with the next link to the hub").WithCode(CodePeer)
	case !verify(peer.Public, voucherDomain, body, sig):
		return v, forged()
	}
	v = paper{from: p.GetFrom(), purpose: p.GetPurpose(), expires: p.GetExpires(), money: money{Asset: p.GetAsset(), Fund: p.GetFund()}, raw: append(body[:len(body):len(body)], sig...)}
	copy(v.id[:], p.GetId())
	if v.Amount, err = amount.Parse(p.GetAmount()); err != nil {
		return v, forged()
	}
	return v, nil
}

// own reads a voucher this site made itself, as another site shows it, or nothing.
func (a *act) own(raw []byte) *walletv1.VoucherBody {
	n := len(raw) - ed25519.SignatureSize
	p := &walletv1.VoucherBody{}
	if n <= 0 || !verify(a.me.Public, voucherDomain, raw[:n], raw[n:]) || proto.Unmarshal(raw[:n], p) != nil {
		return nil
	}
	return p
}

// unwrap takes the text apart. Only the one spelling that is written is read.
func unwrap(text string) (body, sig []byte, err error) {
	rest, ok := strings.CutPrefix(text, voucherMark)
	if !ok || len(text) > maxVoucher {
		return nil, nil, invalid("this is no voucher").WithHint("a voucher begins with %s", voucherMark)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	if err != nil || len(b) <= ed25519.SignatureSize || strings.ContainsAny(rest, "\r\n") {
		return nil, nil, forged()
	}
	n := len(b) - ed25519.SignatureSize
	return b[:n], b[n:], nil
}

func clip(s string) string {
	if len(s) > 63 {
		s = s[:63]
	}
	return strings.ToValidUTF8(s, "")
}
