package edge

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

const (
	pageVersion = 1
	pageSum     = 6   // bytes; tells a token that was cut or belongs to another list, and keeps no secret
	maxPage     = 512 // characters of a token
)

// PageToken says where a list goes on, in a form that is passed back as it is. of is what is listed, with all that
// narrows it down, so that a token given for one list is good for no other.
func PageToken(of string, at []byte) string {
	b := append([]byte{pageVersion}, pageDigest(of, at)...)
	return base64.RawURLEncoding.EncodeToString(append(b, at...))
}

// ParsePageToken reads what PageToken wrote for the same list. It fails with Invalid.
func ParsePageToken(of, token string) (at []byte, err error) {
	bad := E(Invalid, "page_token is none that this list gave").WithHint("begin at the first page again, without it")
	if len(token) > maxPage {
		return nil, bad
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < 1+pageSum || b[0] != pageVersion {
		return nil, bad
	}
	if at = b[1+pageSum:]; !bytes.Equal(b[1:1+pageSum], pageDigest(of, at)) {
		return nil, bad
	}
	return at, nil
}

func pageDigest(of string, at []byte) []byte {
	b := binary.AppendUvarint([]byte("aielon-edge/page/1\x00"), uint64(len(of)))
	sum := sha256.Sum256(append(append(b, of...), at...))
	return sum[:pageSum]
}

// PageSize is how many items a page holds where asked for; 0 asks for the usual number. It fails with Invalid.
func PageSize(asked int32, usual, most int) (int, error) {
	switch {
	case asked == 0:
		return usual, nil
	case asked < 0 || int(asked) > most:
		return 0, E(Invalid, "a page holds 1 to %d, not %d", most, asked)
	}
	return int(asked), nil
}
