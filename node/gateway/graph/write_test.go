package graph

import (
	"encoding/json"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/api/devicesv1"
)

// TestArgumentsAreReadAlike: the short way for texts gives what protojson gives, and takes only what it may.
func TestArgumentsAreReadAlike(t *testing.T) {
	for _, c := range []struct {
		name  string
		args  map[string]any
		short bool
	}{
		{"nothing", nil, true},
		{"a text", map[string]any{"id": "fridge-1"}, true},
		{"an empty text", map[string]any{"id": ""}, true},
		{"two", map[string]any{"id": "a", "kind": "مرحبا \u2028\x00"}, false}, // kind may be left out: protojson knows how
		{"no UTF-8", map[string]any{"id": "a\xff"}, false},
		{"null", map[string]any{"id": nil}, false},
		{"a number", map[string]any{"id": json.Number("1")}, false},
		{"a list", map[string]any{"id": "a", "publish": []any{"b"}}, false},
		{"nobody knows it", map[string]any{"id": "a", "nothing": "b"}, false},
	} {
		got, want := &devicesv1.ChangeDeviceRequest{}, &devicesv1.ChangeDeviceRequest{}
		if texts(c.args, (&devicesv1.ChangeDeviceRequest{}).ProtoReflect()) != c.short {
			t.Errorf("%s: the short way was taken, or not, against %v", c.name, c.short)
		}
		b, err := json.Marshal(c.args)
		if err == nil && len(c.args) > 0 {
			err = protojson.Unmarshal(b, want)
		}
		if gerr := decode(c.args, got); (gerr == nil) != (err == nil) || err == nil && !proto.Equal(got, want) {
			t.Errorf("%s: %v (%v), want %v (%v)", c.name, got, gerr, want, err)
		}
	}
}
