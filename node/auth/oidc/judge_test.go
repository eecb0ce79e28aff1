package oidc

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	judge "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Programs of others, which know nothing of this provider but its address, go the whole way: they find it, send a person,
// change the code, check the ID token, refresh, ask who it is, and are refused what they should be.
func TestJudges(t *testing.T) {
	w := newWorld(t, 1)
	b := w.nodes[0]
	app := w.publicApp("openid", "fhirUser", "offline_access", "devices.read")
	p, err := judge.NewProvider(t.Context(), b.door.URL)
	if err != nil {
		t.Fatal(err)
	}
	o := oauth2.Config{ClientID: app, Endpoint: p.Endpoint(), RedirectURL: callback, Scopes: []string{"openid", "fhirUser", "offline_access", "devices.read"}}
	secret := oauth2.GenerateVerifier()
	at, err := url.Parse(o.AuthCodeURL("st-7", oauth2.S256ChallengeOption(secret), judge.Nonce("n-7")))
	if err != nil {
		t.Fatal(err)
	}
	code := b.allow(w.id("badr"), at.Query())
	got, err := o.Exchange(t.Context(), code, oauth2.VerifierOption(secret))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := got.Extra("id_token").(string)
	id, err := p.Verifier(&judge.Config{ClientID: app}).Verify(t.Context(), raw)
	if err != nil || id.Subject != w.id("badr") || id.Nonce != "n-7" {
		t.Fatalf("%+v, %v", id, err)
	}
	var more struct {
		AuthTime int64  `json:"auth_time"`
		User     string `json:"fhirUser"`
	}
	if err := id.Claims(&more); err != nil || more.AuthTime != w.since.Unix() || more.User != b.door.URL+"/fhir/Practitioner/7" {
		t.Errorf("%+v, %v", more, err)
	}
	if _, err := p.Verifier(&judge.Config{ClientID: "another"}).Verify(t.Context(), raw); err == nil {
		t.Error("the ID token is good for another client")
	}
	if _, err := b.who(raw); err == nil {
		t.Error("an ID token opens the doors")
	}
	info, err := p.UserInfo(t.Context(), oauth2.StaticTokenSource(got))
	if err != nil || info.Subject != id.Subject {
		t.Fatalf("%+v, %v", info, err)
	}
	again, err := o.TokenSource(t.Context(), &oauth2.Token{RefreshToken: got.RefreshToken}).Token()
	if err != nil || again.RefreshToken == got.RefreshToken || again.AccessToken == got.AccessToken {
		t.Fatalf("refresh: %v", err)
	}
	if _, err := o.TokenSource(t.Context(), &oauth2.Token{RefreshToken: got.RefreshToken}).Token(); err == nil {
		t.Error("a refresh token works twice")
	}
	if _, err := o.Exchange(t.Context(), b.allow(w.id("badr"), at.Query()), oauth2.VerifierOption(oauth2.GenerateVerifier())); err == nil {
		t.Error("a code works without its verifier")
	}
}

// An app that expects another provider's answers finds out that these are not (mix-up, RFC 9700 section 4.4).
func TestJudgeOfIssuer(t *testing.T) {
	w := newWorld(t, 2)
	if _, err := judge.NewProvider(judge.InsecureIssuerURLContext(context.Background(), "https://other.example"), w.nodes[0].door.URL); err != nil {
		t.Fatal(err)
	}
	if _, err := judge.NewProvider(redirected(w.nodes[1].door.URL), w.nodes[0].door.URL); err == nil {
		t.Error("the description of one issuer passes for another's")
	}
}

// redirected is a context whose HTTP client asks another host than it is told to.
func redirected(to string) context.Context {
	at, _ := url.Parse(to)
	return judge.ClientContext(context.Background(), &http.Client{Transport: elsewhere{at.Host}})
}

type elsewhere struct{ host string }

// RoundTrip implements http.RoundTripper.
func (e elsewhere) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Host = e.host
	return http.DefaultTransport.RoundTrip(r)
}
