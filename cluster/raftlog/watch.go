package raftlog

import (
	"errors"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// A watch is a transport that notes how far each follower is, and slows an idle leader down: raft repeats
// its commit index every Timing.Commit, which costs an idle site hundreds of messages a second. An append
// that says nothing new waits until something happens or idlePace is over.
type watch struct {
	raft.Transport
	mu   sync.Mutex // guards the fields below
	seen map[raft.ServerID]Progress
	news chan struct{} // closed and replaced when there is something to send

	inlet    *inlet
	behind   func(last, commit uint64) bool // there is more to send than this
	voteless func() bool                    // this node must not ask for votes
}

const idlePace = 100 * time.Millisecond

// Progress is how far a follower is, as its answers tell the leader.
type Progress struct {
	Index   uint64    // it has all entries up to here
	Contact time.Time // of its last answer to an append
}

func newWatch(t raft.Transport) *watch {
	return &watch{Transport: t, seen: map[raft.ServerID]Progress{}, news: make(chan struct{})}
}

// Consumer implements raft.Transport.
func (w *watch) Consumer() <-chan raft.RPC { return w.inlet.rpcs }

// wake lets appends that wait go.
func (w *watch) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.news)
	w.news = make(chan struct{})
}

func (w *watch) progress(id raft.ServerID) Progress {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[id]
}

// forget starts over: what an earlier term saw says nothing about followers that lost entries since.
func (w *watch) forget() { w.mu.Lock(); defer w.mu.Unlock(); clear(w.seen) }

func (w *watch) note(id raft.ServerID, req *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.seen[id]
	p.Contact = time.Now()
	if resp.Success {
		p.Index = max(p.Index, req.PrevLogEntry+uint64(len(req.Entries)))
	}
	w.seen[id] = p
	if len(w.seen) > 2*maxServers {
		clear(w.seen) // members long gone
	}
}

func (w *watch) AppendEntries(id raft.ServerID, a raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	err := w.Transport.AppendEntries(id, a, args, resp)
	if err == nil {
		w.note(id, args, resp)
	}
	return err
}

// RequestPreVote passes on to the transport beneath; both there are have it.
func (w *watch) RequestPreVote(id raft.ServerID, a raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	if w.voteless() {
		return errVoteless
	}
	return w.Transport.(raft.WithPreVote).RequestPreVote(id, a, args, resp)
}

func (w *watch) RequestVote(id raft.ServerID, a raft.ServerAddress, args *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	if w.voteless() {
		return errVoteless
	}
	return w.Transport.RequestVote(id, a, args, resp)
}

// Close closes the transport beneath.
func (w *watch) Close() error {
	if c, ok := w.Transport.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

func (w *watch) AppendEntriesPipeline(id raft.ServerID, a raft.ServerAddress) (raft.AppendPipeline, error) {
	inner, err := w.Transport.AppendEntriesPipeline(id, a)
	if err != nil {
		return nil, err
	}
	p := &watchedPipeline{AppendPipeline: inner, w: w, id: id, done: make(chan raft.AppendFuture), closed: make(chan struct{})}
	go p.relay()
	return p, nil
}

type watchedPipeline struct {
	raft.AppendPipeline
	w      *watch
	id     raft.ServerID
	done   chan raft.AppendFuture
	closed chan struct{}
	once   sync.Once
	prev   uint64 // of the last request sent; owned by the goroutine that sends
	commit uint64
	sent   bool
}

func (p *watchedPipeline) AppendEntries(args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	if p.sent && len(args.Entries) == 0 && args.PrevLogEntry == p.prev && args.LeaderCommitIndex == p.commit {
		p.pause(args)
	}
	p.sent, p.prev, p.commit = true, args.PrevLogEntry+uint64(len(args.Entries)), args.LeaderCommitIndex
	return p.AppendPipeline.AppendEntries(args, resp)
}

func (p *watchedPipeline) pause(args *raft.AppendEntriesRequest) {
	p.w.mu.Lock()
	news := p.w.news
	p.w.mu.Unlock()
	if p.w.behind(args.PrevLogEntry, args.LeaderCommitIndex) {
		return // it came after raft had looked and before we began to listen
	}
	t := time.NewTimer(idlePace)
	defer t.Stop()
	select {
	case <-news:
	case <-p.closed:
	case <-t.C:
	}
}

func (p *watchedPipeline) relay() {
	for {
		select {
		case f := <-p.AppendPipeline.Consumer():
			if f.Error() == nil {
				p.w.note(p.id, f.Request(), f.Response())
			}
			select {
			case p.done <- f:
			case <-p.closed:
				return
			}
		case <-p.closed:
			return
		}
	}
}

func (p *watchedPipeline) Consumer() <-chan raft.AppendFuture { return p.done }

func (p *watchedPipeline) Close() error {
	p.once.Do(func() { close(p.closed) })
	return p.AppendPipeline.Close()
}

// wakingStore wakes the watch when the leader has stored entries, which is just before they can be sent.
type wakingStore struct {
	Storage
	w *watch
}

func (s wakingStore) IsMonotonic() bool { return true }

// GetLog also knows the term of the entry at the mark where the log begins right behind it: without that, raft
// cannot tell that what a leader sends follows what it has.
func (s wakingStore) GetLog(index uint64, e *raft.Log) error {
	err := s.Storage.GetLog(index, e)
	if !errors.Is(err, raft.ErrLogNotFound) {
		return err
	}
	if m := s.Storage.Marks().Done; index > 1 && m.Index == index {
		*e = raft.Log{Index: index, Term: m.Term, Type: raft.LogNoop}
		return nil
	}
	return err
}

func (s wakingStore) StoreLogs(logs []*raft.Log) error {
	err := s.Storage.StoreLogs(logs)
	s.w.wake()
	return err
}
