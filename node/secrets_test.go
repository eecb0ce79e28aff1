package node_test

import (
	"bytes"
	"fmt"
	"go/types"
	"log/slog"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aielon/edge/cluster/gossip"
	"github.com/aielon/edge/cluster/raftlog"
	"github.com/aielon/edge/cluster/raftlog/wal"
	"github.com/aielon/edge/hardware/mqtt"
	"github.com/aielon/edge/hardware/registry"
	"github.com/aielon/edge/node"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/device"
	"github.com/aielon/edge/node/auth/lockout"
	"github.com/aielon/edge/node/auth/passkey"
	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/blob"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/state"
	"github.com/aielon/edge/node/webhook"
	"github.com/aielon/edge/sync/hub"
	"github.com/aielon/edge/sync/join"
)

// secretField are names of fields that hold what opens something.
var secretField = regexp.MustCompile(`(?i)^(.*(secret|password|passphrase|cookie|bearer|private|pepper).*|key|.*(^|[a-z])key|.*token|.*code|jwt|seed|recovery|session|hash)$`)

// innocent are fields with the name of a secret that hold none, by package, type and field, and why.
var innocent = map[string]string{
	"node/edge.Write.Key": "of a row", "node/state.op.key": "of a row", "node/state.walEntry.key": "of a row", "sync/hub/store.Row.Key": "of a row", "sync/hub.Source.key": "of a row",
	"node.SettingSet.Key": "of a setting", "node.Setting.Key": "of a setting", "node.SettingGet.Key": "of a setting", "node.badSetting.key": "of a setting", "node/auth/oidc.mark.Key": "of a row",
	"hardware/mqtt.Entry.Key": "of a row", "sync/wire.KV.Key": "of a pair", "node/telemetry.keyValue.Key": "of a pair", "node/gateway/fastjson.field.key": "of a member", "node.keeper.key": "of a row",
	"node/audit.body.Session": "its public id", "node/audit.Record.Session": "its public id", "node/auth.Caller.Session": "its public id", "sync/wire.Welcome.Session": "names a session in logs",
	"node/audit.Statement.NodeKey": "public", "node/auth/pki.DeviceCert.Key": "hash of a public key", "node/auth/oidc.confirm.Key": "hash of a public key",
	"node/auth/oidc.fault.code": "of an error", "node/gateway/rpcws.data.Code": "of an error", "node/edge.Error.Code": "of an error", "node/gateway/problem.Details.Code": "of an error", "node/api.Problem.Code": "of an error", "node/telemetry.labels.code": "of an error", "node/telemetry.Call.Code": "of an error",
	"node/auth/oidc.metadata.Token": "an address", "node/auth/oidc.smartMetadata.Token": "an address", "node/gateway/openapi.Options.Cookie": "a name", "node/auth/oidc.pageFile.hash": "of a public page",
	"node/search.ownerSource.code": "of words", "sync/wire.Twin.Hash": "of what is configured", "sync/wire.Reported.Hash": "of what is configured", "sync/hub.ObjectRow.Hash": "of content",
	"services/wallet/ledger.outcome.code": "of a refusal",
	"node.BlobInfo.Hash":                  "of content", "node.fetchRequest.Hash": "of content", "node/cli.blobsGiveCmd.Hash": "of content", "node/cli.blobsRemoveCmd.Hash": "of content", "node/cli.blobsGetCmd.Hash": "of content",
	"node.Bridge.PasswordFile": "the name of a file", "node/cli.restoreCmd.Key": "the name of a file",
}

// benches are folders whose secrets open nothing: simulations, measurements, help for tests.
var benches = []string{"cluster/sim.", "scripts/", "node/auth/passkey/passkeytest.", "sync/uplink/hubtest."}

// TestSecretsAreRedacted holds every type of the program that has a field with the name and the form of a secret, or
// an unexported field with such a type in it, to print as edge.Redacted does.
func TestSecretsAreRedacted(t *testing.T) {
	if testing.Short() {
		t.Skip("reads the whole program")
	}
	var found []string
	for _, p := range typed(t, "./...") {
		found = append(found, secrets(p)...)
	}
	for _, text := range found {
		t.Error(text)
	}
}

