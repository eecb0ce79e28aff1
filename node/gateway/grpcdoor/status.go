package grpcdoor

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/aielon/edge/node/gateway/problem"
)

// Fields that end an answer.
const (
	status  = "Grpc-Status"
	message = "Grpc-Message"
	details = "Grpc-Status-Details-Bin"
)

// refuse puts err where a client of gRPC looks for it.
func refuse(h http.Header, err error) {
	e, ok := errors.AsType[*connect.Error](err)
	if !ok || e.IsRemote() {
		e = connect.NewError(problem.Code(err), problem.Of(err).Detail)
	}
	h[http.TrailerPrefix+status] = []string{strconv.Itoa(int(e.Code()))}
	h[http.TrailerPrefix+message] = []string{escaped(e.Message())}
	if list := e.Details(); len(list) > 0 {
		h[http.TrailerPrefix+details] = []string{connect.EncodeBinaryHeader(statusOf(e, list))}
	}
}

// statusOf is e as a google.rpc.Status: code, message and details (each a google.protobuf.Any) are its fields 1 to 3.
func statusOf(e *connect.Error, list []*connect.ErrorDetail) []byte {
	b := protowire.AppendTag(nil, 1, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(e.Code()))
	b = protowire.AppendTag(b, 2, protowire.BytesType)
	b = protowire.AppendString(b, e.Message())
	for _, d := range list {
		url := d.Type
		if !strings.Contains(url, "/") {
			url = "type.googleapis.com/" + url
		}
		one := protowire.AppendTag(nil, 1, protowire.BytesType)
		one = protowire.AppendString(one, url)
		one = protowire.AppendTag(one, 2, protowire.BytesType)
		one = protowire.AppendBytes(one, d.Value)
		b = protowire.AppendTag(b, 3, protowire.BytesType)
		b = protowire.AppendBytes(b, one)
	}
	return b
}

const hexDigits = "0123456789ABCDEF"

// escaped is text as it may stand in a field: what is no plain ASCII, and %, in hexadecimal.
func escaped(s string) string {
	plain := func(b byte) bool { return b >= ' ' && b <= '~' && b != '%' }
	n := 0
	for i := range len(s) {
		if !plain(s[i]) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	var out strings.Builder
	out.Grow(len(s) + 2*n)
	for i := range len(s) {
		if b := s[i]; plain(b) {
			out.WriteByte(b)
		} else {
			out.Write([]byte{'%', hexDigits[b>>4], hexDigits[b&15]})
		}
	}
	return out.String()
}
