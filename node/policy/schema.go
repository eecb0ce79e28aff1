package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"

	"github.com/aielon/edge/node/edge"
)

// shape is what a policy may refer to beside roles and permissions. Decide fills in all of it, so that a policy
// which fits the shape never meets an attribute that is not there.
const shape = `
type Context = {
	door: String, addr?: ipaddr, local: Bool, own: Bool, online: Bool,
	now: datetime, hour: Long, weekday: Long,
	purpose: String, consent: String, breakglass: Bool,
};
entity Person, Device, Node, Service in [Role] { id: String, site: String, strength: Long };
entity Nobody { id: String, site: String, strength: Long };
entity Object {
	type: String, id: String, owner: String, subject: String, class: String,
	public: Bool, personal: Bool, clinical: Bool,
} tags String;
`

// Schema is the shape of policies with all roles, groups and permissions, in the language of Cedar.
func Schema() string {
	var s strings.Builder
	s.WriteString(strings.TrimSpace(shape) + "\nentity Role enum [" + quoted(roleNames()) + "];\n")
	for _, g := range groupNames() {
		fmt.Fprintf(&s, "action %s;\n", strconv.Quote(g))
	}
	for _, p := range Permissions() {
		fmt.Fprintf(&s, "action %s in [%s] appliesTo { principal: [Person, Device, Node, Service, Nobody], resource: Object, context: Context };\n",
			strconv.Quote(string(p.Name)), quoted(p.Groups()))
	}
	return s.String()
}

func groupNames() (names []string) {
	for _, p := range Permissions() {
		names = append(names, p.Groups()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func quoted(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = strconv.Quote(n)
	}
	return strings.Join(q, ", ")
}

func newValidator() (*validate.Validator, error) {
	var s schema.Schema
	if err := s.UnmarshalCedar([]byte(Schema())); err != nil {
		return nil, edge.E(edge.Internal, "the shape of policies cannot be read: %w", err)
	}
	r, err := s.Resolve()
	if err != nil {
		return nil, edge.E(edge.Internal, "the shape of policies does not hold together: %w", err)
	}
	return validate.New(r), nil
}
