package node

import (
	"encoding/binary"
	"time"

	"github.com/aielon/edge/node/edge"
)

// A setting's row is read and written with every change of it, and is small: JSON would cost more than all else
// the leader does for the command.
//
//	row version (1 byte, 1) | uvarint version | time (8 bytes, big endian, Unix nanoseconds) | uvarint length, by | value
const (
	settingRow  = 1
	settingRoom = 64 // bytes beside the value, as a rule
)

func appendSetting(b []byte, s Setting) []byte {
	b = binary.AppendUvarint(append(b, settingRow), s.Version)
	b = binary.BigEndian.AppendUint64(b, uint64(s.Changed.UnixNano()))
	b = append(binary.AppendUvarint(b, uint64(len(s.By))), s.By...)
	return append(b, s.Value...)
}

// parseSetting reads what appendSetting wrote of the setting called key. It fails with Corrupt.
func parseSetting(key string, b []byte) (Setting, error) {
	if len(b) == 0 || b[0] != settingRow {
		return Setting{}, badRow(key)
	}
	s := Setting{Key: key}
	version, n := binary.Uvarint(b[1:])
	if n <= 0 || len(b) < 1+n+8 {
		return Setting{}, badRow(key)
	}
	s.Version, b = version, b[1+n:]
	s.Changed, b = time.Unix(0, int64(binary.BigEndian.Uint64(b))).UTC(), b[8:]
	by, n := binary.Uvarint(b)
	if n <= 0 || by > uint64(len(b)-n) {
		return Setting{}, badRow(key)
	}
	b = b[n:]
	s.By, s.Value = string(b[:by]), string(b[by:])
	return s, nil
}

func badRow(key string) error { return edge.E(edge.Corrupt, "the setting %q cannot be read", key) }

// loadSetting reads one setting; found is false where there is none.
func loadSetting(v edge.View, key string) (s Setting, found bool, err error) {
	b, err := v.Get([]byte(settingPrefix + key))
	if edge.IsKind(err, edge.NotFound) {
		return s, false, nil
	}
	if err == nil {
		s, err = parseSetting(key, b)
	}
	return s, err == nil, err
}
