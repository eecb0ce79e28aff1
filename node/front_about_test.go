package node

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/aielon/edge/node/materials"
)

func TestAboutOverREST(t *testing.T) {
	b := start(t, smallConfig(t))
	owner := b.owner()
	var about struct {
		Version, Toolchain, Platform, Licence, ProgramBytes, MemoryBytes string
		Materials                                                        []materials.Material
	}
	b.must("GET", "/v1/about", owner.Session, "", &about)
	if about.Version == "" || about.Toolchain == "" || about.Licence != "Apache-2.0" || about.ProgramBytes == "" || about.MemoryBytes == "" {
		t.Errorf("%+v", about)
	}
	has := func(kind, name, licence string) bool {
		return slices.ContainsFunc(about.Materials, func(m materials.Material) bool {
			return m.Kind == kind && m.Name == name && m.Licence == licence && m.Version != ""
		})
	}
	if !has("go", "std", "BSD-3-Clause") || !has("npm", "react", "MIT") {
		t.Errorf("%+v", about.Materials)
	}
	status, body := b.rest("GET", "/v1/about/sbom", owner.Session, "")
	var bill struct {
		BomFormat  string
		Components []struct{ Purl string }
	}
	if err := json.Unmarshal([]byte(body), &bill); status != 200 || err != nil || bill.BomFormat != "CycloneDX" || len(bill.Components) != len(about.Materials) {
		t.Errorf("%d %v %.200s", status, err, body)
	}
	if status, _ := b.rest("GET", "/v1/about/sbom", "", ""); status != 401 {
		t.Errorf("anybody reads what to attack: %d", status)
	}
}
