package fastjson

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/aielon/edge/node/api/devicesv1"
	"github.com/aielon/edge/node/api/nodev1"
)

// The judge is protojson: both must say the same, whatever the bytes.
func same(t interface{ Fatalf(string, ...any) }, m proto.Message) []byte {
	got, err := New().Append(nil, m)
	if err != nil {
		t.Fatalf("%v", err)
	}
	want, err := protojson.Marshal(m)
	if err != nil {
		t.Fatalf("%v", err)
	}
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if err := json.Unmarshal(want, &b); err != nil {
		t.Fatalf("%v", err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
	return got
}

func TestSaysWhatProtojsonSays(t *testing.T) {
	nested, err := structpb.NewStruct(map[string]any{"a b": []any{1.0, "x y\" z", nil, map[string]any{"k": true}}, "n": nil})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []proto.Message{
		&nodev1.Status{}, nested, durationpb.New(1500), structpb.NewNullValue(),
		&nodev1.Status{Node: "</script>\u2028\"\\\n\x01\x7f", Started: timestamppb.New(timestamppb.Now().AsTime()), Parts: []*nodev1.Part{{}, {Name: "مرحبا"}}, Ledger: &nodev1.Ledger{Total: &nodev1.LedgerRow{Accepted: 1 << 63}}},
		&devicesv1.Reading{Time: &timestamppb.Timestamp{Seconds: 1, Nanos: 1000}, Samples: []*devicesv1.Sample{{Value: &devicesv1.Sample_Number{Number: 1e-7}}, {Value: &devicesv1.Sample_Number{Number: 1e21}}, {Value: &devicesv1.Sample_Flag{}}, {Value: &devicesv1.Sample_Data{Data: []byte{0, 255}}}, {Value: &devicesv1.Sample_Text{}}}},
		&devicesv1.ChangeDeviceRequest{Id: "a", Name: proto.String(""), AnyClient: proto.Bool(false)},
	} {
		same(t, m)
	}
}

func TestRandomMessages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &devicesv1.ListReadingsResponse{NextPageToken: rapid.String().Draw(t, "token")}
		for range rapid.IntRange(0, 4).Draw(t, "n") {
			r.Readings = append(r.Readings, &devicesv1.Reading{Device: rapid.String().Draw(t, "device"),
				Time:    &timestamppb.Timestamp{Seconds: rapid.Int64Range(-1e10, 1e10).Draw(t, "s"), Nanos: rapid.Int32Range(0, 999999999).Draw(t, "ns")},
				Samples: []*devicesv1.Sample{{Name: rapid.String().Draw(t, "name"), Value: &devicesv1.Sample_Number{Number: rapid.Float64().Draw(t, "v")}}}})
		}
		first := same(t, r)
		again, err := New().Append(nil, proto.Clone(r))
		if err != nil || !bytes.Equal(first, again) {
			t.Fatalf("other bytes the second time: %s, %v", again, err)
		}
	})
}

func TestBadTextIsRefused(t *testing.T) {
	if _, err := New().Append(nil, &nodev1.Status{Node: "a\xff"}); err == nil {
		t.Fatal("text that is not UTF-8 was written")
	}
}

func list(n int) *devicesv1.ListDevicesResponse {
	out := &devicesv1.ListDevicesResponse{Total: int32(n)}
	for range n {
		out.Devices = append(out.Devices, &devicesv1.Device{Id: "fridge-1", Name: "Vaccine fridge", Kind: "thermometer", Publish: []string{"sensors/fridge-1/#", "tele/fridge-1/#"}, Registered: timestamppb.Now(), By: strings.Repeat("x", 26)})
	}
	return out
}

func BenchmarkList50(b *testing.B) {
	m, w := list(50), New()
	b.Run("fastjson", func(b *testing.B) {
		b.ReportAllocs()
		var buf []byte
		for b.Loop() {
			buf, _ = w.Append(buf[:0], m)
		}
	})
	b.Run("protojson", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			protojson.Marshal(m)
		}
	})
}
