package main

import (
	"fmt"
	"time"
)

// settle is left out of what is watched: a start writes once, and the collector comes later.
const settle = time.Minute

const (
	idlePSS    = "idle: memory (PSS)"
	idleCPU    = "idle: processor, share of one core"
	idleWrites = "idle: disk writes, projected to a day"
)

// An idleWatch is a node with the default configuration that nobody uses.
type idleWatch struct {
	node    *box
	from    time.Time
	cpu     time.Duration
	written float64
}

func startIdle(b *bench) (*idleWatch, error) {
	x, err := b.box("idle", "")
	if err != nil {
		return nil, err
	}
	w := &idleWatch{node: x}
	fmt.Printf("an idle node is started now and watched from %v on, for at least %v\n", settle, b.idle)
	select {
	case <-time.After(min(settle, b.idle)):
	case <-b.ctx.Done():
		return w, b.ctx.Err()
	}
	w.from = time.Now()
	if w.cpu, err = x.cpu(); err == nil {
		w.written, err = x.written()
	}
	return w, err
}

// finish waits until the node was watched long enough and says what it used.
func (w *idleWatch) finish(b *bench) error {
	select {
	case <-time.After(time.Until(w.from.Add(b.idle))):
	case <-b.ctx.Done():
		return b.ctx.Err()
	}
	cpu, err := w.node.cpu()
	if err != nil {
		return err
	}
	written, err := w.node.written()
	if err != nil {
		return err
	}
	pss, err := w.node.pss()
	if err != nil {
		return err
	}
	span := time.Since(w.from)
	b.out.add("idle: watched for", "min", span.Minutes())
	b.out.add(idlePSS, "MB", pss/1e6)
	b.out.add(idleCPU, "%", 100*(cpu-w.cpu).Seconds()/span.Seconds())
	b.out.add(idleWrites, "MB", (written-w.written)/1e6*(24*time.Hour).Seconds()/span.Seconds())
	b.out.atMost(idlePSS+", MB", idlePSS, 64)
	b.out.atMost(idleCPU+", %", idleCPU, 1)
	b.out.atMost(idleWrites+", MB", idleWrites, 20)
	return nil
}
