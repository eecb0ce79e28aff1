package gateway

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/api/nodev1"
)

// h2 is a client of HTTP/2 that writes whatever it is told to.
type h2 struct {
	t    testing.TB
	c    net.Conn
	mu   sync.Mutex // guards writing by f
	f    *http2.Framer
	head bytes.Buffer
	enc  *hpack.Encoder
	next uint32
}

func (d *doorBench) h2(t testing.TB) *h2 {
	t.Helper()
	h := &h2{t: t, c: d.dial(t), next: 1}
	h.enc = hpack.NewEncoder(&h.head)
	io.WriteString(h.c, http2.ClientPreface)
	h.f = http2.NewFramer(h.c, h.c)
	h.f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	h.f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
	return h
}

// open begins a stream.
func (h *h2) open(end bool, pairs ...string) uint32 {
	id := h.next
	h.next += 2
	h.head.Reset()
	for i := 0; i+1 < len(pairs); i += 2 {
		h.enc.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	b := h.head.Bytes()
	first := b[:min(len(b), 16<<10)]
	h.f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: first, EndStream: end, EndHeaders: len(first) == len(b)})
	for b = b[len(first):]; len(b) > 0; {
		part := b[:min(len(b), 16<<10)]
		b = b[len(part):]
		if h.f.WriteContinuation(id, len(b) == 0, part) != nil {
			break
		}
	}
	return id
}

func (h *h2) data(id uint32, end bool, b []byte) {
	for {
		part := b[:min(len(b), 16<<10)]
		b = b[len(part):]
		h.mu.Lock()
		err := h.f.WriteData(id, end && len(b) == 0, part)
		h.mu.Unlock()
		if err != nil || len(b) == 0 {
			return
		}
	}
}

// ended is how a stream ended.
type ended struct {
	http, grpc, message string
	data                []byte
	reset, away         string
}

func (e ended) String() string {
	return fmt.Sprintf("http %s grpc %s %q reset %s away %s", e.http, e.grpc, e.message, e.reset, e.away)
}

// wait reads until a stream has ended, in whichever way.
func (h *h2) wait(id uint32) (e ended) {
	for {
		f, err := h.f.ReadFrame()
		if err != nil {
			e.away = err.Error()
			return e
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				h.mu.Lock()
				h.f.WriteSettingsAck()
				h.mu.Unlock()
			}
		case *http2.GoAwayFrame:
			e.away = f.ErrCode.String()
		case *http2.RSTStreamFrame:
			if f.StreamID == id {
				e.reset = f.ErrCode.String()
				return e
			}
		case *http2.DataFrame:
			if e.data = append(e.data, f.Data()...); f.StreamID == id && f.StreamEnded() {
				return e
			}
		case *http2.MetaHeadersFrame:
			if f.StreamID != id {
				continue
			}
			for _, p := range f.Fields {
				switch p.Name {
				case ":status":
					e.http = p.Value
				case "grpc-status":
					e.grpc = p.Value
				case "grpc-message":
					e.message = p.Value
				}
			}
			if f.StreamEnded() {
				return e
			}
		}
	}
}

func grpcHead(path string, more ...string) []string {
	return append([]string{":method", "POST", ":scheme", "http", ":authority", "localhost", ":path", path, "content-type", "application/grpc", "te", "trailers", "authorization", "Bearer good"}, more...)
}

// wireFrame is a message as gRPC sends it.
func wireFrame(compressed byte, b []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{compressed}, uint32(len(b))), b...)
}

func wireMessage(t testing.TB, m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return wireFrame(0, b)
}

