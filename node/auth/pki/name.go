package pki

import (
	"crypto/sha256"
	"crypto/x509"
	"strings"

	"github.com/aielon/edge/node/edge"
)

// LocalRegion is the region of a site that has not joined one. No region CA may carry it.
const LocalRegion = "local"

// A Role is what a certificate lets its holder be.
type Role uint8

const (
	RoleNode Role = iota // a node of a site
	RoleHub              // a node that speaks for the region; only the region's own CA can say so
)

// A Name is what a node certificate says: which node, of which site, in which region.
type Name struct {
	Site, Region string
	Role         Role
	ID           edge.NodeID
}

// String returns the URI that stands in the certificate: "aielon://<site>.<region>/<id>" for a node and
// "aielon://<site>.<region>/hub/<id>" for a hub.
func (n Name) String() string {
	path := "/"
	if n.Role == RoleHub {
		path = "/hub/"
	}
	return "aielon://" + n.Site + "." + n.Region + path + n.ID.String()
}

// ParseName reads what String wrote, byte for byte, and nothing else. It fails with Invalid.
func ParseName(s string) (Name, error) {
	var n Name
	bad := edge.E(edge.Invalid, "%q is not the name of a node", clip(s, 200))
	rest, ok := strings.CutPrefix(s, "aielon://")
	host, path, ok2 := strings.Cut(rest, "/")
	site, region, ok3 := strings.Cut(host, ".")
	if !ok || !ok2 || !ok3 || CheckLabel(site) != nil || CheckLabel(region) != nil {
		return Name{}, bad
	}
	n.Site, n.Region = site, region
	if id, hub := strings.CutPrefix(path, "hub/"); hub {
		n.Role, path = RoleHub, id
	}
	id, err := edge.ParseNodeID(path)
	if err != nil {
		return Name{}, bad
	}
	n.ID = id
	if n.String() != s { // upper case digits, a second spelling of the same thing
		return Name{}, bad
	}
	return n, nil
}

// CheckLabel refuses, with Invalid, what cannot be the name of a site or a region: 1 to 63 of a-z, 0-9
// and -, not starting or ending with - (RFC 1123 section 2.1, in lower case).
func CheckLabel(s string) error {
	ok := len(s) >= 1 && len(s) <= 63 && s[0] != '-' && s[len(s)-1] != '-'
	for i := 0; ok && i < len(s); i++ {
		ok = s[i] >= 'a' && s[i] <= 'z' || s[i] >= '0' && s[i] <= '9' || s[i] == '-'
	}
	if !ok {
		return edge.E(edge.Invalid, "%q cannot name a site or a region", clip(s, 80)).WithHint("use 1 to 63 small letters, digits and hyphens, such as clinic-7")
	}
	return nil
}

// KeyID is the SHA-256 of a certificate's public key: the NodeID where it is a node's, and the pin and
// the handle for revocation where it is a CA's.
func KeyID(c *x509.Certificate) edge.NodeID { return sha256.Sum256(c.RawSubjectPublicKeyInfo) }

// A DeviceName is what a device certificate says.
type DeviceName struct{ Site, ID string }

// String returns the URI that stands in the certificate, "aielon-device://<site>/<id>".
func (d DeviceName) String() string { return "aielon-device://" + d.Site + "/" + d.ID }

// ParseDeviceName reads what String wrote and nothing else. It fails with Invalid.
func ParseDeviceName(s string) (DeviceName, error) {
	rest, ok := strings.CutPrefix(s, "aielon-device://")
	site, id, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 || CheckLabel(site) != nil || !validDeviceID(id) {
		return DeviceName{}, edge.E(edge.Invalid, "%q is not the name of a device", clip(s, 200))
	}
	return DeviceName{site, id}, nil
}

// validDeviceID allows 1 to 64 letters, digits and ._:- so that an id needs no escaping in a URI or a topic.
func validDeviceID(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("._:-", c) >= 0) {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 64
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
