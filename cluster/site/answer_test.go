package site

import (
	"bytes"
	"context"
	"testing"

	"github.com/aielon/edge/node/edge"
)

func TestCall(t *testing.T) {
	l := &testLog{}
	var client *Client
	forward := testForward(t, l, nil)
	openSites(t, l, 2, func(o *Options) {
		forward(o)
		client = o.Forward.(*Client)
		if o.Node != (edge.NodeID{1}) {
			return
		}
		o.Answer = func(ctx context.Context, peer edge.NodeID, name string, body []byte) ([]byte, error) {
			if _, ok := ctx.Deadline(); !ok || peer != (edge.NodeID{2}) {
				t.Errorf("called by %s", peer)
			}
			switch name {
			case "echo":
				return body, nil
			case "long":
				return make([]byte, maxBody+1), nil
			}
			return nil, edge.E(edge.Conflict, "not %s", name)
		}
	})
	big := bytes.Repeat([]byte("x"), maxBody)
	for _, body := range [][]byte{nil, []byte("a"), big} {
		if got, err := client.Call(t.Context(), edge.NodeID{1}, "echo", body); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%d bytes: %v", len(body), err)
		}
	}
	for name, kind := range map[string]edge.Kind{"other": edge.Conflict, "long": edge.Internal} {
		if _, err := client.Call(t.Context(), edge.NodeID{1}, name, nil); !edge.IsKind(err, kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := client.Call(t.Context(), edge.NodeID{2}, "echo", nil); !edge.IsKind(err, edge.Invalid) {
		t.Errorf("a node that answers nothing: %v", err)
	}
	if _, err := client.Call(t.Context(), edge.NodeID{1}, "echo", append(big, 'x')); !edge.IsKind(err, edge.Invalid) {
		t.Errorf("too long a question: %v", err)
	}
}