func zipped(t testing.TB, n int) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.CopyN(w, zeros{}, int64(n)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

const (
	setPath   = "/aielon.node.v1.Settings/SetSetting"
	watchPath = "/aielon.node.v1.Node/WatchStatus"
)

// TestBadGRPC is the row gRPC of the list of bad inputs. A call ends with one of the codes, or the stream with an
// error of HTTP/2; nothing is changed, and others are served as ever.
func TestBadGRPC(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	good := wireMessage(t, &nodev1.SetSettingRequest{Key: "a", Value: "b"})
	for _, tc := range []struct {
		name  string
		head  []string
		data  []byte
		codes string // of gRPC, or "http 4xx", or "broken" for a stream that is refused below
	}{
		{"well", grpcHead(setPath), good, "0"},
		{"an unknown method", grpcHead("/aielon.node.v1.Settings/Nothing"), good, "12"},
		{"an unknown service", grpcHead("/aielon.node.v9.Settings/SetSetting"), good, "12|http 404"},
		{"a path without a slash", grpcHead("aielon.node.v1.Settings/SetSetting"), good, "broken|http 400"},
		{"an empty path", grpcHead(""), good, "broken|http 400"},
		{"a path with ..", grpcHead("/x/../aielon.node.v1.Settings/SetSetting"), good, "http 400"},
		{"a path with a slash too many", grpcHead("//aielon.node.v1.Settings/SetSetting"), good, "http 400"},
		{"metadata of 1 MiB", grpcHead(setPath, "x-a", strings.Repeat("a", 1<<20)), good, "broken|http 431"},
		{"a thousand metadata", grpcHead(setPath, strings.Split(strings.TrimSuffix(strings.Repeat("x-a,b,", 1000), ","), ",")...), good, "broken|http 431"},
		{"metadata in capitals", grpcHead(setPath, "X-A", "b"), good, "broken"},
		{"metadata of another connection", grpcHead(setPath, "connection", "close"), good, "broken|http 400"},
		{"binary metadata that is none", grpcHead(setPath, "x-bin", "!!!"), good, "0|3|13"},
		{"another host", append([]string{":method", "POST", ":scheme", "http", ":authority", "evil.example"}, grpcHead(setPath)[6:]...), good, "http 421"},
		{"another verb", append([]string{":method", "GET"}, grpcHead(setPath)[2:]...), nil, "http 4"},
		{"another content", append(grpcHead(setPath)[:8], "content-type", "application/grpc+xml", "authorization", "Bearer good"), good, "http 415|12|13"},
		{"nobody", append(grpcHead(setPath)[:12:12], "x", "y"), good, "16"},
		{"a stranger", append(grpcHead(setPath)[:12:12], "authorization", "Bearer bad"), good, "16"},
		{"no right", append(grpcHead(setPath)[:12:12], "authorization", "Bearer guest"), good, "7"},
		{"no message", grpcHead(setPath), nil, "3|12|13"},
		{"two messages", grpcHead(setPath), append(bytes.Clone(good), good...), "3|12|13"},
		{"half a message", grpcHead(setPath), good[:len(good)-2], "3|13"},
		{"half a prefix", grpcHead(setPath), good[:3], "3|13"},
		{"no protobuf", grpcHead(setPath), wireFrame(0, []byte{0xff, 0xff, 0xff}), "3|13"},
		{"text that is no UTF-8", grpcHead(setPath), wireFrame(0, []byte{0x0a, 1, 0xff}), "3|13"},
		{"a limit of the schema", grpcHead(setPath), wireMessage(t, &nodev1.SetSettingRequest{Key: "a", Value: strings.Repeat("v", 5000)}), "3"},
		{"a message of 5 MiB", grpcHead(setPath), wireFrame(0, make([]byte, 5<<20))[:32<<10], "8"},
		{"a message that says it has 4 GiB", grpcHead(setPath), []byte{0, 0xff, 0xff, 0xff, 0xff, 1}, "8|3"},
		{"a compressed bomb", grpcHead(setPath, "grpc-encoding", "gzip"), wireFrame(1, zipped(t, 64<<20)), "8"},
		{"compressed rubbish", grpcHead(setPath, "grpc-encoding", "gzip"), wireFrame(1, []byte("rubbish")), "3|13"},
		{"compressed without saying how", grpcHead(setPath), wireFrame(1, []byte("x")), "3|13"},
		{"an unknown compression", grpcHead(setPath, "grpc-encoding", "zip"), good, "12"},
		{"a flag nobody knows", grpcHead(setPath), append([]byte{0x7e}, good[1:]...), "3|12|13"},
		{"no time at all", grpcHead(setPath, "grpc-timeout", "0n"), good, "4|14"},
		{"all the time there is", grpcHead(setPath, "grpc-timeout", "99999999H"), good, "0"},
		{"a time that is none", grpcHead(setPath, "grpc-timeout", "1x"), good, "0|3|13"},
		{"a negative time", grpcHead(setPath, "grpc-timeout", "-1S"), good, "0|3|4|13"},
		{"more time than there is", grpcHead(setPath, "grpc-timeout", "9999999999999999999H"), good, "0|3|13"},
		{"a message of 5 MiB to a stream", grpcHead(watchPath), wireFrame(0, make([]byte, 5<<20))[:32<<10], "8"},
		{"a stream of nobody", append(grpcHead(watchPath)[:12:12], "x", "y"), wireFrame(0, nil), "16"},
		{"reflection for nobody", append(grpcHead("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")[:12:12], "x", "y"), wireFrame(0, []byte{0x3a, 0}), "7|12|16"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := d.commands()
			h := d.h2(t)
			h.c.SetDeadline(time.Now().Add(10 * time.Second))
			id := h.open(false, tc.head...)
			go h.data(id, true, tc.data) // the server may end it before it has all
			e := h.wait(id)
			if !e.is(tc.codes) {
				t.Fatalf("%v\nwant %s", e, tc.codes)
			}
			if e.grpc != "0" && d.commands() != before {
				t.Error("it was refused and done")
			}
			if strings.Contains(e.message, ".go:") || strings.Contains(e.message, "goroutine") {
				t.Errorf("the refusal tells of the inside: %v", e)
			}
		})
	}
	d.well(t)
}

