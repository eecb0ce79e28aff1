package materials

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A Program is what the list is of.
type Program struct {
	Version string // "v0.9.0"
	Made    time.Time
}

// The shape of CycloneDX 1.6 as far as it is used here: ecma-international.org/publications-and-standards/standards/ecma-424.
type bill struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Serial       string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp,omitempty"`
	Component component `json:"component"`
}

type component struct {
	Type     string    `json:"type"`
	Ref      string    `json:"bom-ref"`
	Name     string    `json:"name"`
	Version  string    `json:"version,omitempty"`
	Licences []licence `json:"licenses,omitempty"`
	URL      string    `json:"purl"`
}

type licence struct {
	Expression string    `json:"expression,omitempty"`
	Licence    *licenced `json:"license,omitempty"`
}

type licenced struct {
	ID string `json:"id"`
}

type dependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn"`
}

// Bill writes the list of materials of p as CycloneDX 1.6 in JSON. The same materials give the same serial number.
func Bill(p Program, list []Material) ([]byte, error) {
	self := part(Material{Go, "github.com/aielon/edge", p.Version, "Apache-2.0"})
	self.Type, self.Name = "application", "aielon-edge"
	b := bill{Format: "CycloneDX", Spec: "1.6", Version: 1, Metadata: metadata{Component: self}, Components: []component{}}
	if !p.Made.IsZero() {
		b.Metadata.Timestamp = p.Made.UTC().Format(time.RFC3339)
	}
	needs := dependency{Ref: self.Ref, On: []string{}}
	for _, m := range list {
		c := part(m)
		b.Components, needs.On = append(b.Components, c), append(needs.On, c.Ref)
	}
	b.Dependencies = []dependency{needs}
	b.Serial = serial(append(needs.On, self.Ref))
	out, err := json.Marshal(b)
	if err != nil {
		return nil, edge.E(edge.Internal, "the list of materials cannot be written: %w", err)
	}
	return out, nil
}

func part(m Material) component {
	c := component{Type: "library", Name: m.Name, Version: m.Version, URL: packageURL(m)}
	c.Ref = c.URL
	switch {
	case m.Licence == "":
	case strings.Contains(m.Licence, " "):
		c.Licences = []licence{{Expression: m.Licence}}
	default:
		c.Licences = []licence{{Licence: &licenced{m.Licence}}}
	}
	return c
}

// packageURL is the name of a package in all lists (github.com/package-url/purl-spec).
func packageURL(m Material) string {
	scheme := "npm/"
	if m.Kind == Go {
		scheme = "golang/"
	}
	parts := strings.Split(m.Name, "/")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(url.PathEscape(p), "@", "%40")
	}
	at := ""
	if m.Version != "" {
		at = "@" + url.QueryEscape(m.Version)
	}
	return "pkg:" + scheme + strings.Join(parts, "/") + at
}

// serial is a UUID made of what the list names (RFC 9562, version 8).
func serial(refs []string) string {
	h := sha256.Sum256([]byte(strings.Join(refs, "\n")))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}
