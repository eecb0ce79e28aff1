package call_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aielon/edge/node/gateway/call"
)

// A bounded answer notes which bounds it is given.
type bounded struct {
	http.ResponseWriter
	at []time.Time
}

func (b *bounded) SetWriteDeadline(t time.Time) error {
	b.at = append(b.at, t)
	return nil
}

// behind is what a door puts around an answer.
type behind struct{ http.ResponseWriter }

func (b behind) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// TestBounds: over HTTP/3, where the server has none, an answer is bounded once; over the others the server's own bound
// is left as it is. Doors that bound their answers themselves lift it, whatever it was.
func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for version, want := range map[int][]time.Time{1: nil, 2: nil, 3: {time.Now().Add(call.AnswerTime)}} {
			b := &bounded{ResponseWriter: httptest.NewRecorder()}
			r := httptest.NewRequest("GET", "/", nil)
			r.ProtoMajor = version
			if call.Bound(behind{b}, r); !slices.EqualFunc(b.at, want, time.Time.Equal) {
				t.Errorf("HTTP/%d: %v, want %v", version, b.at, want)
			}
			if call.Unbound(behind{b}); len(b.at) != len(want)+1 || !b.at[len(want)].IsZero() {
				t.Errorf("HTTP/%d: lifted to %v", version, b.at)
			}
		}
		call.Unbound(httptest.NewRecorder()) // what has no bound is left alone
	})
}
