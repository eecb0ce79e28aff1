package rest

import (
	"net/http"

	"github.com/klauspost/compress/gzhttp"
)

// compressible is from how many bytes on an answer is worth compressing.
const compressible = 1 << 10

// compressed compresses answers of more than a kilobyte, with a length that varies so that it tells nothing of
// secrets within (BREACH). Streams are sent as they come.
func compressed(h http.Handler) http.Handler {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(compressible), gzhttp.CompressionLevel(1), gzhttp.RandomJitter(32, 0, false), gzhttp.EnableZstd(true))
	if err != nil { // constant options
		return h
	}
	full := wrap(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a := r.Header["Accept-Encoding"]; len(a) > 0 && (len(a) > 1 || a[0] != "identity") {
			full.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(w, r) // long answers say themselves that others would get them compressed
	})
}
