package portal

import (
	_ "embed"
	"encoding/json"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/materials"
)

//go:embed materials.json
var packages []byte

// Materials lists the packages the app was built of, by name; the build writes the list. It fails with Internal if
// the list is damaged.
func Materials() ([]materials.Material, error) {
	var list []materials.Material
	if err := json.Unmarshal(packages, &list); err != nil {
		return nil, edge.E(edge.Internal, "the list of the portal's packages cannot be read: %w", err)
	}
	for i := range list {
		list[i].Kind = materials.Npm
	}
	return list, nil
}
