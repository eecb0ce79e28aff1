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
	return wrap(h)
}
