package node

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/aielon/edge/node/edge"
)

// FuzzDo compares the short way of reading a command with the long one.
func FuzzDo(f *testing.F) {
	id := edge.NewID().String()
	for _, s := range []string{
		`{"type":"settings.set","body":{"key":"a","value":"}\"{"}}`, `{"body":{"a":[1,{}]},"id":"` + id + `","type":"x"}` + "\n",
		`{"id":"` + id + `"}`, `{"type":"x","type":"y"}`, `{"Type":"x"}`, `{"type":"x","body":1}`, `{"type":"x","body":null}`, `{"type":"x",}`, `{"type":"x"}}`,
		`{"type":"x","body":{]}}`, `{"type":"x","body":{"a":"}}`, `{}`, `{"type":null}`, `{"type":"\u0041"}`, `{"type":"x" }`, ` {"type":"x"}`, `{"type":"x","more":1}`, `{"id":""}`,
		`{"type":"x","body":{"a":1}x}`, `{"type":"é"}`, `{"body":"`, `{"body":{"a":"\`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		q, ok := plainDo(b)
		if !ok {
			return
		}
		var want doRequest
		if err := strictly(bytes.NewReader(b), &want); err != nil {
			t.Fatalf("%q is %v", b, err)
		}
		if q.ID != want.ID || q.Type != want.Type || !bytes.Equal(q.Body, want.Body) {
			t.Fatalf("%q: %+v and %+v", b, q, want)
		}
	})
}

func TestPlainDo(t *testing.T) {
	for s, plain := range map[string]bool{
		`{"type":"settings.set","body":{"key":"a","value":"}\"{"}}`: true,
		`{"id":"` + edge.NewID().String() + `","type":"x"}`:         true,
		`{"type":"\u0041"}`:       false,
		`{"type":"x","type":"y"}`: false,
	} {
		if _, ok := plainDo([]byte(s)); ok != plain {
			t.Errorf("%s is plain: %v", s, ok)
		}
		if _, err := parseDo([]byte(s)); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	if _, err := parseDo([]byte(`{"type":"x","more":1}`)); err == nil {
		t.Error("an unknown member was taken")
	}
}

func TestDoAnswer(t *testing.T) {
	for _, a := range []doAnswer{{}, {Index: 7, Reply: rawJSON(`{"a":1}`)}, {Index: 1 << 60, Again: true, Reply: rawJSON(`"x"`)}} {
		want, err := json.Marshal(a)
		if got := a.append(nil); err != nil || string(got) != string(want)+"\n" {
			t.Errorf("%s, want %s, %v", got, want, err)
		}
	}
}
