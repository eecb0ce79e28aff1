package problem

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/aielon/edge/node/edge"
)

func TestNeeding(t *testing.T) {
	denied := edge.E(edge.Denied, "not like this").WithHint("prove it")
	err := fmt.Errorf("wrapped: %w", Needing(denied, NeedsFresh))
	if d := Of(err); d.Needs != NeedsFresh || d.Status != http.StatusForbidden || d.Detail != "not like this" || d.Hint != "prove it" {
		t.Errorf("the details are %+v", d)
	}
	if d := Of(denied); d.Needs != "" {
		t.Errorf("the error itself was changed: %+v", d)
	}
	if d := Of(Needing(edge.E(edge.NotFound, "gone"), NeedsFresh)); d.Needs != "" {
		t.Errorf("no proof helps with what is not there: %+v", d)
	}
}
