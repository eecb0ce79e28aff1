package state

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/crypto/chacha20poly1305"
)

// An archive is the form of a backup:
//
//	"AEBKUP1\n" | salt (32 bytes) | chunks
//	chunk: kind (1) | length of the ciphertext (4, big endian) | ciphertext
//
// The key of an archive is derived from the backup key and the salt, and so is used for one archive
// only. A chunk is compressed (zstd) and sealed (ChaCha20-Poly1305) with its number as nonce and its kind
// as additional data: a chunk that is changed, left out, doubled or moved does not open. The first chunk
// is the BackupInfo in JSON, the last one tells count and SHA-256 of the records, and nothing follows it.
const (
	archiveMagic  = "AEBKUP1\n"
	archiveFormat = 1

	chunkInfo = 1
	chunkData = 2
	chunkEnd  = 3

	chunkTarget = 256 << 10           // bytes of records before a chunk is closed
	chunkPlain  = chunkTarget + 2<<20 // the most one can hold
	chunkSealed = chunkPlain + 64<<10 // zstd adds little to what it cannot compress
	maxMeta     = 64 << 10            // bytes of the caller's metadata
	maxOrigin   = 256                 // bytes
)

// A BackupInfo says what a backup holds.
type BackupInfo struct {
	Format  int       `json:"format"`
	Store   string    `json:"store"`   // Options.Name
	Managed bool      `json:"managed"` // Options.Managed
	Origin  string    `json:"origin"`  // whose data it is, as the caller says
	Meta    []byte    `json:"meta"`    // the caller's, up to 64 KiB
	Created time.Time `json:"created"`
	Index   uint64    `json:"index"` // commit index of the state

	Keys  uint64 `json:"-"` // known at the end
	Bytes uint64 `json:"-"` // keys and values
	Sum   string `json:"-"` // SHA-256 of all records, hexadecimal
}

// archiveEnd is the content of the last chunk.
type archiveEnd struct {
	Keys  uint64 `json:"keys"`
	Bytes uint64 `json:"bytes"`
	Sum   []byte `json:"sum"`
}

// A sealer writes chunks.
type sealer struct {
	w     io.Writer
	aead  cipher.AEAD
	zip   *zstd.Encoder
	n     uint64 // number of the next chunk
	plain []byte // records of the current chunk
	end   archiveEnd
	hash  hash.Hash
}

func newSealer(w io.Writer, key []byte) (*sealer, error) {
	salt := make([]byte, 32)
	rand.Read(salt)
	a, err := chacha20poly1305.New(derive(key, purposeBackup, salt))
	if err != nil {
		return nil, err
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(256<<10))
	if err != nil {
		return nil, err
	}
	_, err = w.Write(append([]byte(archiveMagic), salt...))
	return &sealer{w: w, aead: a, zip: z, hash: sha256.New()}, err
}

// add appends one record.
func (s *sealer) add(key, value []byte) error {
	start := len(s.plain)
	s.plain = append(binary.AppendUvarint(s.plain, uint64(len(key))), key...)
	s.plain = append(binary.AppendUvarint(s.plain, uint64(len(value))), value...)
	s.hash.Write(s.plain[start:])
	s.end.Keys++
	s.end.Bytes += uint64(len(key) + len(value))
	if len(s.plain) < chunkTarget {
		return nil
	}
	return s.flush()
}

func (s *sealer) flush() error {
	if len(s.plain) == 0 {
		return nil
	}
	err := s.chunk(chunkData, s.plain)
	s.plain = s.plain[:0]
	return err
}

func (s *sealer) close() error {
	if err := s.flush(); err != nil {
		return err
	}
	s.end.Sum = s.hash.Sum(nil)
	b, err := json.Marshal(s.end)
	if err != nil {
		return err
	}
	return s.chunk(chunkEnd, b)
}

func (s *sealer) chunk(kind byte, plain []byte) error {
	packed := s.zip.EncodeAll(plain, nil)
	head := make([]byte, 5, 5+len(packed)+chacha20poly1305.Overhead)
	head[0] = kind
	binary.BigEndian.PutUint32(head[1:], uint32(len(packed)+chacha20poly1305.Overhead))
	out := s.aead.Seal(head, chunkNonce(s.n), packed, head[:5])
	s.n++
	_, err := s.w.Write(out)
	return err
}

func chunkNonce(n uint64) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 4, 12), n)
}

// An opener reads chunks.
type opener struct {
	r    io.Reader
	aead cipher.AEAD
	zip  *zstd.Decoder
	n    uint64
	end  archiveEnd
	hash hash.Hash
	last []byte // key of the last record
}

