package oidc

import (
	"testing"

	"github.com/aielon/edge/node/api/oauthv1"
	"github.com/aielon/edge/node/edge"
)

// A list begins without a token and goes on with the one it gave; with any other it does not begin at all.
func TestListsBeginWithoutAToken(t *testing.T) {
	w := newWorld(t, 1)
	want := map[string]bool{}
	for range 5 {
		want[w.publicApp("devices.read")] = true
	}
	in := &oauthv1.ListClientsRequest{PageSize: 2}
	for pages := 1; ; pages++ {
		var out *oauthv1.ListClientsResponse
		err := w.view(func(v edge.View) (err error) {
			out, err = listClients(v, in)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range out.GetClients() {
			delete(want, c.GetId())
		}
		if in.PageToken = out.GetNextPageToken(); in.PageToken == "" {
			if pages != 3 || len(want) > 0 {
				t.Errorf("%d pages, %d missing", pages, len(want))
			}
			break
		}
	}
	err := w.view(func(v edge.View) error {
		if out, err := listGrants(v, &oauthv1.ListGrantsRequest{}); err != nil || len(out.GetGrants()) != 0 {
			t.Errorf("%v %v", out, err)
		}
		_, err := listClients(v, &oauthv1.ListClientsRequest{PageToken: "bm90IG91cnM"})
		return err
	})
	if !edge.IsKind(err, edge.Invalid) {
		t.Errorf("a token of nobody: %v", err)
	}
}
