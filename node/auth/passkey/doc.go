// Package passkey lets people sign in with a key that their phone, computer or security key holds and unlocks
// (WebAuthn level 3), without saying who they are first.
package passkey
