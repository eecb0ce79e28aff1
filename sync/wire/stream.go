package wire

import (
	"strings"

	"github.com/aielon/edge/node/edge"
)

// ALPN is the protocol name both transports negotiate (RFC 7301).
const ALPN = "aes/1"

// Version is the number HELLO and WELCOME carry.
const Version = 1

// SitePrefix starts the origin of a stream that all nodes of a site share.
const SitePrefix = "site:"

// Limits on the two halves of a StreamID, in bytes.
const (
	MaxOrigin = 69 // "site:" and a name of 64, or 64 hexadecimal digits
	MaxName   = 64
)

// A StreamID names one journal wherever it travels. Hubs pass it on untouched.
type StreamID struct {
	Origin string // 64 hexadecimal digits of a node id, or "site:" and the name of a site
	Name   string // "readings.telemetry"
}

// NodeStream is the stream called name of one node.
func NodeStream(n edge.NodeID, name string) StreamID {
	return StreamID{Origin: n.String(), Name: name}
}

// SiteStream is the stream called name of a whole site.
func SiteStream(site, name string) StreamID {
	return StreamID{Origin: SitePrefix + site, Name: name}
}

// String returns "origin/name".
func (s StreamID) String() string { return s.Origin + "/" + s.Name }

// Site returns the site's name and true for a stream of a site.
func (s StreamID) Site() (string, bool) { return strings.CutPrefix(s.Origin, SitePrefix) }

// Node returns the node's id and true for a stream of a node.
func (s StreamID) Node() (edge.NodeID, bool) {
	if len(s.Origin) != 64 {
		return edge.NodeID{}, false
	}
	n, err := edge.ParseNodeID(s.Origin)
	return n, err == nil && n.String() == s.Origin
}

// Check fails with Invalid on anything but a node's or a site's origin and a plain name.
func (s StreamID) Check() error {
	if !plain(s.Name, MaxName) {
		return edge.E(edge.Invalid, "%q is not the name of a stream: 1 to %d letters, digits, dots, dashes and underlines are expected", clip(s.Name), MaxName)
	}
	if site, ok := s.Site(); ok {
		if !plain(site, MaxOrigin-len(SitePrefix)) {
			return edge.E(edge.Invalid, "%q is not the origin of a stream: the site's name is not plain", clip(s.Origin))
		}
		return nil
	}
	if _, ok := s.Node(); !ok {
		return edge.E(edge.Invalid, "%q is not the origin of a stream: a node id or \"site:\" and a name are expected", clip(s.Origin))
	}
	return nil
}

// plain reports whether s could be part of a key, a path or a log line as it is.
func plain(s string, limit int) bool {
	if s == "" || len(s) > limit {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

func clip(s string) string {
	if len(s) <= 80 {
		return s
	}
	return strings.ToValidUTF8(s[:80], "") + "…"
}
