package guard

import (
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/token"
)

// claimed is the public id of the session or service token that was shown, whether it opens anything or not, so that
// the use of one that was ended can be seen beside its ending. It is a hash of the secret.
func claimed(c auth.Credentials) string {
	for _, s := range []string{c.Bearer, c.Cookie} {
		if token.Is(token.Session, s) || token.Is(token.Service, s) {
			return token.IDOf(s).String()
		}
	}
	return ""
}
