package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/aielon/edge/node"
	"github.com/aielon/edge/node/edge"
)

type blobsListCmd struct{}

func (*blobsListCmd) declare(c *declaration) {
	c.Use, c.Short = "list", "List the large objects of this node and whether the hub has them."
}

func (*blobsListCmd) Run(in *invocation) error {
	c, err := in.client()
	if err != nil {
		return err
	}
	var list []node.BlobInfo
	if err := c.call(in.ctx, "GET", "/v1/blobs", nil, nil, &list); err != nil {
		return err
	}
	t := tabwriter.NewWriter(in.std.Out, 2, 0, 2, ' ', 0)
	fmt.Fprintln(t, "HASH\tSIZE\tSTATE\tADDED\tNAME\t")
	for _, b := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", b.Hash, node.Bytes(b.Size), b.State, ago(b.Added), printable(b.Name), printable(b.Trouble))
	}
	return t.Flush()
}

type blobsPutCmd struct {
	File string
}

func (b *blobsPutCmd) declare(c *declaration) {
	c.Use, c.Short = "put", "Take in a file as a large object; it is delivered to the hub when the line allows."
	c.arg(file(&b.File), "file", "The file.")
}

func (b *blobsPutCmd) Run(in *invocation) error {
	c, err := in.client()
	if err != nil {
		return err
	}
	f, err := os.Open(b.File)
	if err != nil {
		return edge.E(edge.Invalid, "the file cannot be read: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return edge.E(edge.Invalid, "the file cannot be read: %w", err)
	}
	var out node.BlobInfo
	if err := c.upload(in.ctx, "/v1/blobs", url.Values{"name": {filepath.Base(b.File)}}, f, info.Size(), &out); err != nil {
		return err
	}
	fmt.Fprintf(in.std.Out, "%s %s, %s\n", out.Hash, node.Bytes(out.Size), out.State)
	return nil
}

type blobsGetCmd struct {
	Hash, File string
}

func (b *blobsGetCmd) declare(c *declaration) {
	c.Use, c.Short = "get", "Write a large object to a file."
	c.arg(text(&b.Hash), "hash", "The object, 64 hexadecimal digits.")
	c.optional(path(&b.File), "file", "Where to write it; it must not exist yet. Without it: standard output.")
}

func (b *blobsGetCmd) Run(in *invocation) error {
	c, err := in.client()
	if err != nil {
		return err
	}
	if b.File != "" {
		if _, err := os.Stat(b.File); err == nil {
			return edge.E(edge.Conflict, "%s exists already", b.File).WithHint("choose another name")
		}
	}
	r, err := c.stream(in.ctx, "GET", "/v1/blobs/"+url.PathEscape(b.Hash), nil, nil)
	if err != nil {
		return err
	}
	defer r.Close()
	if b.File != "" {
		_, err = writeWhole(b.File, r, newProgress(in.std.Err, "object"))
		return err
	}
	if _, err := io.Copy(in.std.Out, r); err != nil {
		return edge.E(edge.Unavailable, "the object ended early: %w", err)
	}
	return nil
}

type blobsGiveCmd struct {
	ID, Hash string
}

func (b *blobsGiveCmd) declare(c *declaration) {
	c.Use, c.Short = "give", "On a hub: let a node fetch a large object, and tell it to."
	c.arg(text(&b.ID), "id", "The node, 64 hexadecimal digits.")
	c.arg(text(&b.Hash), "hash", "The object, 64 hexadecimal digits.")
}

func (b *blobsGiveCmd) Run(in *invocation) error {
	c, err := in.client()
	if err != nil {
		return err
	}
	var out struct{ ID edge.ID }
	if err := c.call(in.ctx, "POST", "/v1/nodes/"+url.PathEscape(b.ID)+"/blobs/"+url.PathEscape(b.Hash), nil, nil, &out); err != nil {
		return err
	}
	fmt.Fprintln(in.std.Out, "Queued as", out.ID)
	return nil
}

type blobsRemoveCmd struct {
	Hash, Site string
}

func (b *blobsRemoveCmd) declare(c *declaration) {
	c.Use, c.Short = "remove", "Delete a large object here. The hub keeps what it has."
	c.arg(text(&b.Hash), "hash", "The object, 64 hexadecimal digits.")
	c.Flags().StringVar(&b.Site, "site", "", "On a hub: the site that brought it.")
}

func (b *blobsRemoveCmd) Run(in *invocation) error {
	c, err := in.client()
	if err != nil {
		return err
	}
	var out json.RawMessage
	if err := c.call(in.ctx, "DELETE", "/v1/blobs/"+url.PathEscape(b.Hash), url.Values{"site": {b.Site}}, nil, &out); err != nil {
		return err
	}
	fmt.Fprintln(in.std.Out, "The object is removed here.")
	return nil
}
