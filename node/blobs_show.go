package node

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/aielon/edge/node/blob"
	"github.com/aielon/edge/node/edge"
)

// blobControl is what the command line asks about large objects.
func (n *Node) blobControl(m *http.ServeMux) {
	m.HandleFunc("GET /v1/blobs", func(w http.ResponseWriter, r *http.Request) {
		list, err := n.listBlobs(r.Context())
		answer(w, list, err)
	})
	m.HandleFunc("POST /v1/blobs", func(w http.ResponseWriter, r *http.Request) {
		info, err := n.blobs.put(r.Context(), r.Body, r.ContentLength, r.URL.Query().Get("name"))
		answer(w, info, err)
	})
	m.HandleFunc("POST /v1/nodes/{id}/blobs/{hash}", n.onNode(func(p *hubPart, r *http.Request, id edge.NodeID) (any, error) {
		cmd, err := p.give(r.Context(), id, r.PathValue("hash"))
		return struct{ ID edge.ID }{cmd}, err
	}))
	m.HandleFunc("GET /v1/blobs/{hash}", n.serveBlob)
	m.HandleFunc("DELETE /v1/blobs/{hash}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, struct{}{}, n.removeBlob(r.Context(), r.PathValue("hash"), r.URL.Query().Get("site")))
	})
}

// listBlobs lists this node's objects, and on a hub those of its sites.
func (n *Node) listBlobs(ctx context.Context) ([]BlobInfo, error) {
	list := n.blobs.list()
	if n.hub == nil {
		return list, nil
	}
	rows, err := n.hub.h.ListObjects(ctx, "")
	for _, r := range rows {
		list = append(list, BlobInfo{Hash: r.Hex, Size: r.Size, Added: r.Time, State: "of site " + r.Site})
	}
	return list, err
}

// removeBlob removes an object of this node, or of a site of this hub.
func (n *Node) removeBlob(ctx context.Context, hash, site string) error {
	if site == "" {
		return n.blobs.remove(ctx, hash)
	}
	h, err := blob.ParseHash(hash)
	if err == nil && n.hub == nil {
		err = edge.E(edge.Invalid, "this node is no hub")
	}
	if err != nil {
		return err
	}
	return n.hub.h.RemoveObject(ctx, site, h)
}

// fetchOrder is the command with which a hub makes a node fetch an object.
const fetchOrder = "fetch"

// fetchRequest is the body of that command.
type fetchRequest struct {
	Hash string `json:"hash"`
	Name string `json:"name,omitempty"`
}

// giveLife is how long a node has to begin fetching.
const giveLife = 30 * 24 * time.Hour

// fetchBlob notes what the hub wants this node to fetch.
func (n *Node) fetchBlob(ctx context.Context, body []byte) error {
	var q fetchRequest
	if err := strictly(bytes.NewReader(body), &q); err != nil {
		return edge.E(edge.Invalid, "what to fetch cannot be read: %w", err)
	}
	h, err := blob.ParseHash(q.Hash)
	if err != nil {
		return err
	}
	return n.blobs.want(ctx, h, q.Name)
}

// give lets a node fetch an object of this hub and tells it to, by a signed command.
func (p *hubPart) give(ctx context.Context, id edge.NodeID, hash string) (edge.ID, error) {
	h, err := blob.ParseHash(hash)
	if err != nil {
		return edge.ID{}, err
	}
	if err := p.h.Give(ctx, id, h); err != nil {
		return edge.ID{}, err
	}
	q := fetchRequest{Hash: hash}
	for _, x := range p.n.blobs.list() {
		if x.Hash == hash {
			q.Name = x.Name
		}
	}
	body, err := json.Marshal(q)
	if err != nil {
		return edge.ID{}, edge.E(edge.Internal, "the command cannot be written: %w", err)
	}
	return p.send(ctx, id, CommandRequest{Name: fetchOrder, Body: body, Life: giveLife})
}

// serveBlob writes the content of an object. One that turns out to be damaged ends the connection, so that
// nobody takes the beginning for the whole.
func (n *Node) serveBlob(w http.ResponseWriter, r *http.Request) {
	in, err := n.blobs.get(r.PathValue("hash"))
	if err != nil {
		answer(w, nil, err)
		return
	}
	defer in.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	if _, err := io.Copy(w, in); err != nil {
		n.blobs.log.Warn("an object could not be read to its end", "object", r.PathValue("hash"), "error", err)
		panic(http.ErrAbortHandler)
	}
}
