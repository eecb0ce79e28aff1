package edge

import "iter"

// ScanFrom yields rows under a prefix from a key on, in ascending order. Views of the state begin there; others yield
// from the beginning of the prefix, so callers skip what comes before. It ends like View.Scan: with a look at Err.
func ScanFrom(v View, prefix, from []byte) iter.Seq2[[]byte, []byte] {
	if f, ok := v.(interface {
		ScanFrom(prefix, from []byte) iter.Seq2[[]byte, []byte]
	}); ok {
		return f.ScanFrom(prefix, from)
	}
	return v.Scan(prefix)
}
