//go:build needs

package api

import (
	_ "connectrpc.com/connect/v2/connecthttp"
	_ "connectrpc.com/connect/v2/connectinprocess"
	_ "connectrpc.com/grpcreflect/v2"
	_ "github.com/99designs/gqlgen/graphql/handler"
	_ "github.com/blevesearch/snowballstem/arabic"
	_ "github.com/blevesearch/snowballstem/english"
	_ "github.com/bufbuild/protocompile"
	_ "github.com/cedar-policy/cedar-go"
	_ "github.com/coder/websocket"
	_ "github.com/go-jose/go-jose/v4"
	_ "github.com/go-webauthn/webauthn/webauthn"
	_ "github.com/pquerna/otp/totp"
	_ "github.com/prometheus/client_golang/prometheus/promhttp"
	_ "github.com/quic-go/quic-go/http3"
	_ "github.com/standard-webhooks/standard-webhooks/libraries/go"
	_ "github.com/vektah/gqlparser/v2"
	_ "go.opentelemetry.io/otel/sdk/trace"
	_ "golang.org/x/mod/sumdb/note"
	_ "golang.org/x/mod/sumdb/tlog"
	_ "golang.org/x/time/rate"
	_ "google.golang.org/genproto/googleapis/api/annotations"
	_ "google.golang.org/grpc"
	_ "rsc.io/qr"
)
