package identity

import (
	"sync"
	"time"

	"github.com/aielon/edge/node/auth"
	"github.com/aielon/edge/node/auth/lockout"
	"github.com/aielon/edge/node/auth/token"
	"github.com/aielon/edge/node/edge"
)

const (
	ticketLife  = 5 * time.Minute
	ticketTries = 5
	maxTickets  = 1024
	ticketsEach = 4 // of one person
)

// going is a sign-in under way: the password was right.
type going struct {
	person        edge.ID
	login         string
	from          lockout.Caller
	try, second   *lockout.Try // counted as wrong until the whole sign-in is through
	strength      auth.Strength
	brief, cookie bool
	was, now      string // kept password, to be replaced by one at today's cost

	until time.Time
	tries int
}

func (g going) right() {
	for _, t := range []*lockout.Try{g.try, g.second} {
		if t != nil {
			t.Right()
		}
	}
}

// tickets are sign-ins that wait for a code. They are few: one costs a right password.
type tickets struct {
	mu  sync.Mutex // guards all
	all map[token.Hash]*going
}

func newTickets() *tickets { return &tickets{all: map[token.Hash]*going{}} }

func (t *tickets) add(g going, now time.Time) (secret string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g.until = now.Add(ticketLife)
	own, oldest := 0, token.Hash{}
	for h, other := range t.all {
		if !now.Before(other.until) {
			delete(t.all, h)
			continue
		}
		if other.person == g.person {
			if own++; oldest.IsZero() || other.until.Before(t.all[oldest].until) {
				oldest = h
			}
		}
	}
	if own >= ticketsEach {
		delete(t.all, oldest)
	}
	if len(t.all) >= maxTickets {
		return "", edge.E(edge.Exhausted, "too many people are signing in at this moment").WithHint("try again in a minute")
	}
	secret = token.New(token.Ticket)
	t.all[token.HashOf(secret)] = &g
	return secret, nil
}

// take returns the sign-in of a ticket and counts a try. The last try ends the ticket.
func (t *tickets) take(secret string, now time.Time) (going, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g, ok := t.all[token.HashOf(secret)]
	if !ok || !now.Before(g.until) || g.tries >= ticketTries {
		return going{}, edge.E(edge.Denied, "the sign-in took too long, or the code was wrong too often").WithHint("begin again with your name and password")
	}
	g.tries++
	return *g, nil
}

func (t *tickets) drop(secret string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.all, token.HashOf(secret))
}

// pendingTOTP are secrets of authenticator apps that no code was shown for yet.
type pendingTOTP struct {
	edge.Redacted

	mu  sync.Mutex // guards all
	all map[edge.ID]pendingSecret
}

type pendingSecret struct {
	edge.Redacted

	secret []byte
	until  time.Time
	tries  int
}

const (
	pendingLife = 10 * time.Minute
	maxPending  = 256
)

func newPending() *pendingTOTP { return &pendingTOTP{all: map[edge.ID]pendingSecret{}} }

func (p *pendingTOTP) put(id edge.ID, secret []byte, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for other, x := range p.all {
		if !now.Before(x.until) {
			delete(p.all, other)
		}
	}
	if _, again := p.all[id]; !again && len(p.all) >= maxPending {
		return edge.E(edge.Exhausted, "too many people are setting up authenticator apps at this moment").WithHint("try again in some minutes")
	}
	p.all[id] = pendingSecret{secret: secret, until: now.Add(pendingLife)}
	return nil
}

func (p *pendingTOTP) get(id edge.ID, now time.Time) ([]byte, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x, ok := p.all[id]
	if !ok || !now.Before(x.until) || x.tries >= 2*ticketTries {
		return nil, false
	}
	x.tries++
	p.all[id] = x
	return x.secret, true
}

func (p *pendingTOTP) drop(id edge.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, id)
}
