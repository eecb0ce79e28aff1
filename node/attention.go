package node

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aielon/edge/node/auth/pki"
	"github.com/aielon/edge/node/edge"
	"github.com/aielon/edge/node/gateway"
)

const (
	attendEvery   = time.Minute        // how often it is looked whether something needs attention
	attendPast    = time.Hour          // over which growth counts
	linkPatience  = 4 * time.Hour      // without a link to the hub
	certPatience  = 48 * time.Hour     // before the certificate ends; it is renewed at half of its week
	certLast      = 12 * time.Hour     //
	backupEvery   = 7 * 24 * time.Hour // a backup should be no older
	backupFirst   = 24 * time.Hour     // of a new node's life in which nobody is told
	quarantineMay = 20                 // messages an hour that cannot be read
	leadersMay    = 4                  // new leaders an hour
)

// lastBackup is the file whose time says when a backup was last taken away whole.
const lastBackup = "last-backup"

// What a person should do soon, and what at once.
const (
	warning  = "warning"
	critical = "critical"
)

// facts are what attention is decided on.
type facts struct {
	now                time.Time
	lost               uint64
	linkGone           time.Duration // since there was a link that should be there
	free, redLine      int64
	full               error // why nothing can be written
	certEnds           time.Time
	audit              edge.Health
	backup, born       time.Time
	timeBehind         bool
	quarantined, terms uint64 // more than an hour ago
	waiting            uint64
	clearing           []string // pairs of sites
}

// attention says what a person should look at, worst first. It depends on its facts alone.
func attention(f facts) (list []gateway.Attention) {
	add := func(when bool, id, severity, text, hint string) {
		if when {
			list = append(list, gateway.Attention{ID: id, Severity: severity, Text: text, Hint: hint})
		}
	}
	left := f.certEnds.Sub(f.now)
	certain := !f.certEnds.IsZero()
	add(f.lost > 0, "lost", critical, fmt.Sprintf("%d records that were acknowledged cannot be accounted for", f.lost), "keep this box as it is and call support; run aielon-edge doctor --scrub")
	add(f.full != nil, "disk-full", critical, fmt.Sprintf("the disk is full: nothing is taken in any more (%d MB free)", f.free>>20), "free space on the disk; what was acknowledged is safe")
	add(f.full == nil && f.free < 2*f.redLine, "disk-low", warning, fmt.Sprintf("the disk has %d MB left; below %d MB nothing is taken in", f.free>>20, f.redLine>>20), "remove old backups, or bring the link to the hub back so that old readings can go")
	add(f.audit.Level == edge.Failed, "audit", critical, "the audit cannot be trusted or kept: "+f.audit.Msg, f.audit.Hint)
	add(f.audit.Level == edge.Degraded, "audit", warning, "the audit is held up: "+f.audit.Msg, f.audit.Hint)
	add(certain && left < certLast, "certificate", critical, "the certificate of this node has ended or ends today: other nodes will refuse it", "bring the link to the other nodes or the hub back; it is renewed by itself then")
	add(certain && left >= certLast && left < certPatience, "certificate", warning, fmt.Sprintf("the certificate of this node ends in %d hours and was not renewed", left/time.Hour), "bring the link to the other nodes or the hub back; it is renewed by itself then")
	add(f.linkGone >= linkPatience, "hub", warning, fmt.Sprintf("the hub was not reached for %d hours; %d records wait here", f.linkGone/time.Hour, f.waiting), "look at the line and at the hub; nothing is lost meanwhile")
	add(f.backup.IsZero() && f.now.Sub(f.born) > backupFirst, "backup", warning, "there was never a backup of this node", "make one and take it away from here: aielon-edge backup")
	add(!f.backup.IsZero() && f.now.Sub(f.backup) > backupEvery, "backup", warning, fmt.Sprintf("the newest backup is %d days old", f.now.Sub(f.backup)/(24*time.Hour)), "make one and take it away from here: aielon-edge backup")
	add(f.timeBehind, "time", warning, "the clock of this box is behind a time that is known to have passed", "set the clock, or let the box reach a time server")
	add(f.quarantined > quarantineMay, "quarantine", warning, fmt.Sprintf("%d messages of devices could not be read in the last hour; they are kept aside", f.quarantined), "look which device sends them: something of it has changed")
	add(len(f.clearing) > 0, "clearing", critical, fmt.Sprintf("what sites owe each other differs at the two ends: %s", strings.Join(f.clearing[:min(len(f.clearing), 3)], ", ")), "look at the clearing and at the troubles of both sites; let nobody book by hand before the reason is known")
	add(f.terms > leadersMay, "leader", warning, fmt.Sprintf("the nodes of this site looked for a leader %d times in the last hour", f.terms), "look at the network between them, and at slow disks")
	slices.SortStableFunc(list, func(a, b gateway.Attention) int { return cmp.Compare(a.Severity, b.Severity) }) // "critical" < "warning"
	return list
}

