package uplink

import (
	"context"

	"github.com/aielon/edge/sync/wire"
)

// SetDial makes the uplink get its links from f.
func (u *Uplink) SetDial(f func(ctx context.Context, hub string) (wire.Link, error)) {
	u.dial = func(ctx context.Context, hub string) (*link, error) {
		l, err := f(ctx, hub)
		if err != nil {
			return nil, err
		}
		return serve(l, hub), nil
	}
}
