package audit

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/aielon/edge/node/edge"
)

// An Origin names one tree: one epoch of one journal. Written down it is the first line of a checkpoint,
//
//	aielon.org/<region>/<site>/site.ledger#<epoch>            of a journal of a site
//	aielon.org/<region>/<site>/<node>/readings.ledger#<epoch> of a journal of one node
//
// with the epoch in hexadecimal. Region and site are those of the time the tree was begun.
type Origin struct {
	Region, Site string
	Node         edge.NodeID // zero: the journal is the site's
	Stream       string
	Epoch        uint64
}

const originHost = "aielon.org/"

var labelForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

// String returns the origin line.
func (o Origin) String() string {
	node := ""
	if !o.Node.IsZero() {
		node = o.Node.String() + "/"
	}
	return fmt.Sprintf("%s%s/%s/%s%s#%x", originHost, o.Region, o.Site, node, o.Stream, o.Epoch)
}

// Check refuses, with Invalid, names that cannot stand in an origin.
func (o Origin) Check() error {
	if !labelForm.MatchString(o.Region) || !labelForm.MatchString(o.Site) || !labelForm.MatchString(o.Stream) || o.Epoch == 0 {
		return edge.E(edge.Invalid, "%q cannot be the origin of a checkpoint", clip(o.String()))
	}
	return nil
}

// ParseOrigin reads what String wrote. It fails with Invalid on anything else.
func ParseOrigin(s string) (o Origin, err error) {
	bad := edge.E(edge.Invalid, "%q is not the origin of a checkpoint", clip(s))
	rest, ok := strings.CutPrefix(s, originHost)
	path, epoch, ok2 := strings.Cut(rest, "#")
	parts := strings.Split(path, "/")
	if !ok || !ok2 || len(parts) < 3 || len(parts) > 4 || len(s) > 600 {
		return o, bad
	}
	o.Region, o.Site, o.Stream = parts[0], parts[1], parts[len(parts)-1]
	if len(parts) == 4 {
		if o.Node, err = edge.ParseNodeID(parts[2]); err != nil {
			return Origin{}, bad
		}
	}
	if o.Epoch, err = strconv.ParseUint(epoch, 16, 64); err != nil || o.Check() != nil || o.String() != s {
		return Origin{}, bad
	}
	return o, nil
}

// journal names what the tree is of whatever region its site belongs to: whoever joins a region does not begin a
// new history. A node's journal goes with the node, wherever the node goes.
func (o Origin) journal() string {
	if o.Node.IsZero() {
		return o.Site + "/" + o.Stream
	}
	return o.Node.String() + "/" + o.Stream
}

func clip(s string) string {
	if len(s) <= 80 {
		return s
	}
	return strings.ToValidUTF8(s[:80], "") + "…"
}