// An attendant remembers what attention needs of the past.
type attendant struct {
	mu    sync.Mutex           // guards what follows
	since map[string]time.Time // by id
	gone  time.Time            // when the link was lost; zero while it is there or need not be
	past  []moment             // one a minute, oldest first, of an hour
}

type moment struct {
	at                time.Time
	quarantined, term uint64
}

// attention says what needs a person, and since when this node knows.
func (n *Node) attention(ctx context.Context) []gateway.Attention {
	f := n.facts(ctx)
	a := &n.attendant
	a.mu.Lock()
	defer a.mu.Unlock()
	a.link(&f, n.hasHub() && !n.link.get().Held && !n.linkStatus().Connected)
	a.growth(&f, moment{f.now, n.intake.quarantined.Load(), n.raft.Leadership().Term})
	return a.known(attention(f), f.now)
}

func (n *Node) facts(ctx context.Context) facts {
	f := facts{now: time.Now(), redLine: int64(n.cfg.Storage.MinFree), timeBehind: n.keys.trust.Behind(), audit: n.trail.Report(ctx)}
	l := n.ledger().Total
	f.lost, f.waiting = l.Lost, l.Waiting
	_, f.free = n.readings.Size()
	for _, s := range n.stores() {
		if err := s.Writable(); err != nil {
			f.full = err
		}
	}
	if h := n.reportAudit(); h.Level > f.audit.Level {
		f.audit = h
	}
	if c := n.keys.id.Chain(pki.UseSite); c != nil {
		f.certEnds = c.Leaf.NotAfter
	}
	f.clearing = n.clearingWrong()
	f.backup, f.born = n.backedUp(), modified(filepath.Join(n.keys.dir, "node.key"))
	return f
}

// backedUp is when the newest whole backup was made, here or over the socket.
func (n *Node) backedUp() time.Time {
	at := modified(filepath.Join(n.cfg.DataDir, lastBackup))
	if list, err := n.backups(); err == nil && len(list) > 0 && list[0].GetMade().AsTime().After(at) {
		at = list[0].GetMade().AsTime()
	}
	return at
}

func modified(path string) time.Time {
	st, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return st.ModTime()
}

func (a *attendant) link(f *facts, missing bool) {
	switch {
	case !missing:
		a.gone = time.Time{}
	case a.gone.IsZero():
		a.gone = f.now
	default:
		f.linkGone = f.now.Sub(a.gone)
	}
}

// growth compares with an hour ago, or with the start where that is later.
func (a *attendant) growth(f *facts, now moment) {
	for len(a.past) > 0 && now.at.Sub(a.past[0].at) > attendPast {
		a.past = a.past[1:]
	}
	if len(a.past) == 0 || now.at.Sub(a.past[len(a.past)-1].at) >= attendEvery {
		a.past = append(a.past, now)
	}
	was := a.past[0]
	f.quarantined, f.terms = now.quarantined-min(was.quarantined, now.quarantined), now.term-min(was.term, now.term)
}

func (a *attendant) known(list []gateway.Attention, now time.Time) []gateway.Attention {
	since := make(map[string]time.Time, len(list))
	for i, x := range list {
		at, ok := a.since[x.ID]
		if !ok {
			at = now
		}
		since[x.ID], list[i].Since = at, at
	}
	a.since = since
	return list
}

// attend looks now and then, so that it is known since when something is so, and says in the log what is new.
func (n *Node) attend(ctx context.Context) error {
	for ctx.Err() == nil {
		for _, x := range n.attention(ctx) {
			if time.Since(x.Since) < attendEvery/2 {
				n.log.Warn("this needs attention", "what", x.ID, "severity", x.Severity, "text", x.Text, "hint", x.Hint)
			}
		}
		wait(ctx, attendEvery)
	}
	return nil
}
