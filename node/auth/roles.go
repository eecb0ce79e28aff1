package auth

// Roles of a site.
const (
	Owner           = "owner"
	SiteAdmin       = "site-admin"
	Operator        = "operator"
	Auditor         = "auditor"
	Clinician       = "clinician"
	FrontDesk       = "front-desk"
	WalletOfficer   = "wallet-officer"
	ShariahReviewer = "shariah-reviewer"
	CommunityAdmin  = "community-admin"
	Member          = "member"
	DeviceRole      = "device"
	PeerNode        = "peer-node"
	HubRole         = "hub"
)

// PeopleRoles lists the roles that people and their programs may hold, the mightiest first. The others belong
// to machines, which prove them by certificates.
func PeopleRoles() []string {
	return []string{Owner, SiteAdmin, Operator, Auditor, Clinician, FrontDesk, WalletOfficer, ShariahReviewer, CommunityAdmin, Member}
}

// AreaRoles lists those of PeopleRoles that may be confined to an area: "clinician@ward:2".
func AreaRoles() []string { return []string{Clinician, FrontDesk, WalletOfficer, CommunityAdmin} }
