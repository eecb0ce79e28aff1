package uplink

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/sync/wire"
)

const (
	maxWaitingCmds  = 64 // commands that wait for their time or turn; the hub sends the rest again later
	maxWaitingTwins = 16
)

// Twin is the node's configuration as the hub wants it.
type Twin interface {
	// Current is the version in force and its document, canonical JSON; 0 and nil where there is none.
	Current() (version uint64, doc []byte)
	// Apply puts a newer document in force, durably. An error is reported to the hub; nothing has changed then.
	Apply(ctx context.Context, version uint64, doc []byte) error
}

// A TwinReporter is a Twin that tells the hub what is in force, beside the version it comes from: JSON of
// at most a few KiB.
type TwinReporter interface{ InForce() []byte }

// Commands runs what the hub asks for, each once.
type Commands interface {
	// Begin notes durably that a command is about to run. Where it was noted before, first is false and
	// old is its result, nil while it has none. Results are kept at least until the command has expired.
	Begin(ctx context.Context, id edge.ID, expires time.Time) (old *wire.CmdResult, first bool, err error)
	// Run does it. The error's sentence goes to the hub.
	Run(ctx context.Context, c *wire.Cmd) (body []byte, err error)
	// Finish keeps the result durably.
	Finish(ctx context.Context, r wire.CmdResult) error
}

// VerifyWith checks signatures of a hub's key: Ed25519, or ECDSA over SHA-256 in ASN.1.
func VerifyWith(key crypto.PublicKey) func(message, signature []byte) error {
	return func(m, sig []byte) error {
		ok := false
		switch k := key.(type) {
		case ed25519.PublicKey:
			ok = len(k) == ed25519.PublicKeySize && ed25519.Verify(k, m, sig)
		case *ecdsa.PublicKey:
			h := sha256.Sum256(m)
			ok = ecdsa.VerifyASN1(k, h[:], sig)
		}
		if !ok {
			return edge.E(edge.Denied, "the signature is not the hub's")
		}
		return nil
	}
}

// A downlink acts on what the hub sends. Its one worker, run, lives with a session; what waits outlives it.
type downlink struct {
	o     *Options
	twins chan *wire.Twin
	cmds  chan *wire.Cmd
	later []*wire.Cmd // not before their time; owned by run
	doc   []byte      // document of version, with every patch so far; owned by run
	ver   uint64
}

func newDownlink(o *Options) *downlink {
	return &downlink{o: o, twins: make(chan *wire.Twin, maxWaitingTwins), cmds: make(chan *wire.Cmd, maxWaitingCmds)}
}

// take queues a frame. What does not fit is dropped: the hub sends again what was not reported.
func (d *downlink) take(f wire.Frame) {
	switch f := f.(type) {
	case *wire.Twin:
		if d.o.Twin != nil {
			select {
			case d.twins <- f:
			default:
			}
		}
	case *wire.Cmd:
		if d.o.Command != nil {
			select {
			case d.cmds <- f:
			default:
			}
		}
	}
}

// run works until ctx, that of the session, ends.
func (d *downlink) run(ctx context.Context, l *link) {
	if d.o.Twin != nil {
		d.ver, d.doc = d.o.Twin.Current()
		d.report(ctx, l, nil)
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case f := <-d.twins:
			d.twin(ctx, l, f)
		case c := <-d.cmds:
			d.command(ctx, l, c)
		case <-tick.C:
			d.due(ctx, l)
		}
	}
}

// twin takes all documents that wait and applies the newest only.
func (d *downlink) twin(ctx context.Context, l *link, f *wire.Twin) {
	before := d.ver
	err := d.patch(f)
	for more := true; more; {
		select {
		case f := <-d.twins:
			if e := d.patch(f); e != nil {
				err = e
			} else {
				err = nil
			}
		default:
			more = false
		}
	}
	if err == nil && d.ver > before {
		err = d.o.Twin.Apply(ctx, d.ver, d.doc)
	}
	if err != nil {
		d.ver, d.doc = d.o.Twin.Current()
	}
	d.report(ctx, l, err)
}

// patch brings the document to the version of f, in memory.
func (d *downlink) patch(f *wire.Twin) error {
	if f.Version <= d.ver {
		return nil // old news
	}
	doc := f.Doc
	if f.Base != 0 {
		if f.Base != d.ver {
			return edge.E(edge.Conflict, "a change to version %d cannot be applied to version %d", f.Base, d.ver).WithHint("send the whole document")
		}
		var err error
		if doc, err = mergePatch(d.doc, f.Doc); err != nil {
			return err
		}
	}
	doc, err := canonical(doc)
	if err != nil {
		return err
	}
	if sha256.Sum256(doc) != f.Hash {
		return edge.E(edge.Corrupt, "version %d of the configuration is not what the hub says it is", f.Version).WithHint("send the whole document")
	}
	d.ver, d.doc = f.Version, doc
	return nil
}

