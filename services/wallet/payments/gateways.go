package payments

import (
	"net/url"
	"regexp"
	"strconv"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/ledger"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// A Gateway is a way to be paid, with its secrets. The state it lies in is sealed; no query shows them.
type Gateway struct {
	edge.Redacted

	Name     string               `json:"name"`
	Kind     walletv1.GatewayKind `json:"kind"`
	Closed   bool                 `json:"closed,omitempty"`
	Accounts []Account            `json:"accounts"`
	Base     string               `json:"base,omitempty"`
	Private  bool                 `json:"private,omitempty"`
	Key      string               `json:"key,omitempty"`
	Signing  []string             `json:"signing,omitempty"` // the newest first, two at the most
	Version  uint64               `json:"version"`
}

// An Account is where money goes, for one currency of one fund.
type Account struct {
	Settle   edge.ID `json:"settle"`
	Suspense edge.ID `json:"suspense"`
	Asset    string  `json:"asset"`
	Fund     string  `json:"fund"`
}

const maxGateways = 64

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// Find finds a gateway. It fails with NotFound.
func Find(v edge.View, name string) (*Gateway, error) {
	g := &Gateway{}
	if namePattern.MatchString(name) {
		if found, err := get(v, join(underGateway, name), g); err != nil || found {
			return g, err
		}
	}
	return nil, edge.E(edge.NotFound, "there is no such way to be paid").WithHint("ask whoever set the gateways up").WithCode(CodeGateway)
}

func (g *Gateway) message() *walletv1.Gateway {
	m := &walletv1.Gateway{Name: g.Name, Kind: g.Kind, Closed: g.Closed, Base: g.Base, AllowPrivate: g.Private, HasKey: g.Key != "", SigningSecrets: int32(len(g.Signing)), Version: g.Version}
	for _, a := range g.Accounts {
		m.Accounts = append(m.Accounts, &walletv1.GatewayAccount{Account: a.Settle.String(), Suspense: a.Suspense.String()})
	}
	return m
}

// putGateway needs settings.manage and not a permission for money: whoever enters keys of a processor does not handle
// money, and can only have it go to desks and banks that an officer has opened.
func (s *Service) putGateway(tx edge.Tx, in *walletv1.PutGatewayRequest) (*walletv1.Gateway, error) {
	g, err := Find(tx, in.GetName())
	if edge.IsKind(err, edge.NotFound) && namePattern.MatchString(in.GetName()) {
		g, err = &Gateway{Name: in.GetName(), Kind: in.GetKind()}, room(tx)
	}
	switch {
	case err != nil:
		return nil, err
	case g.Version != in.GetIfVersion():
		return nil, edge.E(edge.Conflict, "the gateway was changed meanwhile").WithHint("look at it again, then change it").WithCode(ledger.CodeExists, edge.Fact{Name: "version", Value: strconv.FormatUint(g.Version, 10)})
	case g.Kind != in.GetKind() || g.Kind < walletv1.GatewayKind_GATEWAY_CASH || g.Kind > walletv1.GatewayKind_GATEWAY_CARD:
		return nil, invalid("a gateway is cash, bank or card, and stays what it is")
	}
	g.Closed, g.Private, g.Base, g.Version = in.GetClosed(), in.GetAllowPrivate(), in.GetBase(), g.Version+1
	g.secrets(in)
	if err := g.check(); err != nil {
		return nil, err
	}
	if g.Accounts, err = s.accounts(tx, g.Kind, in.GetAccounts()); err != nil {
		return nil, err
	}
	return g.message(), set(tx, join(underGateway, g.Name), g)
}

func room(v edge.View) error {
	n := 0
	for range v.Scan([]byte(underGateway)) {
		n++
	}
	if n >= maxGateways {
		return edge.E(edge.Exhausted, "there are %d gateways, which is as many as may be", n).WithHint("use one that is there")
	}
	return v.Err()
}

func (g *Gateway) secrets(in *walletv1.PutGatewayRequest) {
	if in.GetKey() != "" {
		g.Key = in.GetKey()
	}
	switch s := in.GetSigningSecret(); {
	case s != "" && in.GetRotate() && len(g.Signing) > 0:
		g.Signing = []string{s, g.Signing[0]}
	case s != "":
		g.Signing = []string{s}
	case !in.GetRotate() && len(g.Signing) > 1:
		g.Signing = g.Signing[:1]
	}
}

func (g *Gateway) check() error {
	if g.Kind != walletv1.GatewayKind_GATEWAY_CARD {
		if g.Base != "" || g.Key != "" || len(g.Signing) > 0 {
			return invalid("only a card processor has an address and secrets")
		}
		return nil
	}
	u, err := url.Parse(g.Base)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && !(g.Private && u.Scheme == "http"):
		return invalid("the address of the card processor is not one").WithHint("write it as https://host")
	case g.Key == "" || len(g.Signing) == 0:
		return invalid("a card processor needs its key and the secret that signs its messages").WithHint("copy both from the processor's own pages")
	}
	for _, s := range g.Signing {
		if len(s) < 16 {
			return invalid("the secret that signs messages has at least 16 characters").WithHint("copy it from the processor's own pages")
		}
	}
	return nil
}

