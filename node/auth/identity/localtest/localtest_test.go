package localtest

import (
	"testing"

	"github.com/aielon/edge/node/auth/identity"
)

type rows map[string][]byte

func (r rows) Put(k string, v []byte) error { r[k] = v; return nil }
func (r rows) Delete(k string) error        { delete(r, k); return nil }
func (r rows) Each(f func(string, []byte) error) error {
	for k, v := range r {
		if err := f(k, v); err != nil {
			return err
		}
	}
	return nil
}

func TestInMemory(t *testing.T) {
	r := rows{}
	Run(t, func() identity.Local { return r })
}
