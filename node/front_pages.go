package node

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/problem"
)

// serveReady answers whoever starts and restarts nodes: 200 once this one does its work, else why not, in words.
func (n *Node) serveReady(w http.ResponseWriter, r *http.Request) {
	if err := (show{n}).Ready(r.Context()); err != nil {
		problem.Write(w, err, call.From(r.Context()).ID)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write([]byte("ready\n"))
	n.writeTroubles(r.Context(), w)
}

// writeTroubles says what is not well with a node that does its work all the same: in words to this box's own user,
// and to anybody else by the names of the parts, since the words tell of addresses and names.
func (n *Node) writeTroubles(ctx context.Context, w io.Writer) {
	local := call.From(ctx).Credentials.Local
	for _, p := range n.partStatus(ctx) {
		switch {
		case p.Level == edge.OK.String():
		case !local:
			fmt.Fprintf(w, "%s: %s\n", p.Name, p.Level)
		default:
			fmt.Fprintf(w, "%s: %s: %s\n", p.Name, p.Level, strings.TrimSpace(p.Msg+" ("+p.Hint+")"))
		}
	}
}

// serveAuthority hands out the certificate of the site's own authority, for browsers and devices to trust.
func (n *Node) serveAuthority(w http.ResponseWriter, r *http.Request) {
	ca := n.keys.site.Load()
	if ca == nil {
		problem.Write(w, edge.E(edge.Unavailable, "this node does not have the site's authority yet").WithHint("try again in a moment"), call.From(r.Context()).ID)
		return
	}
	w.Header().Set("Content-Type", "application/x-x509-ca-cert")
	w.Header().Set("Content-Disposition", `attachment; filename="`+n.keys.trust.Site()+`-ca.crt"`)
	pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: ca.Root().Raw})
}
