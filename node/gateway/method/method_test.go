package method_test

import (
	"strconv"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/aielon/edge/node/api"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/gatewaytest"
	"github.com/aielon/edge/node/gateway/method"
)

// A rule the doors could not keep stops the node at its start.
func TestBadRules(t *testing.T) {
	for name, tc := range map[string]struct {
		method string
		change func(*api.Rule)
	}{
		"pending without values":    {"Move", func(r *api.Rule) { r.PendingValues = nil }},
		"values of nothing":         {"Move", func(r *api.Rule) { r.PendingField = "" }},
		"no such field":             {"Move", func(r *api.Rule) { r.PendingField = "status" }},
		"no such value":             {"Move", func(r *api.Rule) { r.PendingValues = []string{"WAITS", "LATER"} }},
		"neither true nor false":    {"MoveAll", func(r *api.Rule) { r.PendingValues = []string{"yes"} }},
		"pending in a list":         {"MoveAll", func(r *api.Rule) { r.PendingField = "moved" }},
		"pending in a number":       {"MoveAll", func(r *api.Rule) { r.PendingField = "total" }},
		"a query that is pending":   {"GetAccount", func(r *api.Rule) { r.PendingField, r.PendingValues = "id", []string{"x"} }},
		"parts of a query":          {"GetAccount", func(r *api.Rule) { r.PartsField, r.PartsSize = "id", 3 }},
		"parts of no list":          {"MoveAll", func(r *api.Rule) { r.PartsField = "note" }},
		"parts of nothing":          {"MoveAll", func(r *api.Rule) { r.PartsField = "" }},
		"parts of what is not":      {"MoveAll", func(r *api.Rule) { r.PartsField = "legs" }},
		"parts without a size":      {"MoveAll", func(r *api.Rule) { r.PartsSize = 0 }},
		"parts answered by no list": {"Move", func(r *api.Rule) { r.PartsField, r.PartsSize = "from", 3 }},
		"parts at the node":         {"MoveAll", func(r *api.Rule) { r.Home = api.Home_HOME_NODE }},
		"no such object":            {"MoveAll", func(r *api.Rule) { r.ObjectFields = []string{"moves.debit"} }},
		"objects that are messages": {"MoveAll", func(r *api.Rule) { r.ObjectFields = []string{"moves"} }},
		"objects of no type":        {"MoveAll", func(r *api.Rule) { r.Object = "" }},
		"a way through a text":      {"MoveAll", func(r *api.Rule) { r.ObjectFields = []string{"note.id"} }},
	} {
		if _, err := method.New(gatewaytest.Altered(t, tc.method, tc.change)); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := method.New(gatewaytest.Altered(t, "MoveAll", func(*api.Rule) {})); err != nil {
		t.Errorf("as it is: %v", err)
	}
}

// TestObjects: a command may name 512 different things, and a request in parts as many in each part.
func TestObjects(t *testing.T) {
	whole := func(r *api.Rule) { r.PartsField, r.PartsSize = "", 0 }
	thousand := func(r *api.Rule) { r.PartsSize = 1000 }
	for name, tc := range map[string]struct {
		change           func(*api.Rule)
		moves, different int
		good             bool
	}{
		"none":                {whole, 0, 1, true},
		"as many as may be":   {whole, 512, 512, true},
		"one more":            {whole, 513, 513, false},
		"the same over":       {whole, 2000, 512, true},
		"one part":            {thousand, 1000, 513, false},
		"two parts":           {thousand, 1001, 1001, true},
		"two parts, too many": {thousand, 1100, 1025, false},
	} {
		table, err := method.New(gatewaytest.Altered(t, "MoveAll", tc.change))
		if err != nil {
			t.Fatal(err)
		}
		m, _ := table.ByProcedure("/aielon.sample.v1.Ledger/MoveAll")
		in := dynamicpb.NewMessage(m.Desc.Input()) // of the altered schema
		list := in.Mutable(m.Desc.Input().Fields().ByName("moves")).List()
		for i := range tc.moves {
			one := list.NewElement()
			one.Message().Set(one.Message().Descriptor().Fields().ByName("from"), protoreflect.ValueOfString(strconv.Itoa(i%tc.different)))
			list.Append(one)
		}
		ids, err := m.Objects(in)
		if (err == nil) != tc.good || err == nil && len(ids) != min(tc.moves, tc.different) || err != nil && !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%s: %d things, %v", name, len(ids), err)
		}
	}
}
