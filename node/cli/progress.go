package cli

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aielon/edge/node"
)

// A progress counts bytes and shows them on a terminal, and only there, from the first second on.
type progress struct {
	w     io.Writer // nil where nobody looks
	what  string
	n     int64
	began time.Time
	shown time.Time
}

func newProgress(w io.Writer, what string) *progress {
	p := &progress{what: what, began: time.Now(), shown: time.Now()}
	if f, ok := w.(*os.File); ok && terminal(f) {
		p.w = w
	}
	return p
}

func terminal(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// Write counts b.
func (p *progress) Write(b []byte) (int, error) {
	p.n += int64(len(b))
	if p.w != nil && time.Since(p.shown) > time.Second {
		p.shown = time.Now()
		fmt.Fprintf(p.w, "\r%s: %s after %s\x1b[K", p.what, node.Bytes(p.n>>20<<20), time.Since(p.began).Round(time.Second))
	}
	return len(b), nil
}

func (p *progress) end() {
	if p.w != nil && p.shown.After(p.began.Add(time.Second)) {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
