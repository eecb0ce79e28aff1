package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway/call"
	"github.com/aielon/edge/node/gateway/problem"
)

const (
	maxConns     = 1024             // open at a time, of all addresses
	maxPeerConns = 128              // of one address, the box's own apart
	maxStreams   = 128              // under way on one HTTP/2 or HTTP/3 connection
	drainTime    = 5 * time.Second  // for what is under way when the node stops
	headTime     = 5 * time.Second  // for a request's head to come
	idleTime     = 90 * time.Second // between requests
)

// ServerOptions say where a Server listens.
type ServerOptions struct {
	TCP     net.Listener
	UDP     net.PacketConn // for HTTP/3, beside TLS; nil: without
	TLS     *tls.Config    // nil: plain HTTP, on this machine only
	Handler http.Handler
	Limit   func(call.Request) error // the budget of where a request comes from; nil: none
	Logger  *slog.Logger
}

// A Server serves HTTP/1.1, HTTP/2 and, beside TLS, HTTP/3 on one port.
type Server struct {
	o    ServerOptions
	away *floods
	h1   *http.Server
	h3   *http3.Server
	stop func() // ends the context of every request, WebSockets among them
}

// NewServer returns a Server. It fails with Invalid where plain HTTP would be reachable from elsewhere.
func NewServer(o ServerOptions) (*Server, error) {
	if a, ok := o.TCP.Addr().(*net.TCPAddr); o.TLS == nil && (!ok || !a.IP.IsLoopback()) {
		return nil, edge.E(edge.Invalid, "plain HTTP is for this machine only, and %s is not", o.TCP.Addr())
	}
	if o.Limit == nil {
		o.Limit = func(call.Request) error { return nil }
	}
	base, stop := context.WithCancel(context.Background())
	s := &Server{o: o, stop: stop, away: newFloods()}
	handler := s.patient(o.Handler)
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(o.TLS != nil)
	protocols.SetUnencryptedHTTP2(o.TLS == nil)
	s.h1 = &http.Server{Handler: handler, Protocols: &protocols, ReadHeaderTimeout: headTime, WriteTimeout: call.AnswerTime, IdleTimeout: idleTime, MaxHeaderBytes: 16 << 10,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams, SendPingTimeout: 30 * time.Second, WriteByteTimeout: 30 * time.Second},
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return withHangUp(ctx, func() { c.Close() })
		},
		BaseContext: func(net.Listener) context.Context { return base }, ErrorLog: slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug)}
	if o.TLS != nil && o.UDP != nil {
		s.h3 = &http3.Server{Handler: handler, TLSConfig: http3.ConfigureTLSConfig(o.TLS.Clone()), MaxHeaderBytes: 16 << 10, IdleTimeout: idleTime,
			ConnContext: func(ctx context.Context, c *quic.Conn) context.Context {
				return withHangUp(ctx, func() { c.CloseWithError(0x107, "too many requests") }) // H3_EXCESSIVE_LOAD
			},
			QUICConfig: &quic.Config{MaxIncomingStreams: maxStreams, MaxIncomingUniStreams: 8, MaxIdleTimeout: idleTime, Allow0RTT: false}}
		s.h1.Handler = s.announced(handler)
	}
	return s, nil
}

// patient answers a request within the budget of its address, refuses one beyond it without looking at it, and
// hangs up on who does not listen.
func (s *Server) patient(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer := peerOf(r)
		err := s.o.Limit(call.Request{Peer: peer})
		if err == nil {
			h.ServeHTTP(w, r)
			return
		}
		if s.away.refused(peer, time.Now()) {
			hangUp(r.Context())
			return
		}
		problem.Write(w, err, "")
	})
}

// announced tells browsers that HTTP/3 is there too (RFC 7838).
func (s *Server) announced(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.h3.SetQUICHeaders(w.Header()) // fails before the first packet could be served: then it is not announced
		h.ServeHTTP(w, r)
	})
}

// Name is "door".
func (s *Server) Name() string { return "door" }

// Run serves until ctx ends, then lets what is under way finish for up to 5 seconds.
func (s *Server) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		time.AfterFunc(drainTime/2, s.stop) // streams go on for ever otherwise
		s.h1.Shutdown(end)
		s.stop()
		s.h1.Close()
		if s.h3 != nil {
			s.h3.Close()
		}
	})
	defer stop()
	errs := make(chan error, 2)
	go func() { errs <- s.serveTCP() }()
	if s.h3 != nil {
		go func() { errs <- s.h3.Serve(s.o.UDP) }()
	}
	err := <-errs
	if ctx.Err() != nil || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return edge.E(edge.Internal, "the door does not serve any more: %w", err)
}

func (s *Server) serveTCP() error {
	l, err := limitPeers(limitConns(s.o.TCP, maxConns), maxPeerConns, s.away)
	if err != nil {
		return err
	}
	if s.o.TLS == nil {
		return s.h1.Serve(l)
	}
	s.h1.TLSConfig = s.o.TLS.Clone()
	return s.h1.ServeTLS(l, "", "")
}
