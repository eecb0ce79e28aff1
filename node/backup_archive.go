package node

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"github.com/aielon/edge/node/edge"
)

// A backup is one file:
//
//	"AEBK1\n"
//	sections, in this order: "head" (JSON), "keys" (sealed), "readings", "site" (backups of package state)
//
// Each section is its name in 16 bytes, then chunks: 4 bytes length, big endian, 1 to 1 MiB, and so many
// bytes; a length of 0 ends it. The head is repeated as authenticated data of the keys and as metadata of
// each store's backup, so that parts of two backups cannot be mixed.
const (
	backupMagic = "AEBK1\n"
	backupChunk = 1 << 20
	maxHead     = 64 << 10
	maxKeys     = 4 << 20
	maxKeyFiles = 64
)

// A sectionWriter writes the parts of a backup; after an error it writes nothing more.
type sectionWriter struct {
	w   io.Writer
	err error
}

func (s *sectionWriter) raw(b []byte) {
	if s.err == nil {
		_, s.err = s.w.Write(b)
	}
}

func (s *sectionWriter) section(name string, f func(io.Writer) error) {
	var head [16]byte
	copy(head[:], name)
	s.raw(head[:])
	if s.err == nil {
		s.err = f(s)
	}
	s.raw([]byte{0, 0, 0, 0})
}

// Write writes b as chunks of the section under way.
func (s *sectionWriter) Write(b []byte) (int, error) {
	for chunk := range slices.Chunk(b, backupChunk) {
		s.raw(binary.BigEndian.AppendUint32(nil, uint32(len(chunk))))
		s.raw(chunk)
	}
	return len(b), s.err
}

// A section reads one part of a backup.
type section struct {
	r    *bufio.Reader
	left uint32
	end  bool
	err  error // why it cannot be read on
}

func openSection(r *bufio.Reader, want string) (*section, error) {
	var head, name [16]byte
	copy(name[:], want)
	if _, err := io.ReadFull(r, head[:]); err != nil || head != name {
		return nil, edge.E(edge.Corrupt, "the backup ends before its part %q, or has another in its place", want)
	}
	return &section{r: r}, nil
}

// Read implements io.Reader.
func (s *section) Read(b []byte) (int, error) {
	for s.left == 0 && !s.end && s.err == nil {
		var size [4]byte
		if _, err := io.ReadFull(s.r, size[:]); err != nil {
			s.err = cutShort(err)
		} else if s.left = binary.BigEndian.Uint32(size[:]); s.left > backupChunk {
			s.err = edge.E(edge.Corrupt, "the backup is damaged: a chunk of %d bytes", s.left)
		}
		s.end = s.left == 0
	}
	switch {
	case s.err != nil:
		return 0, s.err
	case s.end:
		return 0, io.EOF
	}
	n, err := s.r.Read(b[:min(len(b), int(s.left))])
	s.left -= uint32(n)
	if err != nil {
		s.err = cutShort(err)
	}
	return n, s.err
}

func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return edge.E(edge.Corrupt, "the backup is cut short").WithHint("use another copy of it; nothing was changed")
	}
	return edge.E(edge.Unavailable, "the backup cannot be read on: %w", err)
}

// rest makes sure that the section was read to its end.
func (s *section) rest() error {
	if n, err := io.Copy(io.Discard, s); err != nil || n > 0 {
		return edge.E(edge.Corrupt, "a part of the backup is longer than it should be")
	}
	return nil
}

func readSection(r *bufio.Reader, name string, limit int64) ([]byte, error) {
	s, err := openSection(r, name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(s, limit+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(b)) > limit:
		return nil, edge.E(edge.Corrupt, "the part %q of the backup is too long", name)
	}
	return b, nil
}