func (d *downlink) report(ctx context.Context, l *link, err error) {
	r := &wire.Reported{Version: d.ver}
	if d.doc != nil {
		r.Hash = sha256.Sum256(d.doc)
	}
	if err != nil {
		r.Err = clip(err.Error())
	}
	if t, ok := d.o.Twin.(TwinReporter); ok {
		r.Doc = t.InForce()
	}
	l.say(ctx, r) // a link that breaks is reported again on the next
}

// command checks one command and runs it, unless it is too early, too late, not for us, or was run before.
func (d *downlink) command(ctx context.Context, l *link, c *wire.Cmd) {
	now, sure := d.o.Clock()
	if err := d.check(c); err != nil {
		d.answer(ctx, l, wire.CmdResult{ID: c.ID, Status: wire.Refused, Time: now, Text: err.Error()})
		return
	}
	if !c.NotBefore.IsZero() && now.Before(c.NotBefore) {
		d.postpone(c)
		return
	}
	old, first, err := d.o.Command.Begin(ctx, c.ID, c.Expires)
	switch {
	case err != nil:
		return // not noted, so not run; the hub sends it again
	case old != nil:
		d.answer(ctx, l, *old)
		return
	case !first:
		d.finish(ctx, l, wire.CmdResult{ID: c.ID, Status: wire.DoneError, Time: now,
			Text: "the node stopped while the command ran; whether it took effect is not known"})
		return
	case c.Expires.IsZero() || now.After(c.Expires) || sure < edge.Plausible:
		d.finish(ctx, l, wire.CmdResult{ID: c.ID, Status: wire.Expired, Time: now, Text: lateWords(now, c, sure)})
		return
	}
	r := wire.CmdResult{ID: c.ID, Status: wire.DoneOK}
	if r.Body, err = d.o.Command.Run(ctx, c); err != nil {
		r.Status, r.Text = wire.DoneError, clip(err.Error())
	}
	if len(r.Body) > wire.MaxCmdBody {
		r.Body = r.Body[:wire.MaxCmdBody]
	}
	r.Time, _ = d.o.Clock()
	d.finish(ctx, l, r)
}

func lateWords(now time.Time, c *wire.Cmd, sure edge.Confidence) string {
	if sure < edge.Plausible {
		return "the node does not know the time and cannot tell whether the command is still good"
	}
	return fmt.Sprintf("it was good until %s and came at %s", c.Expires.Format(time.RFC3339), now.Format(time.RFC3339))
}

func (d *downlink) check(c *wire.Cmd) error {
	if err := d.o.Verify(c.SigningBytes(), c.Sig); err != nil {
		return err
	}
	if c.Target != d.o.Node {
		return edge.E(edge.Denied, "the command is for node %s", c.Target.Short())
	}
	return nil
}

func (d *downlink) postpone(c *wire.Cmd) {
	known := slices.ContainsFunc(d.later, func(x *wire.Cmd) bool { return x.ID == c.ID })
	if !known && len(d.later) < maxWaitingCmds {
		d.later = append(d.later, c)
	}
}

// due runs the commands whose time has come.
func (d *downlink) due(ctx context.Context, l *link) {
	now, _ := d.o.Clock()
	var wait, run []*wire.Cmd
	for _, c := range d.later {
		if now.Before(c.NotBefore) {
			wait = append(wait, c)
		} else {
			run = append(run, c)
		}
	}
	d.later = wait
	for _, c := range run {
		d.command(ctx, l, c)
	}
}

// finish keeps the result before it is told: told and forgotten would be run again.
func (d *downlink) finish(ctx context.Context, l *link, r wire.CmdResult) {
	if err := d.o.Command.Finish(context.WithoutCancel(ctx), r); err != nil {
		d.o.Logger.Warn("the result of a command cannot be kept", "command", r.ID.String(), "error", err)
	}
	d.answer(ctx, l, r)
}

func (d *downlink) answer(ctx context.Context, l *link, r wire.CmdResult) {
	r.Text = clip(r.Text)
	l.say(ctx, &r)
}

// mergePatch applies an RFC 7396 patch.
func mergePatch(doc, patch []byte) ([]byte, error) {
	var base, p any
	if len(doc) > 0 {
		if err := unmarshal(doc, &base); err != nil {
			return nil, err
		}
	}
	if err := unmarshal(patch, &p); err != nil {
		return nil, err
	}
	return json.Marshal(merge(base, p))
}

// merge is MergePatch of RFC 7396 section 2. Depth is bounded by the decoder's (10,000).
func merge(base, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	b, ok := base.(map[string]any)
	if !ok {
		b = map[string]any{}
	}
	for k, v := range p {
		if v == nil {
			delete(b, k)
			continue
		}
		b[k] = merge(b[k], v)
	}
	return b
}

// canonical is JSON without spaces and with sorted keys, as encoding/json writes it; numbers keep their text.
func canonical(doc []byte) ([]byte, error) {
	var v any
	if err := unmarshal(doc, &v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

func unmarshal(b []byte, v *any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(v); err != nil || d.More() {
		return edge.E(edge.Invalid, "a configuration is not one JSON document: %w", err)
	}
	return nil
}
