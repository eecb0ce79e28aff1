package node

import (
	"net/http"
	"net/http/pprof"
	"strconv"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/problem"
)

// longestProfile bounds the time a difference of two profiles may take, in seconds.
const longestProfile = 30

// serveProfile shows what the program holds and does, to whoever may see inside a node. Only these two: a profile of
// the processor slows the node down, and the command line is nobody's business.
func (n *Node) serveProfile(name string) http.Handler {
	p := pprof.Handler(name)
	return n.front.gateway.Guarded(gateway.Page{Op: "node.profile", Needs: "profile.debug", Audited: true, Cost: 50, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s := r.FormValue("seconds"); s != "" {
			if k, err := strconv.Atoi(s); err != nil || k < 1 || k > longestProfile {
				problem.Write(w, edge.E(edge.Invalid, "seconds may be 1 to %d", longestProfile), call.From(r.Context()).ID)
				return
			}
		}
		p.ServeHTTP(w, r)
	})})
}
