package cli

import (
	"fmt"
	"io"
	"net/url"
	"strconv"
)

type journalCmd struct {
	Read   journalReadCmd   `cmd:"" default:"withargs" help:"Print records as JSON, one per line."`
	Verify journalVerifyCmd `cmd:"" help:"Recompute every chain from its first stored record."`
}

type journalReadCmd struct {
	Stream string `arg:"" optional:"" default:"readings.telemetry" help:"Which journal."`
	After  uint64 `help:"Begin after this sequence number of the newest epoch."`
	Limit  int    `help:"At most so many records." default:"100"`
}

func (j journalReadCmd) Run(in *invocation) error {
	q := url.Values{"stream": {j.Stream}, "after": {strconv.FormatUint(j.After, 10)}, "limit": {strconv.Itoa(j.Limit)}}
	return in.copy("GET", "/v1/journal", q)
}

type journalVerifyCmd struct{}

func (journalVerifyCmd) Run(in *invocation) error {
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
