package wire

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aielon/edge/node/edge"
)

func chunkFrame(n uint64) []byte {
	b, _ := AppendFrame(nil, &Chunk{ID: ObjectID{1}, Number: n, Data: bytes.Repeat([]byte{byte(n)}, ChunkSize)})
	return b
}

// Ranges come whole and in order, one that is given up in the middle does the link no harm, and lanes and
// control work beside them.
func TestRanges(t *testing.T) {
	eachTransport(t, func(t *testing.T, node, hub Link) {
		got := make(chan Frame, 1000)
		go hub.Serve(context.Background(), func(f Frame, _ int) error { got <- f; return nil })
		go node.Serve(context.Background(), func(Frame, int) error { return nil })
		<-got // the ping
		upTo := func(last uint64) Next {
			n := uint64(0)
			return func() ([]byte, error) {
				if n == last {
					return nil, nil
				}
				n++
				return chunkFrame(n), nil
			}
		}
		for range 20 { // more than may be open at a time
			if err := node.SendRange(t.Context(), upTo(3), nil); err != nil {
				t.Fatal(err)
			}
			for n := range uint64(3) {
				if c := (<-got).(*Chunk); c.Number != n+1 || len(c.Data) != ChunkSize || c.Data[9] != byte(n+1) {
					t.Fatalf("chunk %d came instead of %d", c.Number, n+1)
				}
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		pieces := 0
		err := node.SendRange(ctx, upTo(100), func(ctx context.Context, _ int) error {
			if pieces++; pieces == 80 {
				cancel()
			}
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("given up: %v", err)
		}
		failed := edge.E(edge.Corrupt, "the disk is bad")
		for range 100 { // often enough for one to be given up before its first byte has left
			if err := node.SendRange(t.Context(), func() ([]byte, error) { return nil, failed }, nil); err != failed {
				t.Fatalf("a source that fails: %v", err)
			}
		}
		if err := node.Send(t.Context(), Control, &Ping{7}); err != nil {
			t.Fatal(err)
		}
		for {
			if p, ok := (<-got).(*Ping); ok && p.Nonce == 7 {
				return
			}
		}
	})
}

// On a range there is nothing but chunks.
func TestRangeRefusesOtherFrames(t *testing.T) {
	node, hub := pair(t, "quic")
	defer node.Close(nil)
	ended := make(chan error, 1)
	go func() { ended <- hub.Serve(context.Background(), func(Frame, int) error { return nil }) }()
	ping, _ := AppendFrame(nil, &Ping{1})
	sent := false
	node.SendRange(t.Context(), func() ([]byte, error) {
		if sent {
			return nil, nil
		}
		sent = true
		return ping, nil
	}, nil)
	select {
	case err := <-ended:
		if !edge.IsKind(err, edge.Invalid) {
			t.Errorf("the link ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the link goes on")
	}
}
