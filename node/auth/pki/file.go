package pki

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/aielon/edge/node/edge"
)

const maxFile = 1 << 20 // bytes; no file of ours comes near

// WritePrivate replaces the file at path by data, readable by the owner only, so that after a power cut
// there is the old file or the new one, whole.
func WritePrivate(path string, data []byte) error {
	return writePrivate(path, data, os.Rename)
}

// createPrivate is WritePrivate for a file that must not be there yet; errors.Is(err, fs.ErrExist) if it is.
func createPrivate(path string, data []byte) error {
	return writePrivate(path, data, os.Link)
}

func writePrivate(path string, data []byte, place func(from, to string) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // made with mode 0600
	if err != nil {
		return edge.E(edge.Unavailable, "cannot write %s: %w", path, err)
	}
	defer os.Remove(f.Name()) // after a rename there is nothing left to remove
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = place(f.Name(), path)
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return edge.E(edge.Unavailable, "cannot write %s: %w", path, err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir) // #nosec G304 -- the node's own data directory, from its configuration
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// ReadPrivate reads a file with a secret in it. It fails with NotFound, with Denied where others than
// the owner may read the file (its secret must then be taken as known), and with Corrupt where it is
// far too long.
func ReadPrivate(path string) ([]byte, error) {
	f, err := os.Open(path) // #nosec G304 -- the node's own data directory, from its configuration
	if errors.Is(err, fs.ErrNotExist) {
		return nil, edge.E(edge.NotFound, "there is no file %s: %w", path, err)
	} else if err != nil {
		return nil, edge.E(edge.Unavailable, "cannot read %s: %w", path, err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, edge.E(edge.Unavailable, "cannot read %s: %w", path, err)
	}
	if !st.Mode().IsRegular() || st.Mode().Perm()&0o077 != 0 {
		return nil, edge.E(edge.Denied, "the key file %s can be read by others (mode %#o)", path, st.Mode().Perm()).
			WithHint("run: chmod 600 %s; if somebody else could have read it, revoke this node and join again", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, edge.E(edge.Unavailable, "cannot read %s: %w", path, err)
	}
	if len(b) > maxFile {
		return nil, edge.E(edge.Corrupt, "the file %s is too long to be a key", path)
	}
	return b, nil
}