var errArchive = errors.New("the backup is damaged or cut short")

func newOpener(r io.Reader, key []byte) (*opener, error) {
	head := make([]byte, len(archiveMagic)+32)
	if _, err := io.ReadFull(r, head); err != nil || string(head[:len(archiveMagic)]) != archiveMagic {
		return nil, edge.E(edge.Invalid, "this is not a backup of a store")
	}
	a, err := chacha20poly1305.New(derive(key, purposeBackup, head[len(archiveMagic):]))
	if err != nil {
		return nil, err
	}
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(chunkPlain), zstd.WithDecoderMaxWindow(1<<20))
	if err != nil {
		return nil, err
	}
	return &opener{r: r, aead: a, zip: z, hash: sha256.New()}, nil
}

func (o *opener) close() { o.zip.Close() }

// chunk reads the next chunk.
func (o *opener) chunk() (kind byte, plain []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(o.r, head[:]); err != nil {
		return 0, nil, o.readError(err)
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n < chacha20poly1305.Overhead || n > chunkSealed {
		return 0, nil, errArchive
	}
	// A length is not believed before the bytes have come.
	var sealed bytes.Buffer
	if _, err := io.CopyN(&sealed, o.r, int64(n)); err != nil {
		return 0, nil, o.readError(err)
	}
	packed, err := o.aead.Open(sealed.Bytes()[:0], chunkNonce(o.n), sealed.Bytes(), head[:])
	if err != nil {
		return 0, nil, errArchive
	}
	o.n++
	plain, err = o.zip.DecodeAll(packed, nil)
	if err != nil || len(plain) > chunkPlain {
		return 0, nil, errArchive
	}
	return head[0], plain, nil
}

func (o *opener) readError(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errArchive
	}
	return edge.E(edge.Unavailable, "the backup cannot be read: %w", err)
}

// info reads the first chunk.
func (o *opener) info() (info BackupInfo, err error) {
	kind, plain, err := o.chunk()
	if errors.Is(err, errArchive) {
		return info, edge.E(edge.Invalid, "the backup does not open with this key, or its beginning is damaged")
	}
	if err != nil {
		return info, err
	}
	if kind != chunkInfo || json.Unmarshal(plain, &info) != nil {
		return info, errArchive
	}
	if info.Format != archiveFormat {
		return info, edge.E(edge.Invalid, "the backup has format %d, this program reads format %d", info.Format, archiveFormat).
			WithHint("use the version of the program that wrote it, or a newer one")
	}
	return info, nil
}

// records reads everything else, gives each record to f, and checks that the archive is whole and ends here.
func (o *opener) records(f func(key, value []byte) error) error {
	for {
		kind, plain, err := o.chunk()
		if err != nil {
			return err
		}
		switch kind {
		case chunkData:
			if err := o.data(plain, f); err != nil {
				return err
			}
		case chunkEnd:
			return o.finish(plain)
		default:
			return errArchive
		}
	}
}

func (o *opener) data(plain []byte, f func(key, value []byte) error) error {
	o.hash.Write(plain)
	for len(plain) > 0 {
		key, rest, ok1 := cutPiece(plain, MaxKey)
		value, rest, ok2 := cutPiece(rest, 1<<20)
		if !ok1 || !ok2 || len(key) == 0 || o.end.Keys > 0 && bytes.Compare(key, o.last) <= 0 {
			return errArchive
		}
		o.last = append(o.last[:0], key...)
		o.end.Keys++
		o.end.Bytes += uint64(len(key) + len(value))
		if err := f(key, value); err != nil {
			return err
		}
		plain = rest
	}
	return nil
}

func (o *opener) finish(plain []byte) error {
	var end archiveEnd
	if json.Unmarshal(plain, &end) != nil {
		return errArchive
	}
	o.end.Sum = o.hash.Sum(nil)
	if end.Keys != o.end.Keys || end.Bytes != o.end.Bytes || !bytes.Equal(end.Sum, o.end.Sum) {
		return errArchive
	}
	if n, err := o.r.Read(make([]byte, 1)); n > 0 || err != io.EOF {
		if n == 0 && err != nil {
			return o.readError(err)
		}
		return edge.E(edge.Corrupt, "something follows the end of the backup")
	}
	return nil
}

// cutPiece takes one length-prefixed piece off b.
func cutPiece(b []byte, limit uint64) (piece, rest []byte, ok bool) {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > limit || n > uint64(len(b)-w) {
		return nil, nil, false
	}
	return b[w : w+int(n)], b[w+int(n):], true
}
