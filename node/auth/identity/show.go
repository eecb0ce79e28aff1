package identity

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/api/identityv1"
	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/passkey"
	"github.com/aielon/edge/node/edge"
)

// Rows in the words of the schema. None of them carries a secret or its hash.

func show(p person) *identityv1.Person {
	status := "active"
	if p.Suspended {
		status = "suspended"
	}
	return &identityv1.Person{Id: p.ID.String(), Login: p.Login, DisplayName: p.Name, Language: p.Language, Roles: p.Roles, Status: status,
		Created: stamp(p.Created), HasPassword: p.Password, HasTotp: p.TOTP, Passkeys: int32(p.Passkeys), By: p.By}
}

func showSession(s session, current edge.ID) *identityv1.Session {
	return &identityv1.Session{Id: s.ID.String(), Person: s.Person.String(), Created: stamp(s.Created), Used: stamp(s.Used), Until: stamp(s.Until),
		IdleSeconds: int64(s.Idle / time.Second), Strength: strengthName(s.Strength), Agent: s.Agent, Current: s.ID == current, Offline: s.Offline}
}

func showToken(t tokenRow) *identityv1.ServiceToken {
	return &identityv1.ServiceToken{Id: t.ID.String(), Name: t.Name, Roles: t.Roles, Scopes: t.Scopes, Created: stamp(t.Created), Until: stamp(t.Until), Used: stamp(t.Used), By: t.By}
}

func showInvitation(i invitation) *identityv1.Invitation {
	return &identityv1.Invitation{Id: i.ID.String(), Roles: i.Roles, Login: i.Login, Person: idText(i.Person), Created: stamp(i.Created), Until: stamp(i.Until), By: i.By}
}

func showKey(k passkey.Key) *identityv1.Passkey {
	return &identityv1.Passkey{Id: keyID(k.ID), Name: k.Name, Made: stamp(k.Made), Used: stamp(k.Used), Synced: k.Synced}
}

// keyID is how a passkey is called on pages: the beginning of the hash under which it is kept.
func keyID(id []byte) string {
	return keyRow(id)[len(keysOf) : len(keysOf)+32]
}

func strengthName(s auth.Strength) string {
	names := [...]string{"none", "token", "password", "two-factor", "passkey"}
	if int(s) < len(names) {
		return names[s]
	}
	return names[0]
}

func kindName(k edge.ActorKind) string {
	names := [...]string{"nobody", "person", "device", "node", "service"}
	if int(k) < len(names) {
		return names[k]
	}
	return names[0]
}

func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
