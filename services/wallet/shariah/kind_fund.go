package shariah

import (
	"slices"
	"strconv"
)

// fundChange lets money change its fund only as a matrix says.
type fundChange struct {
	standard
	Release   []Purpose `json:"release"`   // purposes that fulfil what a formal path asks
	Approvals uint8     `json:"approvals"` // that a formal path asks for
	Except    []Purpose `json:"except"`    // purposes that the ledger proves to undo an earlier dealing
	Paths     []path    `json:"paths"`
}

// A path is one way from a fund into others.
type path struct {
	From     FundKind   `json:"from"`
	To       []FundKind `json:"to,omitempty"` // none: any
	Purposes []Purpose  `json:"purposes,omitempty"`
	When     string     `json:"when,omitempty"`   // what must be attested
	Formal   bool       `json:"formal,omitempty"` // only as a release with a document and approvals
}

const maxPaths = 200

func (c *fundChange) valid() error {
	if err := list("release", c.Release); err != nil {
		return err
	}
	if err := some("except", c.Except); err != nil {
		return err
	}
	if len(c.Paths) == 0 || len(c.Paths) > maxPaths {
		return wrong("paths must name 1 to %d ways", maxPaths)
	}
	for i, p := range c.Paths {
		if err := p.valid(); err != nil {
			return wrong("paths[%d]: %w", i, err)
		}
	}
	return nil
}

func (p path) valid() error {
	if p.From == NoFund || slices.Contains(p.To, NoFund) {
		return wrong("a path leads from a fund to funds")
	}
	if !slices.Contains([]string{"", "beneficiary", "deed", "campaign", "ended"}, p.When) {
		return wrong("when is beneficiary, deed, campaign or ended, not %q", p.When)
	}
	if err := some("purposes", p.Purposes); err != nil {
		return err
	}
	return some("to", p.To)
}

func (c *fundChange) when() trigger { return trigger{crossing: true} }

func (c *fundChange) judge(f *Facts) verdict {
	if f.From == f.To || slices.Contains(c.Except, f.Purpose) {
		return pass
	}
	formal := f.Document && f.Approvals >= c.Approvals && slices.Contains(c.Release, f.Purpose)
	for i := range c.Paths {
		if c.Paths[i].open(f) && (formal || !c.Paths[i].Formal) {
			return pass
		}
	}
	return hit
}

func (p *path) open(f *Facts) bool {
	if p.From != f.From.Kind || len(p.To) > 0 && !slices.Contains(p.To, f.To.Kind) || len(p.Purposes) > 0 && !slices.Contains(p.Purposes, f.Purpose) {
		return false
	}
	switch p.When {
	case "beneficiary":
		return f.Beneficiary
	case "deed":
		return f.DeedPurpose
	case "campaign":
		return f.CampaignPurpose
	case "ended":
		return f.CampaignEnded && f.DonorsConsent
	}
	return true
}

func (c *fundChange) tells() []string {
	return []string{"from", "to", "purpose", "document", "approvals"}
}

func (c *fundChange) used(f *Facts) []fact {
	return []fact{
		{Name: "from", Value: f.From.String()}, {Name: "to", Value: f.To.String()}, {Name: "purpose", Value: f.Purpose.String()},
		{Name: "document", Value: yes(f.Document)}, {Name: "approvals", Value: strconv.Itoa(int(f.Approvals))},
	}
}

// zakatGrant lets zakat go to the eight categories only, to somebody who is named.
type zakatGrant struct {
	standard
	Funds      []FundKind `json:"funds"`
	Categories []Asnaf    `json:"categories"`
	Returns    []Purpose  `json:"returns"` // whose reversal puts back what should not have come
}

func (c *zakatGrant) valid() error {
	if err := some("returns", c.Returns); err != nil {
		return err
	}
	if slices.Contains(c.Categories, NoCategory) {
		return wrong("categories names one that is empty")
	}
	if err := list("categories", c.Categories); err != nil {
		return err
	}
	return list("funds", c.Funds)
}

func (c *zakatGrant) when() trigger { return trigger{from: c.Funds} }

func (c *zakatGrant) judge(f *Facts) verdict {
	back := f.Purpose == Reversal && slices.Contains(c.Returns, f.Reverses)
	if !f.leaves() || back || f.Beneficiary && slices.Contains(c.Categories, f.Asnaf) {
		return pass
	}
	return hit
}

func (c *zakatGrant) tells() []string { return []string{"from", "category", "beneficiary"} }

func (c *zakatGrant) used(f *Facts) []fact {
	category := f.Asnaf.String()
	if category == "" {
		category = "-"
	}
	return []fact{{Name: "from", Value: f.From.String()}, {Name: "category", Value: category}, {Name: "beneficiary", Value: yes(f.Beneficiary)}}
}

// zakatUpkeep keeps zakat from buildings and their upkeep; scholars differ, so it is a policy.
type zakatUpkeep struct {
	standard
	Funds    []FundKind `json:"funds"`
	Purposes []Purpose  `json:"purposes"`
	Into     []FundKind `json:"into"`
	Policy   string     `json:"policy"` // deny: the row's act; by_need: an officer looks at each; allow
}

