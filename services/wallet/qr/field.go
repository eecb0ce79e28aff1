package qr

import "unicode/utf8"

// A field ties an object to the string that it is in one of our structs, for both directions.
type field struct {
	id   string
	to   *string
	what string // for people
	max  int    // characters
	must bool
	form func(string) bool // nil: any
}

func (m *Merchant) fields() []field {
	return []field{
		{"52", &m.MCC, "category of the merchant", 4, true, sized(4, digits)},
		{"58", &m.Country, "country", 2, true, sized(2, capitals)},
		{"59", &m.Name, "name of the merchant", 25, true, nil},
		{"60", &m.City, "city of the merchant", 15, true, nil},
		{"61", &m.Postal, "postal code", 10, false, nil},
	}
}

func (a *Additional) fields() []field {
	return []field{
		{"01", &a.Bill, "number of the bill", 25, false, nil}, {"02", &a.Mobile, "mobile number", 25, false, nil},
		{"03", &a.Store, "label of the store", 25, false, nil}, {"04", &a.Loyalty, "loyalty number", 25, false, nil},
		{"05", &a.Reference, "reference", 25, false, nil}, {"06", &a.Customer, "label of the customer", 25, false, nil},
		{"07", &a.Terminal, "label of the terminal", 25, false, nil}, {"08", &a.Purpose, "purpose", 25, false, nil},
		{"09", &a.AskFor, "request for data of the payer", 3, false, nil}, {"10", &a.TaxID, "tax number", 20, false, nil},
		{"11", &a.Channel, "channel", 3, false, nil},
	}
}

func (l *Local) fields() []field {
	return []field{
		{"00", &l.Language, "language", 2, true, sized(2, letters)}, {"01", &l.Name, "name in the other language", 25, true, nil},
		{"02", &l.City, "city in the other language", 15, false, nil},
	}
}

// take moves objects into fields and gives back those that have none.
func take(objects []Object, fields []field) (rest []Object, err error) {
	rest = objects
	for _, f := range fields {
		var o Object
		if o, rest = cut(rest, f.id); o.ID != "" {
			*f.to = o.Value
		}
		if err := f.check(); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// give is the other way around.
func give(fields []field) (objects []Object, err error) {
	for _, f := range fields {
		if err := f.check(); err != nil {
			return nil, err
		}
		if *f.to != "" {
			objects = append(objects, Object{ID: f.id, Value: *f.to})
		}
	}
	return objects, nil
}

func (f field) check() error {
	switch s := *f.to; {
	case s == "" && f.must:
		return invalid("the payment code has no %s (field %s)", f.what, f.id)
	case s == "":
		return nil
	case utf8.RuneCountInString(s) > f.max:
		return invalid("the %s in the payment code has more than %d characters", f.what, f.max)
	case f.form != nil && !f.form(s):
		return invalid("the %s in the payment code is not written as it should be", f.what)
	}
	return nil
}

// cut takes the object with an id out of objects, which stay as they are.
func cut(objects []Object, id string) (Object, []Object) {
	for i, o := range objects {
		if o.ID == id {
			return o, append(append([]Object(nil), objects[:i]...), objects[i+1:]...)
		}
	}
	return Object{}, objects
}

func sized(n int, form func(string) bool) func(string) bool {
	return func(s string) bool { return len(s) == n && form(s) }
}

func capitals(s string) bool { return between(s, 'A', 'Z') }

func letters(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

func between(s string, lo, hi byte) bool {
	for i := range len(s) {
		if s[i] < lo || s[i] > hi {
			return false
		}
	}
	return true
}