// TestNothingSecretIsPrinted prints types of the program that hold secrets, in every way, in variables, behind
// pointers and in lists.
func TestNothingSecretIsPrinted(t *testing.T) {
	for _, empty := range []any{
		auth.Credentials{}, auth.Proof{}, auth.Grant{}, call.Request{}, device.Credential{}, device.Proof{}, lockout.Devices{}, passkey.Person{},
		pki.Code{}, pki.CodeRecord{}, node.JoinRequest{}, node.Invitation{}, node.DeviceCredentials{}, webhook.Endpoint{}, webhook.Secret{}, registry.Enrolment{},
		join.Request{}, join.Result{}, join.Invitation{}, join.Spending{}, join.Welcome{}, mqtt.Credentials{}, mqtt.BridgeOptions{},
		state.Options{}, blob.Options{}, wal.Options{}, raftlog.Options{}, gossip.Options{}, hub.Options{},
	} {
		p := reflect.New(reflect.TypeOf(empty))
		if spoil(p.Elem()); reflect.DeepEqual(p.Elem().Interface(), empty) {
			t.Errorf("%T has nowhere to hide anything", empty)
		}
		v := p.Elem().Interface()
		list := reflect.Append(reflect.MakeSlice(reflect.SliceOf(p.Elem().Type()), 0, 1), p.Elem()).Interface()
		var out bytes.Buffer
		for _, x := range []any{v, p.Interface(), list, struct{ In any }{v}} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
				fmt.Fprintf(&out, verb, x)
			}
			slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", x)
		}
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v, "p", p.Interface(), slog.Group("g", "v", v))
		fmt.Fprint(&out, fmt.Errorf("with %v and %w", v, fmt.Errorf("%v", p.Interface())))
		for _, form := range []string{"canary", "63616E617279", "63616e617279", "99 97 110 97", "0x63, 0x61", "Y2FuYXJ5"} {
			if strings.Contains(out.String(), form) {
				t.Errorf("%T prints as %.300s", empty, out.String())
				break
			}
		}
	}
}

// spoil puts a word that is looked for wherever text or bytes may stand.
func spoil(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("canary")
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte("canary"))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		spoil(v.Index(0))
	case reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			reflect.Copy(v, reflect.ValueOf([]byte("canarycanarycanarycanary")).Slice(0, min(24, v.Len())))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				spoil(v.Field(i))
			}
		}
	}
}

func secrets(p typedPackage) (found []string) {
	var names []string
	for _, o := range p.info.Defs {
		n, ok := o.(*types.TypeName)
		if !ok || n.IsAlias() || n.Parent() == nil || n.Parent() != n.Pkg().Scope() {
			continue
		}
		s, ok := n.Type().Underlying().(*types.Struct)
		if !ok || hides(n.Type()) {
			continue
		}
		for i := range s.NumFields() {
			f := s.Field(i)
			at := strings.TrimPrefix(n.Pkg().Path(), module) + "." + n.Name() + "." + f.Name()
			if innocent[at] != "" || slices.ContainsFunc(benches, func(b string) bool { return strings.HasPrefix(at, b) }) {
				continue
			}
			if private(f.Type()) || secretField.MatchString(f.Name()) && opens(f.Type()) || !f.Exported() && holds(f.Type(), 0) {
				names = append(names, fmt.Sprintf("%s: %s is a %s: embed edge.Redacted, or say why it is no secret", p.fset.Position(f.Pos()), at, f.Type()))
			}
		}
	}
	slices.Sort(names)
	return names
}

func hides(t types.Type) bool {
	for _, name := range []string{"Format", "LogValue"} {
		m, _, _ := types.LookupFieldOrMethod(t, true, nil, name)
		if f, ok := m.(*types.Func); !ok || f.Signature().Recv() == nil || f.Signature().Recv().Type().String() != module+"node/edge.Redacted" {
			return false
		}
	}
	return true
}

func private(t types.Type) bool {
	return strings.HasSuffix(t.String(), "PrivateKey") || t.String() == "crypto.Signer"
}

// opens reports whether a secret may be of such a type.
func opens(t types.Type) bool {
	switch t := t.Underlying().(type) {
	case *types.Basic:
		return t.Kind() == types.String
	case *types.Slice:
		return opens(t.Elem()) || byte8(t.Elem())
	case *types.Array:
		return opens(t.Elem()) || byte8(t.Elem())
	case *types.Map:
		return opens(t.Elem())
	}
	return false
}

func byte8(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Kind() == types.Uint8
}

// holds reports whether a value of type t has one within it that hides itself, where fmt would print it.
func holds(t types.Type, depth int) bool {
	if _, ok := t.Underlying().(*types.Pointer); ok || depth > 4 {
		return false
	}
	if hides(t) {
		return true
	}
	switch u := t.Underlying().(type) {
	case *types.Slice:
		return holds(u.Elem(), depth+1)
	case *types.Array:
		return holds(u.Elem(), depth+1)
	case *types.Map:
		return holds(u.Elem(), depth+1)
	case *types.Struct:
		for i := range u.NumFields() {
			if holds(u.Field(i).Type(), depth+1) {
				return true
			}
		}
	}
	return false
}