func (e ended) is(codes string) bool {
	for c := range strings.SplitSeq(codes, "|") {
		status, isHTTP := strings.CutPrefix(c, "http ")
		if c == "broken" && e.grpc == "" && (e.reset != "" || e.away != "") || isHTTP && e.grpc == "" && strings.HasPrefix(e.http, status) || e.grpc != "" && e.grpc == c {
			return true
		}
	}
	return false
}

// Streams that are begun and given up at once do not cost others anything (CVE-2023-44487).
func TestRapidReset(t *testing.T) {
	d := newDoor(t)
	h := d.h2(t)
	go func() {
		for range 20_000 {
			id := h.open(true, grpcHead(watchPath)...)
			if h.f.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
				return
			}
		}
	}()
	for range 20 {
		began := time.Now()
		d.well(t)
		if took := time.Since(began); took > 3*time.Second { // a millisecond as a rule; the machine may be busy
			t.Errorf("somebody else waited %v", took)
		}
	}
}

// More streams at a time than may be are refused one by one.
func TestStreamsHaveABound(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	h := d.h2(t)
	for range maxStreams {
		h.data(h.open(false, grpcHead(watchPath)...), true, wireFrame(0, nil))
	}
	if e := h.wait(h.open(true, grpcHead(watchPath)...)); e.reset != http2.ErrCodeRefusedStream.String() && e.away == "" {
		t.Errorf("stream %d: %v", maxStreams+1, e)
	}
	d.well(t)
}

// A client that never ends its side is served, or given up: it holds nothing for ever.
func TestHalfOpenGRPC(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	h := d.h2(t)
	id := h.open(false, grpcHead(setPath)...)
	h.data(id, false, wireMessage(t, &nodev1.SetSettingRequest{Key: "a", Value: "b"}))
	if e := h.wait(id); e.grpc == "" && e.reset == "" {
		t.Errorf("a call that is never ended: %v", e)
	}
	id = h.open(false, grpcHead(setPath)...)
	if e := h.wait(id); e.grpc == "" && e.reset == "" || e.grpc == "0" {
		t.Errorf("a call without a message: %v", e)
	}
	id = h.open(false, grpcHead(watchPath)...)
	h.data(id, false, wireFrame(0, nil))
	d.status <- &nodev1.Status{Site: strconv.Itoa(1)}
	close(d.status)
	if e := h.wait(id); e.grpc != "0" && e.grpc != "4" {
		t.Errorf("a stream whose client goes on: %v", e)
	}
	d.well(t)
}
