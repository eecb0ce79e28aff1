package sim

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// answerTime is how long a node waits for the answer to a request of the log. It is longer than an
// election takes, so that answers from before one arrive after it.
const answerTime = 3 * time.Second

var errTimeout = errors.New("sim: no answer")

// An endpoint is one node's end of the network, as a raft.Transport.
type endpoint struct {
	net  *Network
	node int

	mu        sync.Mutex // guards heartbeat
	heartbeat func(raft.RPC)

	rpcs   chan raft.RPC
	closed chan struct{}
	once   sync.Once
}

func address(node int) raft.ServerAddress { return raft.ServerAddress(fmt.Sprintf("n%d", node)) }

// endpoint puts a node on the network, in place of the one that was there before.
func (n *Network) endpoint(node int) *endpoint {
	e := &endpoint{net: n, node: node, rpcs: make(chan raft.RPC), closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ends[node] = e
	return e
}

// Close takes the node off the network.
func (e *endpoint) Close() error {
	e.once.Do(func() { close(e.closed) })
	e.net.mu.Lock()
	defer e.net.mu.Unlock()
	if e.net.ends[e.node] == e {
		delete(e.net.ends, e.node)
	}
	return nil
}

// call sends a request and waits for its answer. The request is served even where the answer is lost.
func (e *endpoint) call(to raft.ServerAddress, cmd any, data []byte) (any, error) {
	got := make(chan raft.RPCResponse, 1)
	e.net.under.Go(func() {
		peer, _ := strconv.Atoi(string(to[1:]))
		if !e.net.pass(e.node, peer) {
			return
		}
		e.net.mu.Lock()
		target := e.net.ends[peer]
		e.net.mu.Unlock()
		if target == nil {
			got <- raft.RPCResponse{Error: errors.New("sim: connection refused")}
			return
		}
		r, ok := target.serve(cmd, data)
		if ok && e.net.pass(peer, e.node) {
			got <- r
		}
	})
	t := time.NewTimer(answerTime)
	defer t.Stop()
	select {
	case r := <-got:
		return r.Response, r.Error
	case <-t.C:
		return nil, errTimeout
	case <-e.closed:
		return nil, errors.New("sim: this node is off")
	}
}

// serve hands a request to the node's raft, heartbeats on the fast path as over a real network.
func (e *endpoint) serve(cmd any, data []byte) (raft.RPCResponse, bool) {
	ch := make(chan raft.RPCResponse, 1)
	rpc := raft.RPC{Command: cmd, RespChan: ch}
	if data != nil {
		rpc.Reader = bytes.NewReader(data)
	}
	e.mu.Lock()
	beat := e.heartbeat
	e.mu.Unlock()
	if a, ok := cmd.(*raft.AppendEntriesRequest); ok && beat != nil && isHeartbeat(a) {
		beat(rpc)
	} else {
		select {
		case e.rpcs <- rpc:
		case <-e.closed:
			return raft.RPCResponse{}, false
		}
	}
	select {
	case r := <-ch:
		return r, true
	case <-e.closed:
		return raft.RPCResponse{}, false
	}
}

func isHeartbeat(a *raft.AppendEntriesRequest) bool {
	return a.Term != 0 && a.PrevLogEntry == 0 && a.PrevLogTerm == 0 && len(a.Entries) == 0 && a.LeaderCommitIndex == 0
}

// into sends a request and copies its answer.
func into[T any](e *endpoint, to raft.ServerAddress, cmd any, data []byte, resp *T) error {
	r, err := e.call(to, cmd, data)
	if err != nil {
		return err
	}
	*resp = *(r.(*T))
	return nil
}

func (e *endpoint) Consumer() <-chan raft.RPC     { return e.rpcs }
func (e *endpoint) LocalAddr() raft.ServerAddress { return address(e.node) }

func (e *endpoint) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}

func (e *endpoint) AppendEntries(_ raft.ServerID, to raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	c := *args // raft uses the request again while this one may still be on its way
	return into(e, to, &c, nil, resp)
}

func (e *endpoint) RequestVote(_ raft.ServerID, to raft.ServerAddress, args *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	c := *args
	return into(e, to, &c, nil, resp)
}

func (e *endpoint) RequestPreVote(_ raft.ServerID, to raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	c := *args
	return into(e, to, &c, nil, resp)
}

func (e *endpoint) InstallSnapshot(_ raft.ServerID, to raft.ServerAddress, args *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	b, err := io.ReadAll(data)
	if err != nil {
		return err
	}
	c := *args
	return into(e, to, &c, b, resp)
}

func (e *endpoint) TimeoutNow(_ raft.ServerID, to raft.ServerAddress, args *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	c := *args
	return into(e, to, &c, nil, resp)
}

func (e *endpoint) EncodePeer(_ raft.ServerID, a raft.ServerAddress) []byte { return []byte(a) }
func (e *endpoint) DecodePeer(b []byte) raft.ServerAddress                  { return raft.ServerAddress(b) }

func (e *endpoint) SetHeartbeatHandler(f func(raft.RPC)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heartbeat = f
}
