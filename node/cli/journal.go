package cli

import (
	"fmt"
	"io"
	"net/url"
	"strconv"
)

type journalReadCmd struct {
	Stream string
	After  uint64
	Limit  int
}

func (j *journalReadCmd) declare(c *declaration) {
	c.Use, c.Short = "read", "Print records as JSON, one per line."
	j.Stream = "readings.telemetry"
	c.optional(text(&j.Stream), "stream", "Which journal (default: readings.telemetry).")
	c.Flags().Uint64Var(&j.After, "after", 0, "Begin after this sequence number of the newest epoch.")
	c.Flags().IntVar(&j.Limit, "limit", 100, "At most so many records.")
}

func (j *journalReadCmd) Run(in *invocation) error {
	q := url.Values{"stream": {j.Stream}, "after": {strconv.FormatUint(j.After, 10)}, "limit": {strconv.Itoa(j.Limit)}}
	return in.copy("GET", "/v1/journal", q)
}

type journalVerifyCmd struct{}

func (*journalVerifyCmd) declare(c *declaration) {
	c.Use, c.Short = "verify", "Recompute every chain from its first stored record."
}

func (*journalVerifyCmd) Run(in *invocation) error {
	return in.copy("GET", "/v1/journal/verify", nil)
}

// copy prints what the node answers as it comes.
func (in *invocation) copy(method, path string, q url.Values) error {
	c, err := in.client()
	if err != nil {
		return err
	}
	r, err := c.stream(in.ctx, method, path, q, nil)
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := io.Copy(in.std.Out, r); err != nil {
		return fmt.Errorf("the answer ended early: %w", err)
	}
	return nil
}
