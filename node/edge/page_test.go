package edge

import (
	"bytes"
	"strings"
	"testing"
)

func TestPageToken(t *testing.T) {
	at := []byte("bp-1")
	token := PageToken("devices", at)
	if got, err := ParsePageToken("devices", token); err != nil || !bytes.Equal(got, at) {
		t.Fatalf("%q, %v", got, err)
	}
	if _, err := ParsePageToken("devices", PageToken("devices", nil)); err != nil {
		t.Error(err)
	}
	for what, bad := range map[string]string{"": "", "cut": token[:len(token)-2], "another version": "Ag" + token[2:], "of another list": PageToken("device", append([]byte("s"), at...)),
		"padded": token + "==", "no token": "bp-1", "long": strings.Repeat("A", 513), "changed": token[:len(token)-3] + "AAA"} {
		if _, err := ParsePageToken("devices", bad); !IsKind(err, Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestPageSize(t *testing.T) {
	for asked, want := range map[int32]int{0: 100, 1: 1, 1000: 1000} {
		if n, err := PageSize(asked, 100, 1000); n != want || err != nil {
			t.Errorf("%d: %d, %v", asked, n, err)
		}
	}
	for _, asked := range []int32{-1, 1001, 1e9} {
		if _, err := PageSize(asked, 100, 1000); !IsKind(err, Invalid) {
			t.Errorf("%d: %v", asked, err)
		}
	}
}

func FuzzPageToken(f *testing.F) {
	f.Add("devices", []byte("bp-1"), "AQ")
	f.Fuzz(func(t *testing.T, of string, at []byte, token string) {
		if got, err := ParsePageToken(of, PageToken(of, at)); len(at) < 300 && (err != nil || !bytes.Equal(got, at)) {
			t.Fatalf("%q, %v", got, err)
		}
		if got, err := ParsePageToken(of, token); err == nil && PageToken(of, got) != token {
			t.Fatalf("%q is not how it is written", token)
		}
	})
}
