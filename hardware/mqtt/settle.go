package mqtt

import "github.com/aielon/edge/node/edge"

// done is what the intake calls. It may come from any goroutine and never waits for the network.
func (in *incoming) done(err error) {
	if !in.once.CompareAndSwap(false, true) {
		return
	}
	code := byte(rcSuccess)
	if err != nil {
		code = reason(err)
		in.s.b.refused(in, err)
	}
	in.finish(code)
}

// reason says in MQTT 5 why a message was not stored.
func reason(err error) byte {
	switch edge.KindOf(err) {
	case edge.Exhausted:
		return rcQuota
	case edge.Denied:
		return rcNotAuthorised
	case edge.Invalid:
		return rcImplementation
	}
	return rcUnspecified
}

// finish settles one message and acknowledges all that are settled from the front of the queue on, so
// that acknowledgements leave in the order of PUBLISH (MQTT 5 section 4.6).
func (in *incoming) finish(code byte) {
	s := in.s
	s.mu.Lock()
	in.code, in.over = code, true
	var acks [64]byte
	out := acks[:0]
	n := 0
	for n < len(s.queue) && s.queue[n].over {
		x := s.queue[n]
		s.queue[n] = nil
		n++
		out = s.settle(x, out)
	}
	if n == len(s.queue) {
		s.queue = s.queue[:0]
	} else {
		s.queue = s.queue[n:]
	}
	if len(out) > 0 {
		s.c.send(out)
	}
	s.mu.Unlock()
}

// settle writes one acknowledgement and passes the message on. The caller holds mu.
func (s *session) settle(x *incoming, out []byte) []byte {
	if x.slot {
		<-s.slots
	}
	if x.qos == 2 && !x.will {
		s.kept.settled(s, x)
	}
	if x.code != rcSuccess && x.qos > 0 && s.version < 5 && !x.will && !s.dead {
		s.dead = true
		go s.c.Close()
	}
	if x.qos > 0 && !x.will && !s.dead {
		head := byte(tPuback << 4)
		if x.qos == 2 {
			head = tPubrec << 4
		}
		out = appendAck(out, head, x.id, x.code, s.version)
		s.b.stats.Acknowledged.Add(1)
	}
	s.b.deliver(x)
	return out
}