// accounts reads where money goes: desks for cash, banks for the others, one for each currency of each fund.
func (s *Service) accounts(v edge.View, kind walletv1.GatewayKind, list []*walletv1.GatewayAccount) (out []Account, err error) {
	want := walletv1.AccountKind_BANK
	if kind == walletv1.GatewayKind_GATEWAY_CASH {
		want = walletv1.AccountKind_CASH
	}
	if len(list) == 0 {
		return nil, invalid("a gateway needs the account its money goes to")
	}
	seen := map[[2]string]bool{}
	for _, a := range list {
		var settle, suspense ledger.AccountInfo
		if settle, err = s.account(v, a.GetAccount()); err == nil {
			suspense, err = s.account(v, a.GetSuspense())
		}
		at := [2]string{settle.Asset, settle.Fund}
		switch {
		case err != nil:
			return nil, err
		case walletv1.AccountKind(settle.Kind) != want || walletv1.AccountKind(suspense.Kind) != walletv1.AccountKind_PAYABLE:
			return nil, invalid("money of this gateway goes to an account of kind %s, and in suspense to one of kind PAYABLE", want)
		case suspense.Asset != settle.Asset || suspense.Fund != settle.Fund:
			return nil, invalid("the account in suspense is of another currency or fund")
		case seen[at]:
			return nil, invalid("there are two accounts for %s of %s", settle.Asset, settle.Fund)
		}
		seen[at] = true
		out = append(out, Account{Settle: settle.ID, Suspense: suspense.ID, Asset: settle.Asset, Fund: settle.Fund})
	}
	return out, nil
}

func (s *Service) account(v edge.View, text string) (ledger.AccountInfo, error) {
	if text == "" {
		return ledger.AccountInfo{}, invalid("an account is missing")
	}
	id, err := ledger.ParseID(text)
	if err != nil {
		return ledger.AccountInfo{}, err
	}
	return s.led.Find(v, id)
}

func listGateways(v edge.View, _ *walletv1.ListGatewaysRequest) (*walletv1.ListGatewaysResponse, error) {
	list, err := Gateways(v)
	out := &walletv1.ListGatewaysResponse{}
	for _, g := range list {
		out.Gateways = append(out.Gateways, g.message())
	}
	return out, err
}

// Gateways lists all of them, by name: 64 at the most.
func Gateways(v edge.View) (list []*Gateway, err error) {
	for k := range v.Scan([]byte(underGateway)) {
		g, err := Find(v, string(k[len(underGateway):]))
		if err != nil {
			return nil, err
		}
		list = append(list, g)
	}
	return list, v.Err()
}
