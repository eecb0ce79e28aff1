package shariah

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep a set may be nested; the deepest parameters need 7.
const maxDepth = 12

// keys walks through a document before it is decoded: encoding/json takes the last of doubled keys, and "KIND" for
// "kind", and text that is not UTF-8. A signature would then stand under something other than what people read.
func keys(data []byte) error {
	if !utf8.Valid(data) {
		return bad("", "it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := walk(d, "", 0); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return bad("", "something stands behind its end")
	}
	return nil
}

// walk reads one value.
func walk(d *json.Decoder, place string, depth int) error {
	t, err := d.Token()
	if err != nil {
		return noJSON(d, place, err)
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth == maxDepth {
		return bad(place, "it is nested too deeply")
	}
	seen := map[string]bool{}
	for i := 0; d.More(); i++ {
		below := place + "[" + strconv.Itoa(i) + "]"
		if open == '{' {
			if below, err = walkKey(d, place, seen); err != nil {
				return err
			}
		}
		if err := walk(d, below, depth+1); err != nil {
			return err
		}
	}
	if _, err = d.Token(); err != nil { // the closing one
		return noJSON(d, place, err)
	}
	return nil
}

func walkKey(d *json.Decoder, place string, seen map[string]bool) (string, error) {
	t, err := d.Token()
	if err != nil {
		return "", noJSON(d, place, err)
	}
	key, _ := t.(string)
	switch {
	case key == "" || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz_") != "":
		return "", bad(place, "the key %.40q is not written in small letters", key)
	case seen[key]:
		return "", bad(place, "the key %q is there twice", key)
	}
	seen[key] = true
	if place == "" {
		return key, nil
	}
	return place + "." + key, nil
}

func noJSON(d *json.Decoder, place string, err error) error {
	return bad(place, "it is not JSON after byte %d: %s", d.InputOffset(), strings.TrimPrefix(err.Error(), "json: "))
}

func ruleAt(i int, id string) string {
	place := "rules[" + strconv.Itoa(i) + "]"
	if id == "" {
		return place
	}
	return place + " (" + id + ")"
}
