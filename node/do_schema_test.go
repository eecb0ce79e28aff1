package node

import (
	"encoding/json"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/services/wallet/walletv1"
)

// What has a schema is asked in JSON over the socket, and answered so; what has none is passed on as it is.
func TestTranslator(t *testing.T) {
	words := newTranslator()
	b, err := words.in("wallet.get_account", []byte(`{"id":"a"}`))
	var in walletv1.GetAccountRequest
	if err != nil || proto.Unmarshal(b, &in) != nil || in.Id != "a" {
		t.Fatal(b, err)
	}
	reply, _ := proto.Marshal(&walletv1.Account{Id: "a", State: walletv1.AccountState_OPEN})
	if out, err := words.out("wallet.get_account", reply); err != nil || !equalJSON(t, out, `{"id":"a","state":"OPEN"}`) {
		t.Errorf("%s, %v", out, err)
	}
	if b, err := words.in("settings.set", []byte(`{"key":"a"}`)); err != nil || string(b) != `{"key":"a"}` {
		t.Errorf("%s, %v", b, err)
	}
	for _, bad := range []string{`{"id":1}`, `{"nothing":1}`, `[`} {
		if _, err := words.in("wallet.get_account", []byte(bad)); !edge.IsKind(err, edge.Invalid) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// equalJSON compares two values of JSON, whatever spaces protojson put between.
func equalJSON(t *testing.T, a []byte, b string) bool {
	t.Helper()
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		t.Fatalf("%s or %s is no JSON", a, b)
	}
	return reflect.DeepEqual(x, y)
}
