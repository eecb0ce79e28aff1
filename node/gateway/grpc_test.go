package gateway

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/api/nodev1"
)

// A connection may carry gRPC and anything else, as that of a proxy does.
func TestMixedConnection(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	h := d.h2(t)
	good := wireMessage(t, &nodev1.SetSettingRequest{Key: "a", Value: "b"})
	rest := []string{":method", "GET", ":scheme", "http", ":authority", "localhost", ":path", "/v1/settings/a", "authorization", "Bearer good"}
	connect := append([]string{":method", "POST"}, rest[2:6]...)
	connect = append(connect, ":path", "/aielon.node.v1.Settings/GetSetting", "content-type", "application/json", "authorization", "Bearer good")
	for range 3 {
		id := h.open(false, grpcHead(setPath)...)
		h.data(id, true, good)
		if e := h.wait(id); e.grpc != "0" {
			t.Fatal(e)
		}
		if e := h.wait(h.open(true, rest...)); e.http != "200" || !bytes.Contains(e.data, []byte(`"value":"b"`)) {
			t.Fatal(e, string(e.data))
		}
		id = h.open(false, connect...)
		h.data(id, true, []byte(`{"key":"a"}`))
		if e := h.wait(id); e.http != "200" || !bytes.Contains(e.data, []byte(`"value":"b"`)) {
			t.Fatal(e, string(e.data))
		}
	}
}

// Messages may be compressed, or JSON, both ways.
func TestFormsOfGRPC(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	long := strings.Repeat("long ", 600)
	set := func(body []byte, more ...string) ended {
		h := d.h2(t)
		id := h.open(false, grpcHead(setPath, more...)...)
		h.data(id, true, body)
		return h.wait(id)
	}
	var zip bytes.Buffer
	w := gzip.NewWriter(&zip)
	plain, err := proto.Marshal(&nodev1.SetSettingRequest{Key: "a", Value: long})
	if err != nil {
		t.Fatal(err)
	}
	w.Write(plain)
	w.Close()
	if e := set(wireFrame(1, zip.Bytes()), "grpc-encoding", "gzip"); e.grpc != "0" {
		t.Fatal(e)
	}
	get := func(head []string, body []byte) []byte {
		h := d.h2(t)
		id := h.open(false, head...)
		h.data(id, true, body)
		e := h.wait(id)
		if e.grpc != "0" || len(e.data) < 5 || int(binary.BigEndian.Uint32(e.data[1:])) != len(e.data)-5 {
			t.Fatal(e, len(e.data))
		}
		return e.data
	}
	const getPath = "/aielon.node.v1.Settings/GetSetting"
	asked := wireMessage(t, &nodev1.GetSettingRequest{Key: "a"})
	got := get(grpcHead(getPath, "grpc-accept-encoding", "identity,gzip"), asked)
	if got[0] != 1 || len(got) > len(long)/2 {
		t.Fatalf("not compressed: %d bytes", len(got))
	}
	r, err := gzip.NewReader(bytes.NewReader(got[5:]))
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(r)
	out := &nodev1.Setting{}
	if err != nil || proto.Unmarshal(all, out) != nil || out.GetValue() != long {
		t.Fatal(err, out)
	}
	if got := get(grpcHead(getPath), asked); got[0] != 0 || proto.Unmarshal(got[5:], out) != nil || out.GetValue() != long {
		t.Fatal("compressed for a client that did not ask for it")
	}
	head := grpcHead(getPath)
	head[9] = "application/grpc+json"
	if got := get(head, wireFrame(0, []byte(`{"key":"a"}`))); got[0] != 0 || !bytes.Contains(got, []byte(`"value":"long `)) {
		t.Fatalf("%s", got)
	}
}
