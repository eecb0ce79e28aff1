package identity

import (
	"bytes"
	"slices"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/passkey"
	"github.com/aielon/edge/node/auth/password"
	"github.com/aielon/edge/node/auth/recovery"
	"github.com/aielon/edge/node/auth/totp"
	"github.com/aielon/edge/node/edge"
)

// A proof is a change of what proves a person, made by themselves.
type proof struct {
	edge.Redacted

	Person   edge.ID      `json:"person"`
	Session  edge.ID      `json:"session,omitzero"` // which asks, and is spared where others end
	Password string       `json:"password,omitempty"`
	Short    bool         `json:"short,omitempty"`
	TOTP     []byte       `json:"totp,omitempty"` // nil: none any more
	Step     int64        `json:"step,omitempty"`
	Recovery recovery.Set `json:"recovery,omitempty"`
	Key      *passkey.Key `json:"key,omitempty"`
	KeyID    []byte       `json:"key_id,omitempty"`

	Strength auth.Strength `json:"strength,omitempty"` // what the session that asks has proven by this
}

// change applies f to what proves a person, and tells it.
func change(tx edge.Tx, id edge.ID, what string, f func(*proofs) error) (person, error) {
	p, err := loadPerson(tx, id)
	if err != nil {
		return p, err
	}
	x, err := loadProofs(tx, id)
	if err != nil {
		return p, err
	}
	if p.Suspended {
		return p, Refused()
	}
	if err := f(&x); err != nil {
		return p, err
	}
	if err := keep(tx, p, &x); err != nil {
		return p, err
	}
	if p, err = loadPerson(tx, id); err != nil {
		return p, err
	}
	return p, tellPerson(tx, ProofsChanged, p, Notice{By: id.String(), What: what})
}

// raise lets the session in which somebody has shown a new proof count for as much: what they had just proven by
// password and by this is what a sign-in with both would be.
func raise(tx edge.Tx, in proof) error {
	if in.Session.IsZero() {
		return nil
	}
	s, found, err := load[session](tx, sessions+in.Session.String())
	if err != nil || !found || s.Person != in.Person {
		return err
	}
	s.Proven, s.Strength = tx.Now(), max(s.Strength, in.Strength)
	return save(tx, sessions+s.ID.String(), s)
}

// keepPassword also ends all other sessions: whoever changes a password may do so because somebody knows it.
func keepPassword(tx edge.Tx, in proof) error {
	if err := password.Check(in.Password); err != nil {
		return err
	}
	p, err := change(tx, in.Person, "password", func(x *proofs) error {
		if in.Short && !x.second() {
			return shortAlone()
		}
		x.Password, x.Short = in.Password, in.Short
		return nil
	})
	if err != nil {
		return err
	}
	return endAll(tx, &p, in.Session)
}

func shortAlone() *edge.Error {
	return edge.E(edge.Invalid, "without a second proof the password needs %d characters", password.MinAlone).WithHint("choose a longer password first")
}

func keepTOTP(tx edge.Tx, in proof) error {
	_, err := change(tx, in.Person, "totp", func(x *proofs) error {
		switch {
		case len(in.TOTP) == 0 && x.Short:
			return shortAlone()
		case len(in.TOTP) == 0:
			x.TOTP, x.Recovery = nil, nil // Step stays: a code once used is used
			return nil
		case len(in.TOTP) != totp.SecretBytes || len(in.Recovery) > recovery.Count:
			return edge.E(edge.Invalid, "the secret of an authenticator app has %d bytes", totp.SecretBytes)
		}
		x.TOTP, x.Step, x.Recovery = in.TOTP, max(x.Step, in.Step), in.Recovery
		return nil
	})
	if err != nil || len(in.TOTP) == 0 {
		return err
	}
	return raise(tx, in)
}

func keepRecovery(tx edge.Tx, in proof) error {
	_, err := change(tx, in.Person, "recovery", func(x *proofs) error {
		if !x.second() || len(in.Recovery) > recovery.Count {
			return edge.E(edge.Conflict, "recovery codes stand in for an authenticator app, and there is none").WithHint("set up an authenticator app first")
		}
		x.Recovery = in.Recovery
		return nil
	})
	return err
}

func keepPasskey(tx edge.Tx, in proof) error {
	if in.Key == nil || len(in.Key.ID) == 0 || len(in.Key.ID) > 1023 || len(in.Key.Public) > 4096 {
		return edge.E(edge.Invalid, "this is not a passkey")
	}
	row := keyRow(in.Key.ID)
	if _, taken, err := load[edge.ID](tx, row); err != nil || taken {
		if err == nil {
			err = edge.E(edge.Conflict, "this passkey is registered already")
		}
		return err
	}
	_, err := change(tx, in.Person, "passkey", func(x *proofs) error {
		if len(x.Keys) >= MaxPasskeys {
			return edge.E(edge.Exhausted, "a person may have %d passkeys", MaxPasskeys).WithHint("remove one that is not used")
		}
		x.Keys = append(slices.Clone(x.Keys), *in.Key)
		return nil
	})
	if err != nil {
		return err
	}
	if err := save(tx, row, in.Person); err != nil {
		return err
	}
	return raise(tx, in)
}

func dropPasskey(tx edge.Tx, in proof) error {
	_, err := change(tx, in.Person, "passkey", func(x *proofs) error {
		n := len(x.Keys)
		x.Keys = slices.DeleteFunc(slices.Clone(x.Keys), func(k passkey.Key) bool { return bytes.Equal(k.ID, in.KeyID) })
		switch {
		case len(x.Keys) == n:
			return edge.E(edge.NotFound, "there is no such passkey")
		case len(x.Keys) == 0 && x.Password == "":
			return edge.E(edge.Conflict, "this is the only way in that is left").WithHint("set a password first")
		}
		return nil
	})
	if err != nil {
		return err
	}
	drop(tx, keyRow(in.KeyID))
	return nil
}

// A description is what people call themselves.
type description struct {
	Person   edge.ID `json:"person"`
	Name     *string `json:"name"`
	Language *string `json:"language"`
}

func keepDescription(tx edge.Tx, in description) error {
	p, err := loadPerson(tx, in.Person)
	if err != nil {
		return err
	}
	if err := describe(&p, in.Name, in.Language); err != nil {
		return err
	}
	if err := keep(tx, p, nil); err != nil {
		return err
	}
	return tellPerson(tx, PersonChanged, p, Notice{By: p.ID.String()})
}
