package qr

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"

	matrix "github.com/boombuler/barcode/qr"

	"github.com/aielon/edge/node/edge"
)

const (
	quiet     = 4    // modules of white around a code (ISO/IEC 18004, 9.1)
	MaxPixels = 2048 // the largest side of a PNG
)

// A grid is the squares of a code, true where one is black, without the white around.
type grid [][]bool

// squares draws text with error correction level M, which MPM 3.3 asks for as far as a code is not too dense for it. The
// bytes are UTF-8 without a mark in front: a mark would be part of what is read, and break the checksum.
func squares(text string) (grid, error) {
	if text == "" || len(text) > MaxText {
		return nil, invalid("a QR code is drawn of 1 to %d bytes of text", MaxText)
	}
	code, err := matrix.Encode(text, matrix.M, matrix.Auto)
	if err != nil {
		return nil, edge.E(edge.Internal, "the QR code could not be drawn: %w", err)
	}
	n := code.Bounds().Dx()
	g := make(grid, n)
	for y := range g {
		g[y] = make([]bool, n)
		for x := range g[y] {
			r, _, _, _ := code.At(x, y).RGBA()
			g[y][x] = r == 0
		}
	}
	return g, nil
}

// SVG draws any text of at most MaxText bytes as a picture without scripts, styles or references, so that a page may
// hold it whatever its content security policy; its size is that of what it is put into. It fails with edge.Invalid.
func SVG(text string) (string, error) {
	g, err := squares(text)
	if err != nil {
		return "", err
	}
	side := len(g) + 2*quiet
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%dv%dH0z"/><path d="`, side, side, side, side)
	for y, row := range g {
		for x := 0; x < len(row); x++ {
			from := x
			for x < len(row) && row[x] {
				x++
			}
			if x > from {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", from+quiet, y+quiet, x-from, x-from)
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return b.String(), nil
}

// PNG draws any text of at most MaxText bytes, black on white, pixels wide and high. All squares are of one size, so
// what is left over is white around them. It fails with edge.Invalid where pixels is more than MaxPixels or too few for
// the text.
func PNG(text string, pixels int) ([]byte, error) {
	g, err := squares(text)
	if err != nil {
		return nil, err
	}
	side := len(g) + 2*quiet
	if pixels < side || pixels > MaxPixels {
		return nil, invalid("a picture of this QR code is %d to %d pixels wide", side, MaxPixels)
	}
	size := pixels / side
	margin := (pixels - size*len(g)) / 2
	img := image.NewPaletted(image.Rect(0, 0, pixels, pixels), color.Palette{color.White, color.Black})
	for y, row := range g {
		for x, black := range row {
			if black {
				fill(img, margin+x*size, margin+y*size, size)
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil, edge.E(edge.Internal, "the picture of the QR code could not be written: %w", err)
	}
	return b.Bytes(), nil
}

func fill(img *image.Paletted, x, y, size int) {
	for dy := range size {
		for dx := range size {
			img.SetColorIndex(x+dx, y+dy, 1)
		}
	}
}
