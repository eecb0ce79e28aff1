package rest

import (
	"net/http"

	"github.com/klauspost/compress/gzhttp"
)

// compressed compresses answers of more than a kilobyte, with a length that varies so that it tells nothing of
// secrets within (BREACH). Streams are sent as they come.
func compressed(h http.Handler) http.Handler {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(1024), gzhttp.CompressionLevel(1), gzhttp.RandomJitter(32, 0, false), gzhttp.EnableZstd(true))
	if err != nil { // constant options
		return h
	}
	full := wrap(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a := r.Header["Accept-Encoding"]; len(a) > 0 && (len(a) > 1 || a[0] != "identity") {
			full.ServeHTTP(w, r)
			return
		}
		if v := w.Header(); v["Vary"] == nil {
			v["Vary"] = varied
		} else {
			v.Add("Vary", "Accept-Encoding")
		}
		h.ServeHTTP(w, r)
	})
}
