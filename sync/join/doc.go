// Package join lets machines in and keeps their certificates alive: the exchange by which a node joins
// a site and a site joins a region with a one-time code, and the one by which certificates are renewed,
// also after they have run out. Both are one question and one answer over TLS 1.3 on TCP, told apart by
// ALPN ("aielon-join/1", "aielon-renew/1"). Package pki decides who is at the other end; this package
// decides what they get.
package join
