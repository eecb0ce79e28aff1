package problem

import (
	"fmt"
	"net/http"
	"strconv"
)

// A Partial error ended a request that is done in parts. The parts before stay done.
type Partial struct {
	Err     error
	Part    int // the one that failed, from 1 on
	Parts   int
	Decided int  // items of the parts before
	Items   int  // of the part that failed
	Keyed   bool // the request had an Idempotency-Key
}

// Error returns what went wrong, and where.
func (p *Partial) Error() string { return fmt.Sprintf("part %d of %d: %v", p.Part, p.Parts, p.Err) }

// Unwrap returns what went wrong.
func (p *Partial) Unwrap() error { return p.Err }

// tell adds to what a caller is told how far the request came. None of that is secret, whatever went wrong.
func (p *Partial) tell(d *Details) {
	d.Detail = fmt.Sprintf("%d items are decided; items %d to %d, part %d of %d: %s", p.Decided, p.Decided+1, p.Decided+p.Items, p.Part, p.Parts, d.Detail)
	d.Facts = append(d.Facts, Fact{"part", strconv.Itoa(p.Part)}, Fact{"parts", strconv.Itoa(p.Parts)}, Fact{"decided", strconv.Itoa(p.Decided)})
	switch {
	case d.Hint != "":
	case p.Keyed && d.Status >= http.StatusInternalServerError:
		d.Hint = "send the same again with the same Idempotency-Key: what is decided is answered alike, and the rest is tried"
	case p.Decided > 0:
		d.Hint = "what is decided stays; send only the rest"
	}
}
