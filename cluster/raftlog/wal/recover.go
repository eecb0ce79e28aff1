package wal

import (
	"math/bits"

	"github.com/aielon/edge/node/edge"
)

// scan reads the frames of one segment from the bytes of its file and returns them with the offset
// after the last good one.
//
// Where the frames end, four things can be the case, and they are told apart like this:
//
//   - Nothing but zeros follows. That is how a segment ends.
//   - The last write was torn by a power cut, so Append never returned for it. Sectors are written whole
//     or not at all and the file was all zeros before, so at least one sector of the frame shows zeros
//     where ciphertext belongs (or the file ends). It is dropped. Only the newest segment may end so.
//   - Bits were flipped. All sectors of the frame hold something, but they do not authenticate; or a
//     later frame is whole, which was written only after this one was durable. That is Corrupt.
//   - Bits were flipped in the unused rest of the file. It is zeros but for a few bits, and ignored.
func scan(b []byte, h head, key []byte, newest bool) (frames []frame, end int64, err error) {
	a, next, end := h.aead(key), h.first, int64(headSize)
	for {
		rest := b[min(end, int64(len(b))):]
		f, ok := decodeFrameHead(rest)
		if !ok {
			return frames, end, checkEnd(rest, uint32(len(frames)), newest)
		}
		f.off = end
		if f.first != next || f.no != uint32(len(frames)) {
			return nil, 0, edge.E(edge.Corrupt, "the log holds record %d where %d belongs", f.first, next)
		}
		whole := rest[:min(f.size(), int64(len(rest)))]
		if _, err := openFrame(a, f, whole); err != nil {
			if newest && torn(f, whole) && !laterFrame(rest[frameHead:], f.no) {
				return frames, end, nil
			}
			return nil, 0, err
		}
		frames, next, end = append(frames, f), f.last()+1, f.end()
	}
}

// checkEnd judges what follows the last frame where no frame's head can be read.
func checkEnd(rest []byte, no uint32, newest bool) error {
	switch set := countBits(rest); {
	case set <= 8:
		return nil
	case laterFrame(rest, no):
	case newest && (len(rest) < frameHead || countBits(rest[:frameHead]) == 0):
		return nil // the sector with the head never got there
	}
	return edge.E(edge.Corrupt, "the log is damaged after its frame %d", no)
}

// torn reports whether some sector of the frame was never written. whole may be shorter than the frame.
func torn(f frame, whole []byte) bool {
	if int64(len(whole)) < f.size() {
		return true
	}
	for at := f.off; at < f.end(); {
		stop := min(at-at%sector+sector, f.end())
		if countBits(whole[at-f.off:stop-f.off]) == 0 {
			return true
		}
		at = stop
	}
	return false
}

// laterFrame reports whether a frame with a number above no starts anywhere in b.
func laterFrame(b []byte, no uint32) bool {
	for ; len(b) >= frameHead; b = b[align:] {
		if f, ok := decodeFrameHead(b); ok && f.no > no {
			return true
		}
	}
	return false
}

func countBits(b []byte) (n int) {
	for _, c := range b {
		n += bits.OnesCount8(c)
	}
	return n
}
