package node

import (
	"context"
	"strings"

	"github.com/aielon/edge/node/api/policyv1"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/node/policy"
)

// policyMethods are those of the policies that a node answers by itself: its tables are part of the program.
func (n *Node) policyMethods(l *gateway.Locals) {
	gateway.Local(l, func(context.Context, *policyv1.ListRolesRequest) (*policyv1.ListRolesResponse, error) {
		return &policyv1.ListRolesResponse{Roles: n.policies.Base().RoleMessages()}, nil
	})
	gateway.Local(l, func(context.Context, *policyv1.ListPermissionsRequest) (*policyv1.ListPermissionsResponse, error) {
		return &policyv1.ListPermissionsResponse{Permissions: policy.PermissionMessages()}, nil
	})
	gateway.Local(l, func(_ context.Context, in *policyv1.ExplainDecisionRequest) (*policyv1.Explanation, error) {
		return n.policies.Engine().ExplainMessage(in, n.siteTime())
	})
}

// reportPolicies tells of policies of the site that cannot be read any more: some things are closed until they are
// mended.
func (n *Node) reportPolicies() edge.Health {
	broken := n.policies.Engine().Broken()
	if len(broken) == 0 {
		return edge.Health{}
	}
	names := make([]string, len(broken))
	for i, b := range broken {
		names[i] = b.ID
	}
	return edge.Health{Level: edge.Degraded, Msg: "policies of this site cannot be read: " + strings.Join(names, ", ") + "; the first: " + broken[0].Err.Error(),
		Hint: "an owner sets or removes them"}
}
