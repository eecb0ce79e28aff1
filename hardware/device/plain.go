package device

// plainPack reads a SenML pack as nearly every device sends it, in one pass and without building maps:
// known labels, values of the right type, numbers of up to 15 digits. Of anything else, right or wrong, it
// reports false and leaves it to anyPack, so that the two never differ in what they accept.
func (d *Decoder) plainPack(m Message) (res Result, plain bool, err error) {
	b := trim(m.Payload)
	if len(b) == 0 || b[0] != '[' {
		return Result{}, false, nil
	}
	w := d.workspace()
	s := &w.scan
	s.b, s.text, s.i = b, string(b), 1
	n, odd := 0, false
	res, err = d.pack(m, w, func(r *record) (bool, error) {
		more, err := s.next(']', n == 0)
		if n++; err == nil && more && n <= MaxSamples {
			err = s.plainRecord(r)
		} else if err == nil && more {
			err = s.bad("it is too long")
		} else if err == nil {
			err = s.end()
		}
		odd = err != nil
		return more, err
	})
	res.from, res.pool = w, &d.spaces
	if err != nil || len(res.Readings) == 0 {
		res.Release()
	}
	return res, !odd, err
}

func (s *scanner) plainRecord(r *record) error {
	if s.peek() != '{' {
		return s.bad("no record")
	}
	s.i++
	for first := true; ; first = false {
		more, err := s.next('}', first)
		if err != nil || !more {
			return err
		}
		if s.peek() != '"' {
			return s.bad("no name")
		}
		label, err := s.quoted()
		if err != nil {
			return err
		}
		if s.peek() != ':' {
			return s.bad("no colon")
		}
		s.i++
		if err := s.plainField(r, label); err != nil {
			return err
		}
	}
}

func (s *scanner) plainField(r *record, label []byte) error {
	c := s.peek()
	switch {
	case c == '"':
		return s.plainText(r, label)
	case c == '-' || c >= '0' && c <= '9':
		return s.plainNumber(r, label)
	}
	return s.bad("not plain")
}

func (s *scanner) plainText(r *record, label []byte) error {
	v, err := s.quotedText()
	if err != nil {
		return err
	}
	if string(label) == "vs" {
		r.vs = words{v, true}
	} else if !r.setName(string(label), v) {
		return s.bad("not plain")
	}
	return nil
}

// quotedText is quoted as a string. It is a part of text, which is the whole message copied once, except
// where there were escapes.
func (s *scanner) quotedText() (string, error) {
	from := s.i + 1
	v, err := s.quoted()
	if err != nil {
		return "", err
	}
	if from+len(v) == s.i-1 { // an escape is always longer than what it stands for
		return s.text[from : s.i-1], nil
	}
	return string(v), nil
}

func (s *scanner) plainNumber(r *record, label []byte) error {
	lit, ok := s.numeral()
	if !ok {
		return s.bad("no number")
	}
	f, ok := short(lit)
	if !ok {
		return s.bad("not plain")
	}
	if !r.setNumber(string(label), f) {
		return s.bad("not plain")
	}
	return nil
}
