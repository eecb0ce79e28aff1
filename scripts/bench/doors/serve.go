package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/dgraph-io/badger/v4"
	"github.com/vektah/gqlparser/v2/ast"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aielon/edge/node/api/nodev1"
	"github.com/aielon/edge/scripts/bench/doors/gql"
)

// A peer is the least an application would do for the same answer: find out who asks, by the hash of a token in
// a Badger store, and read one row of it. It decides nothing, limits nothing and records nothing.
type peer struct{ db *badger.DB }

type row struct {
	Key     string `json:"key"`
	Value   string `json:"value"`
	Version string `json:"version"`
	Changed string `json:"changed"`
	By      string `json:"by"`
}

const peerToken = "peer-token-of-the-benchmark"

func serve(kind string) error {
	dir, err := os.MkdirTemp("", "doors")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	db, err := badger.Open(badger.DefaultOptions(dir).WithLogger(nil).WithMemTableSize(8 << 20))
	if err != nil {
		return err
	}
	defer db.Close()
	p := peer{db}
	if err := p.fill(); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	switch kind {
	case "huma":
		return serveHTTP(l, p.huma())
	case "gqlgen":
		return serveHTTP(l, p.gqlgen())
	case "grpc":
		s := grpc.NewServer()
		s.RegisterService(&grpc.ServiceDesc{ServiceName: "aielon.node.v1.Settings", HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{{MethodName: "GetSetting", Handler: p.grpc}}}, p)
		return s.Serve(l)
	}
	return fmt.Errorf("there is no peer called %q", kind)
}

// serveHTTP serves with the bounds of a node's own door, without which no server should face strangers.
func serveHTTP(l net.Listener, h http.Handler) error {
	return (&http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 90 * time.Second, MaxHeaderBytes: 16 << 10}).Serve(l)
}

func (p peer) fill() error {
	return p.db.Update(func(tx *badger.Txn) error {
		sum := sha256.Sum256([]byte(peerToken))
		b, err := json.Marshal(row{"hours", "8-18", "1", time.Now().UTC().Format(time.RFC3339Nano), "06h0f7vr3nz3df8c00vcynbraw"})
		return errors.Join(err, tx.Set(append([]byte("t/"), sum[:]...), []byte("somebody")), tx.Set([]byte("s/hours"), b))
	})
}

var errNobody = errors.New("sign in first")

func (p peer) get(bearer, key string) (out row, err error) {
	token, ok := strings.CutPrefix(bearer, "Bearer ")
	if !ok {
		return out, errNobody
	}
	err = p.db.View(func(tx *badger.Txn) error {
		sum := sha256.Sum256([]byte(token))
		if _, err := tx.Get(append([]byte("t/"), sum[:]...)); err != nil {
			return errNobody
		}
		it, err := tx.Get([]byte("s/" + key))
		if err != nil {
			return err
		}
		return it.Value(func(b []byte) error { return json.Unmarshal(b, &out) })
	})
	return out, err
}

type humaIn struct {
	Authorization string `header:"Authorization"`
	Key           string `path:"key" maxLength:"128"`
}

type humaOut struct{ Body row }

func (p peer) huma() http.Handler {
	mux := http.NewServeMux()
	config := huma.DefaultConfig("Settings", "1")
	config.CreateHooks = nil // they would add "$schema" to the answer, which nobody else has
	api := humago.New(mux, config)
	huma.Get(api, "/v1/settings/{key}", func(_ context.Context, in *humaIn) (*humaOut, error) {
		r, err := p.get(in.Authorization, in.Key)
		if err != nil {
			return nil, huma.Error404NotFound(err.Error())
		}
		return &humaOut{r}, nil
	})
	return mux
}

type bearerKey struct{}

func (p peer) gqlgen() http.Handler {
	s := handler.New(gql.NewExecutableSchema(gql.Config{Resolvers: &gql.Resolver{Get: func(ctx context.Context, key string) (*gql.Setting, error) {
		r, err := p.get(ctx.Value(bearerKey{}).(string), key)
		return &gql.Setting{Key: r.Key, Value: r.Value, Version: r.Version, Changed: r.Changed, By: r.By}, err
	}}}))
	s.AddTransport(transport.POST{})
	s.SetQueryCache(lru.New[*ast.QueryDocument](1000)) // as in the server gqlgen itself writes
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), bearerKey{}, r.Header.Get("Authorization"))))
	})
}

func (p peer) grpc(_ any, ctx context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	in := &nodev1.GetSettingRequest{}
	if err := dec(in); err != nil {
		return nil, err
	}
	md, _ := metadata.FromIncomingContext(ctx)
	r, err := p.get(strings.Join(md.Get("authorization"), ""), in.GetKey())
	if err != nil {
		return nil, status.Error(codes.NotFound, err.Error())
	}
	version, err := strconv.ParseUint(r.Version, 10, 64)
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	changed, err := time.Parse(time.RFC3339Nano, r.Changed)
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &nodev1.Setting{Key: r.Key, Value: r.Value, Version: version, Changed: timestamppb.New(changed), By: r.By}, nil
}