func (c *zakatUpkeep) valid() error {
	if c.Policy != "deny" && c.Policy != "by_need" && c.Policy != "allow" {
		return wrong("policy is deny, by_need or allow, not %q", c.Policy)
	}
	if err := some("purposes", c.Purposes); err != nil {
		return err
	}
	if err := some("into", c.Into); err != nil {
		return err
	}
	return list("funds", c.Funds)
}

func (c *zakatUpkeep) when() trigger { return trigger{from: c.Funds} }

func (c *zakatUpkeep) judge(f *Facts) verdict {
	switch {
	case c.Policy == "allow" || !slices.Contains(c.Purposes, f.Purpose) && !slices.Contains(c.Into, f.To.Kind):
		return pass
	case c.Policy == "by_need":
		return ask
	}
	return hit
}

func (c *zakatUpkeep) tells() []string { return []string{"from", "to", "purpose", "policy"} }

func (c *zakatUpkeep) used(f *Facts) []fact {
	return []fact{{Name: "from", Value: f.From.String()}, {Name: "to", Value: f.To.String()}, {Name: "purpose", Value: f.Purpose.String()}, {Name: "policy", Value: c.Policy}}
}

// amilShare bounds what those who collect and distribute zakat take of it, in a year and a fund.
type amilShare struct {
	standard
	Funds    []FundKind `json:"funds"`
	Purposes []Purpose  `json:"purposes"`
	Cap      ratio      `json:"cap"`
}

func (c *amilShare) valid() error {
	if err := c.Cap.valid(); err != nil {
		return wrong("cap: %w", err)
	}
	if err := list("purposes", c.Purposes); err != nil {
		return err
	}
	return list("funds", c.Funds)
}

func (c *amilShare) when() trigger { return trigger{from: c.Funds} }

func (c *amilShare) judge(f *Facts) verdict {
	share := f.Asnaf == AmilCategory || slices.Contains(c.Purposes, f.Purpose)
	if !share || !f.AmilTaken.Less(f.AmountOut) && !c.Cap.of(f.ZakatReceived).Less(f.AmilTaken) {
		return pass
	}
	return hit
}

func (c *amilShare) tells() []string { return []string{"taken", "received", "cap", "cap_amount"} }

func (c *amilShare) used(f *Facts) []fact {
	return []fact{
		{Name: "taken", Value: f.AmilTaken.String()}, {Name: "received", Value: f.ZakatReceived.String()},
		{Name: "cap", Value: c.Cap.String()}, {Name: "cap_amount", Value: c.Cap.of(f.ZakatReceived).String()},
	}
}

// fitrTime tells that zakat al-fitr which comes after the Eid prayer counts as sadaqah.
type fitrTime struct {
	standard
	Purposes []Purpose `json:"purposes"`
}

func (c *fitrTime) valid() error  { return list("purposes", c.Purposes) }
func (c *fitrTime) when() trigger { return trigger{purposes: c.Purposes} }

func (c *fitrTime) judge(f *Facts) verdict {
	if f.AfterPrayer {
		return hit
	}
	return pass
}

func (c *fitrTime) tells() []string      { return []string{"purpose"} }
func (c *fitrTime) used(f *Facts) []fact { return []fact{{Name: "purpose", Value: f.Purpose.String()}} }

// corpus keeps what a waqf consists of; it may be swapped for something of at least its value.
type corpus struct {
	standard
	Funds     []FundKind `json:"funds"`
	Swap      []Purpose  `json:"swap"`
	Approvals uint8      `json:"approvals"`
}

func (c *corpus) valid() error {
	if err := some("swap", c.Swap); err != nil {
		return err
	}
	return list("funds", c.Funds)
}

func (c *corpus) when() trigger { return trigger{from: c.Funds} }

func (c *corpus) judge(f *Facts) verdict {
	swap := slices.Contains(c.Swap, f.Purpose) && f.Approvals >= c.Approvals && !f.ValueOut.IsZero() && !f.ValueIn.Less(f.ValueOut)
	if !f.leaves() || swap {
		return pass
	}
	return hit
}

func (c *corpus) tells() []string {
	return []string{"from", "purpose", "approvals", "value_out", "value_in"}
}

func (c *corpus) used(f *Facts) []fact {
	return []fact{
		{Name: "from", Value: f.From.String()}, {Name: "purpose", Value: f.Purpose.String()}, {Name: "approvals", Value: strconv.Itoa(int(f.Approvals))},
		{Name: "value_out", Value: f.ValueOut.String()}, {Name: "value_in", Value: f.ValueIn.String()},
	}
}

// deed lets the yield of a waqf go to what its deed names.
type deed struct {
	standard
	Funds []FundKind `json:"funds"`
}

func (c *deed) valid() error  { return list("funds", c.Funds) }
func (c *deed) when() trigger { return trigger{from: c.Funds} }

func (c *deed) judge(f *Facts) verdict {
	if !f.leaves() || f.DeedPurpose {
		return pass
	}
	return hit
}

func (c *deed) tells() []string { return []string{"from", "purpose"} }

func (c *deed) used(f *Facts) []fact {
	return []fact{{Name: "from", Value: f.From.String()}, {Name: "purpose", Value: f.Purpose.String()}}
}
