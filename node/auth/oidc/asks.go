package oidc

import (
	"crypto/subtle"
	"sync"
	"time"

	"github.com/aielon/edge/node/edge"
)

// Bounds on what waits for people at one node.
const (
	maxAsks       = 4096
	maxClientAsks = 1024
	maxPersonAsks = 16 // the oldest is forgotten
)

// An ask is a page that a person was shown and has not answered, or whose code was given out just now.
type ask struct {
	edge.Redacted

	authRequest
	id, seal   string // secrets of the page
	person     string
	login      string
	session    string
	generation uint64 // of the person
	proven     time.Time
	context    Context
	until      time.Time
	done       bool
}

// asks live for minutes, in this node's memory: a browser answers where it was asked. Only people who are signed in are
// asked, so strangers cannot fill the table.
type asks struct {
	now func() time.Time
	mu  sync.Mutex // guards all
	all map[string]*ask
}

func newAsks(now func() time.Time) *asks { return &asks{now: now, all: map[string]*ask{}} }

// put keeps an ask. It fails with temporarily_unavailable where there are too many.
func (a *asks) put(k ask) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.all) >= maxAsks {
		a.drop()
	}
	ofClient, ofPerson := 0, 0
	var oldest *ask
	for _, o := range a.all {
		if o.client.ID == k.client.ID {
			ofClient++
		}
		if o.person == k.person && !o.done {
			if ofPerson++; oldest == nil || o.until.Before(oldest.until) {
				oldest = o
			}
		}
	}
	if ofPerson >= maxPersonAsks {
		delete(a.all, oldest.id)
	} else if len(a.all) >= maxAsks || ofClient >= maxClientAsks {
		return refuse(tryLater, "too many people are being asked just now")
	}
	a.all[k.id] = &k
	return nil
}

// take returns an ask that is answered by the person who was asked, on the page that was shown, for the first time. It
// goes on to count for as long as the code that may come of it.
func (a *asks) take(id, seal, person, session string) (ask, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	k, ok := a.all[id]
	if !ok || k.done || subtle.ConstantTimeCompare([]byte(k.seal), []byte(seal)) != 1 || k.person != person || k.session != session || a.now().After(k.until) {
		return ask{}, false
	}
	k.done, k.until = true, a.now().Add(codeLife)
	return *k, true
}

func (a *asks) sweep() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drop()
}

func (a *asks) drop() {
	for id, k := range a.all {
		if a.now().After(k.until) {
			delete(a.all, id)
		}
	}
}
