package passkey

import (
	"encoding/json"
	"net/netip"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/aielon/edge/node/edge"
)

const (
	maxResponse = 64 << 10 // bytes a browser may answer with
	maxOrigins  = 32
)

// Options say under which name browsers know the site.
type Options struct {
	Name    string   // the relying party's id, "clinic-7.example.org": a name, never an IP address
	Display string   // what people call the site
	Origins []string // where its pages come from, "https://clinic-7.example.org:8443"
}

// A Relying is the site as authenticators see it. Nothing is kept for a ceremony that was only begun, so
// there is nothing to fill up.
type Relying struct {
	w    *webauthn.WebAuthn
	seal *sealer
}

// New makes a Relying. It fails with Invalid where the name cannot carry passkeys.
func New(o Options) (*Relying, error) {
	if err := CheckName(o.Name); err != nil {
		return nil, err
	}
	if len(o.Origins) == 0 || len(o.Origins) > maxOrigins {
		return nil, edge.E(edge.Invalid, "passkeys need 1 to %d addresses of the portal, not %d", maxOrigins, len(o.Origins))
	}
	for _, origin := range o.Origins {
		if !strings.HasPrefix(origin, "https://") && !strings.HasPrefix(origin, "http://localhost") {
			return nil, edge.E(edge.Invalid, "passkeys do not work at %q", clip(origin)).WithHint("browsers offer them over https only")
		}
	}
	if o.Display == "" {
		o.Display = o.Name
	}
	yes := true
	w, err := webauthn.New(&webauthn.Config{
		RPID: o.Name, RPDisplayName: o.Display, RPOrigins: o.Origins,
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: &yes, ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		},
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore, // we ask for none and read none
	})
	if err != nil {
		return nil, edge.E(edge.Invalid, "the site cannot take passkeys: %w", err)
	}
	return &Relying{w: w, seal: newSealer()}, nil
}

// CheckName refuses, with Invalid, what browsers do not take for a relying party's id.
func CheckName(name string) error {
	hint := "open the portal under a name, such as clinic-7.example.org, and set that name up for passkeys"
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return edge.E(edge.Invalid, "passkeys need a name; %s is an address", name).WithHint("%s", hint)
	}
	if err := protocol.ValidateRPID(name); err != nil || len(name) > 253 || strings.ContainsAny(name, "/:@ ") {
		return edge.E(edge.Invalid, "%q is not a name that passkeys can be kept under", clip(name)).WithHint("%s", hint)
	}
	return nil
}

// A Person is whom a key is made for.
type Person struct {
	edge.Redacted

	ID    edge.ID // the user handle: it names nobody outside the site
	Login string
	Name  string
	Keys  []Key
}

// A Key is what is kept of a passkey. It is enough to check, too little to sign.
type Key struct {
	ID        []byte    `json:"id"`        // as the authenticator chose it
	Public    []byte    `json:"public"`    // COSE key
	Count     uint32    `json:"count"`     // of signatures, as the authenticator counts; 0: it does not
	Synced    bool      `json:"synced"`    // it may be on several devices of its owner
	BackedUp  bool      `json:"backed_up"` //
	Transport []string  `json:"transport"` // usb, nfc, ble, internal, hybrid
	Model     []byte    `json:"model"`     // AAGUID
	Name      string    `json:"name"`      // what its owner calls it
	Made      time.Time `json:"made"`      //
	Used      time.Time `json:"used,omitzero"`
}

// A Begun is a ceremony under way. Ceremony comes back with the browser's answer.
type Begun struct {
	Ceremony string
	Options  []byte // JSON for PublicKeyCredential.parse{Creation,Request}OptionsFromJSON
}

// BeginRegister asks a browser to make a key for p, on an authenticator that has none for p yet.
func (r *Relying) BeginRegister(p Person, now time.Time) (Begun, error) {
	creation, session, err := r.w.BeginRegistration(user{p: p}, webauthn.WithExclusions(webauthn.Credentials(user{p: p}.WebAuthnCredentials()).CredentialDescriptors()))
	if err != nil {
		return Begun{}, edge.E(edge.Internal, "a passkey cannot be asked for: %w", err)
	}
	options, err := json.Marshal(creation.Response)
	if err != nil {
		return Begun{}, edge.E(edge.Internal, "a passkey cannot be asked for: %w", err)
	}
	return Begun{r.seal.close(forRegister, session.Challenge, now), options}, nil
}

// FinishRegister checks what the browser answered for the same person and returns the new key, without a
// name. It fails with Invalid or Denied.
func (r *Relying) FinishRegister(p Person, ceremony string, response []byte, now time.Time) (Key, error) {
	session, err := r.session(forRegister, ceremony, now)
	if err != nil {
		return Key{}, err
	}
	session.UserID, session.CredParams = user{p: p}.WebAuthnID(), webauthn.CredentialParametersDefault()
	if len(response) > maxResponse {
		return Key{}, tooLong()
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return Key{}, unreadable(err)
	}
	c, err := r.w.CreateCredential(user{p: p}, session, parsed)
	if err != nil {
		return Key{}, over(Refused(), err)
	}
	if err := r.seal.spend(ceremony, now); err != nil {
		return Key{}, err
	}
	return keyOf(c, now), nil
}

// BeginSignIn asks a browser for any passkey of this site.
func (r *Relying) BeginSignIn(now time.Time) (Begun, error) {
	assertion, session, err := r.w.BeginDiscoverableLogin()
	if err != nil {
		return Begun{}, edge.E(edge.Internal, "a passkey cannot be asked for: %w", err)
	}
	options, err := json.Marshal(assertion.Response)
	if err != nil {
		return Begun{}, edge.E(edge.Internal, "a passkey cannot be asked for: %w", err)
	}
	return Begun{r.seal.close(forSignIn, session.Challenge, now), options}, nil
}

// FinishSignIn checks what the browser answered. find returns the keys of a person, none where there is no
// such person. It returns whose key it was, and the key with its new count, which the caller must keep before
// it lets anybody in. It fails with Invalid, and with Denied in the same words for everything that is wrong.
func (r *Relying) FinishSignIn(ceremony string, response []byte, find func(edge.ID) (Person, error), now time.Time) (Person, Key, error) {
	session, err := r.session(forSignIn, ceremony, now)
	if err != nil {
		return Person{}, Key{}, err
	}
	if len(response) > maxResponse {
		return Person{}, Key{}, tooLong()
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return Person{}, Key{}, unreadable(err)
	}
	var who Person
	_, c, err := r.w.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
		if len(handle) != len(who.ID) {
			return nil, Refused()
		}
		who, err = find(edge.ID(handle))
		return user{p: who}, err
	}, session, parsed)
	switch {
	case err != nil:
		return Person{}, Key{}, over(Refused(), err)
	case c.Authenticator.CloneWarning:
		return Person{}, Key{}, edge.E(edge.Denied, "this passkey may have been copied, so it is not accepted any more").WithHint("sign in another way and remove the passkey; tell an administrator")
	}
	if err := r.seal.spend(ceremony, now); err != nil {
		return Person{}, Key{}, err
	}
	return who, who.used(c, now), nil
}
