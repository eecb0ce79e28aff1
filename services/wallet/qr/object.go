package qr

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxLength is how many characters a value has at most: what two digits can count.
const maxLength = 99

// A level says which ids at one place are templates.
type level uint8

const (
	top    level = iota // of the whole code
	within              // of a template
)

// template reports whether id holds objects and not a value. 02 to 25 hold what a card scheme put there; within a
// template all is a value, also the templates 50 to 99 of the additional data, which only their scheme can read
// (MPM 4.5 to 4.8).
func (l level) template(id string) bool {
	return l == top && (id >= "26" && id <= "51" || id == "62" || id == "64" || id >= "80")
}

// reserved reports ids that Code does not hold.
func (l level) reserved(id string) bool { return l == top && (id == "00" || id == "63") }

func parse(text string, l level) ([]Object, error) {
	var objects []Object
	for text != "" {
		o, rest, err := first(text, l)
		if err != nil {
			return nil, err
		}
		if _, twice := find(objects, o.ID); twice {
			return nil, invalid("the payment code has field %s twice", o.ID)
		}
		objects, text = append(objects, o), rest
	}
	return objects, nil
}

// first cuts the first object off text.
func first(text string, l level) (o Object, rest string, err error) {
	if len(text) < 4 || !digits(text[:4]) {
		return o, "", invalid("the payment code has a field without a number and a length of two digits each")
	}
	o.ID = text[:2]
	n, _ := strconv.Atoi(text[2:4]) // two digits
	size := bytesOf(text[4:], n)
	switch {
	case l.reserved(o.ID):
		return o, "", invalid("the payment code has field %s in a wrong place", o.ID)
	case n == 0:
		return o, "", invalid("field %s of the payment code is empty", o.ID)
	case size < 0:
		return o, "", invalid("field %s of the payment code is shorter than it says", o.ID)
	}
	value, rest := text[4:4+size], text[4+size:]
	if !l.template(o.ID) {
		o.Value = value
		return o, rest, nil
	}
	o.Parts, err = parse(value, within)
	return o, rest, err
}

// bytesOf is how many bytes the first n characters of text are, or -1 where it has fewer. Lengths count characters, as
// in the Chinese names of MPM's own sample.
func bytesOf(text string, n int) int {
	size := 0
	for range n {
		if size == len(text) {
			return -1
		}
		_, w := utf8.DecodeRuneInString(text[size:])
		size += w
	}
	return size
}

// text is o as it stands in a code.
func (o Object) text(l level) (string, error) {
	value := o.Value
	if l.template(o.ID) {
		if value != "" || len(o.Parts) == 0 {
			return "", invalid("field %.2q of a payment code holds fields and no value of its own", o.ID)
		}
		for _, p := range o.Parts {
			part, err := p.text(within)
			if err != nil {
				return "", err
			}
			value += part
		}
	} else if o.Parts != nil {
		return "", invalid("field %.2q of a payment code holds a value and no fields", o.ID)
	}
	n := utf8.RuneCountInString(value)
	switch {
	case len(o.ID) != 2 || !digits(o.ID):
		return "", invalid("the number of a field of a payment code has two digits")
	case l.reserved(o.ID):
		return "", invalid("field %s is written by itself", o.ID)
	case n == 0 || n > maxLength:
		return "", invalid("field %s of a payment code may have 1 to %d characters", o.ID, maxLength)
	}
	return fmt.Sprintf("%s%02d%s", o.ID, n, value), nil
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
