package qr_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image/png"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/qr"
)

var run = regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`)

// fromSVG gives back the squares that a picture paints, with the white around.
func fromSVG(t *testing.T, svg string) map[[2]int]bool {
	t.Helper()
	if err := xml.Unmarshal([]byte(svg), new(struct{})); err != nil {
		t.Fatal(err)
	}
	black := map[[2]int]bool{}
	for _, m := range run.FindAllStringSubmatch(svg, -1) {
		var n [4]int
		for i := range n {
			n[i], _ = strconv.Atoi(m[i+1])
		}
		for i := range n[2] {
			black[[2]int{n[0] + i, n[1]}] = true
		}
	}
	return black
}

// Both pictures are the same squares, with four of white around, and nothing in the SVG needs leave of a page.
func TestPictures(t *testing.T) {
	for _, name := range []string{"emvco.txt", "qris.txt"} {
		text := sample(t, name)
		svg, err := qr.SVG(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, no := range []string{"script", "style", "href", "url(", "on"} {
			if strings.Contains(strings.ReplaceAll(svg, "http://www.w3.org/2000/svg", ""), no) {
				t.Errorf("the picture has %q in it", no)
			}
		}
		var side int
		if _, err := fmt.Sscanf(svg[strings.Index(svg, "viewBox"):], `viewBox="0 0 %d`, &side); err != nil || (side-8-21)%4 != 0 {
			t.Fatalf("side %d, %v", side, err)
		}
		black := fromSVG(t, svg)
		if !black[[2]int{4, 4}] || !black[[2]int{10, 4}] || black[[2]int{11, 4}] || !black[[2]int{4, side - 5}] || !black[[2]int{side - 5, 4}] || black[[2]int{side - 12, 4}] {
			t.Error("the corners are not those of a QR code")
		}
		const scale = 3
		picture, err := qr.PNG(text, side*scale+2)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(picture))
		if err != nil || img.Bounds().Dx() != side*scale+2 || img.Bounds().Dy() != side*scale+2 {
			t.Fatal(img.Bounds(), err)
		}
		for y := range side * scale {
			for x := range side * scale {
				r, _, _, _ := img.At(x+1, y+1).RGBA()
				if at := [2]int{x / scale, y / scale}; black[at] != (r == 0) {
					t.Fatalf("%s: square %v is black %v in one picture only", name, at, black[at])
				}
			}
		}
		for at := range black {
			if at[0] < 4 || at[1] < 4 || at[0] >= side-4 || at[1] >= side-4 {
				t.Fatalf("no white around at %v", at)
			}
		}
	}
}

func TestPicturesRefuse(t *testing.T) {
	for _, text := range []string{"", strings.Repeat("x", qr.MaxText+1)} {
		if _, err := qr.SVG(text); edge.CodeOf(err) != qr.Invalid {
			t.Error(err)
		}
	}
	for _, pixels := range []int{-1, 0, 40, qr.MaxPixels + 1, 1 << 30} {
		if _, err := qr.PNG(sample(t, "qris.txt"), pixels); edge.CodeOf(err) != qr.Invalid {
			t.Error(pixels, err)
		}
	}
	if _, err := qr.PNG(strings.Repeat("北", qr.MaxText/3), qr.MaxPixels); err != nil {
		t.Error(err)
	}
}
