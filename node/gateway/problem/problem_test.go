package problem

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"

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

// What is refused by a rule has a status of its own and crosses a wire and comes back, with its code and facts.
func TestRefused(t *testing.T) {
	err := fmt.Errorf("wrapped: %w", edge.E(edge.Refused, "too little is left").WithHint("pay in first").WithCode("insufficient_funds", edge.Fact{Name: "left", Value: "10"}, edge.Fact{Name: "asked", Value: "20"}))
	d := Of(err)
	want := Details{Type: "/problems/refused", Title: "refused", Status: http.StatusUnprocessableEntity, Detail: "too little is left", Hint: "pay in first", Code: "insufficient_funds",
		Facts: []Fact{{"left", "10"}, {"asked", "20"}}}
	if !reflect.DeepEqual(d, want) || Code(err) != connect.CodeFailedPrecondition {
		t.Fatalf("%+v %v, want %+v", d, Code(err), want)
	}
	detail, derr := connectproto.NewErrorDetail(d.Message())
	if derr != nil {
		t.Fatal(derr)
	}
	if back := Of(connect.NewError(Code(err), "other words").WithDetail(detail)); !reflect.DeepEqual(back, want) {
		t.Errorf("over the wire and back: %+v, want %+v", back, want)
	}
	// others mean other things by the same code of gRPC, and a Problem counts only where it fits the code
	if got := Of(connect.NewError(connect.CodeFailedPrecondition, "no")); got.Title != "conflict" || got.Status != http.StatusConflict {
		t.Errorf("without a Problem: %+v", got)
	}
	if got := Of(connect.NewError(connect.CodeNotFound, "no").WithDetail(detail)); got.Title != "not_found" || got.Code != "" || got.Detail != "no" {
		t.Errorf("with a Problem that does not fit: %+v", got)
	}
}

// What is our fault is told without words, codes and facts.
func TestNothingLeaks(t *testing.T) {
	for _, k := range []edge.Kind{edge.Internal, edge.Corrupt} {
		d := Of(edge.E(k, "row 17 of somebody").WithCode("row_broken", edge.Fact{Name: "row", Value: "17"}))
		if b, _ := json.Marshal(d); d.Code != "" || d.Facts != nil || strings.Contains(string(b), "17") || strings.Contains(string(b), "row") {
			t.Errorf("%s", b)
		}
	}
	if b, _ := json.Marshal(Of(edge.E(edge.NotFound, "no"))); strings.Contains(string(b), "code") || strings.Contains(string(b), "facts") {
		t.Errorf("members that say nothing: %s", b)
	}
}
