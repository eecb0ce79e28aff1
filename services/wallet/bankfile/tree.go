package bankfile

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"golang.org/x/text/encoding/charmap"

	"github.com/aielon/edge/node/edge"
)

// Bounds of one entry or balance as XML. The largest that a bank was seen to write is a batch of a few thousand parts.
const (
	maxNodes = 200_000
	maxDepth = 32
)

// bounded reads no more than MaxBytes, and says so instead of ending early.
type bounded struct {
	r    io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		if n, err := b.r.Read(make([]byte, 1)); n == 0 && err != nil {
			return 0, err
		}
		return 0, refuse("the file is larger than %d MiB", MaxBytes>>20).WithHint("ask the bank for a shorter time")
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// source reads tokens of one document: no DTD, no entities but XML's own five, one namespace that counts.
type source struct {
	dec   *xml.Decoder
	space string
}

func newSource(r io.Reader) *source {
	dec := xml.NewDecoder(&bounded{r, MaxBytes})
	dec.CharsetReader = func(label string, in io.Reader) (io.Reader, error) {
		switch strings.ToLower(label) {
		case "us-ascii":
			return in, nil
		case "iso-8859-1", "windows-1252":
			return charmap.Windows1252.NewDecoder().Reader(in), nil
		case "iso-8859-15":
			return charmap.ISO8859_15.NewDecoder().Reader(in), nil
		}
		return nil, refuse("the file is written in an encoding that is not read here").WithHint("ask the bank for UTF-8")
	}
	return &source{dec: dec}
}

func (s *source) line() int {
	line, _ := s.dec.InputPos()
	return line
}

// next is the next token; io.EOF after the document's end.
func (s *source) next() (xml.Token, error) {
	t, err := s.dec.Token()
	var own *edge.Error
	switch {
	case err == io.EOF || errors.As(err, &own):
		return nil, err
	case err != nil:
		return nil, refuse("line %d is not well-formed XML", s.line()).WithHint("fetch the file from the bank again; it may have been cut off or changed")
	}
	if _, ok := t.(xml.Directive); ok {
		return nil, refuse("line %d declares a document type, which a bank statement never needs; nothing was read", s.line()).
			WithHint("take this file to whoever runs the site: a bank did not write it")
	}
	return t, nil
}

// A tree is one element of the document's namespace, with what is in it.
type tree struct {
	name, text, ccy string
	line            int
	kids            []*tree
}

// read takes the element that start opened.
func (s *source) read(start xml.StartElement) (*tree, error) {
	count := 0
	return s.readIn(start, 1, &count)
}

func (s *source) readIn(start xml.StartElement, depth int, count *int) (*tree, error) {
	n := &tree{line: s.line()}
	if start.Name.Space == s.space {
		n.name = start.Name.Local
	}
	for _, a := range start.Attr {
		if a.Name.Local == "Ccy" {
			n.ccy = a.Value
		}
	}
	if *count++; *count > maxNodes || depth > maxDepth {
		return nil, refuse("line %d: one entry holds more than can be read", n.line).WithHint("ask the bank for a statement without the details of batches")
	}
	var text strings.Builder
	for {
		t, err := s.next()
		if err == io.EOF {
			return nil, refuse("line %d: the file ends in the middle", s.line()).WithHint("fetch it from the bank again")
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			kid, err := s.readIn(t, depth+1, count)
			if err != nil {
				return nil, err
			}
			if n.name != "" && kid.name != "" {
				n.kids = append(n.kids, kid)
			}
		case xml.CharData:
			if text.Len()+len(t) > maxText {
				return nil, refuse("line %d: a text is longer than %d bytes", s.line(), maxText)
			}
			text.Write(t)
		case xml.EndElement:
			if len(n.kids) == 0 {
				n.text = tidy(text.String())
			}
			return n, nil
		}
	}
}

// at is the first element under n along path; nil where there is none.
func (n *tree) at(path ...string) *tree {
	for _, name := range path {
		var found *tree
		if n != nil {
			for _, k := range n.kids {
				if k.name == name {
					found = k
					break
				}
			}
		}
		n = found
	}
	return n
}

// get is the text at path; empty where there is none.
func (n *tree) get(path ...string) string {
	if at := n.at(path...); at != nil {
		return at.text
	}
	return ""
}

// all are the elements of a name right under n.
func (n *tree) all(name string) (found []*tree) {
	if n == nil {
		return nil
	}
	for _, k := range n.kids {
		if k.name == name {
			found = append(found, k)
		}
	}
	return found
}

// first is the first text that is not empty along any of the paths, each written with slashes.
func (n *tree) first(paths ...string) string {
	for _, p := range paths {
		if text := n.get(strings.Split(p, "/")...); text != "" {
			return text
		}
	}
	return ""
}
