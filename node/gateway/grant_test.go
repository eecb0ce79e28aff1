package gateway

import (
	"strings"
	"testing"
	"time"

	"github.com/aielon/edge/node/auth"
)

func TestCookies(t *testing.T) {
	until := time.Unix(2e9, 0)
	for _, tc := range []struct {
		grant auth.Grant
		tls   bool
		want  string
	}{
		{auth.Grant{Session: "s", Until: until}, true, "__Host-session=s; Path=/; Expires=Wed, 18 May 2033 03:33:20 GMT; HttpOnly; Secure; SameSite=Lax"},
		{auth.Grant{Session: "s", Until: until, Device: "d", Known: until}, false, "session=s; Path=/; Expires=Wed, 18 May 2033 03:33:20 GMT; HttpOnly; SameSite=Lax|device=d; Path=/; Expires=Wed, 18 May 2033 03:33:20 GMT; HttpOnly; SameSite=Lax"},
		{auth.Grant{}, true, "__Host-session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"},
	} {
		var got []string
		for _, c := range cookies(tc.grant, tc.tls) {
			got = append(got, c.String())
		}
		if s := strings.Join(got, "|"); s != tc.want {
			t.Errorf("got  %s\nwant %s", s, tc.want)
		}
	}
}
