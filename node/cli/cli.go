// Package cli is every subcommand of aielon-edge. Commands that concern a running node reach it over the
// socket in its data directory; nothing secret is ever taken from the command line's arguments but
// one-time join codes, which are worthless once used.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"github.com/aielon/edge/node/edge"
)

// Streams are where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Exit codes. Scripts may rely on them.
const (
	ExitOK          = 0
	ExitFailed      = 1 // it did not work; the message says why
	ExitUsage       = 2 // the command line or the configuration is wrong
	ExitUnavailable = 3 // no node is running, or it cannot do that now: try again
	ExitCorrupt     = 4 // stored data is damaged; the message says what and what to do
	ExitDiskFull    = 5
)

// global flags belong to every command.
type global struct{ Data, Config string }

func (g *global) declare(f *pflag.FlagSet) {
	f.BoolP("help", "h", false, "Show context-sensitive help.")
	f.Var(directory(&g.Data), "data", "Data directory of the node.")
	f.Var(path(&g.Config), "config", "Configuration file (default: $AIELON_CONFIG, else /etc/aielon-edge/config.toml where that is).")
}

// commands is everything the program can be told to do, in the order in which --help lists it. The first of a group is
// what the group does where none is named.
func commands(l *line) {
	l.command(&runCmd{})
	l.command(&quickstartCmd{})
	l.command(&joinCmd{})
	l.command(&inviteCmd{})
	l.command(&setupCodeCmd{})
	l.command(&statusCmd{})
	l.group("devices", "List, add and remove devices that publish over MQTT.", &devicesListCmd{}, &devicesAddCmd{}, &devicesChangeCmd{}, &devicesRotateCmd{}, &devicesRemoveCmd{})
	l.group("journal", "Read or verify the journals.", &journalReadCmd{}, &journalVerifyCmd{})
	l.group("audit", "Verify or export the audit: who did, saw and was refused what.", &auditVerifyCmd{}, &auditExportCmd{}, &auditCheckCmd{}, &auditSeenCmd{})
	l.group("wallet", "Check the ledger of the wallet, or export it for hledger, ledger and beancount.", &walletCheckCmd{}, &walletExportCmd{})
	l.group("blobs", "Put, get, list and remove large objects: images, backups, updates.", &blobsListCmd{}, &blobsPutCmd{}, &blobsGetCmd{}, &blobsGiveCmd{}, &blobsRemoveCmd{})
	l.group("nodes", "On a hub: list nodes, revoke, configure and command them.", &nodesListCmd{}, &nodesRevokeCmd{}, &nodesDesiredCmd{}, &nodesCommandCmd{})
	l.command(&backupCmd{})
	l.command(&restoreCmd{})
	l.command(&doctorCmd{})
	l.command(&versionCmd{})
}

// invocation is what every command gets besides its own flags.
type invocation struct {
	ctx     context.Context
	std     Streams
	version string
	flags   *global
}

// Main runs one command line and returns the exit code.
func Main(ctx context.Context, args []string, std Streams, version string) int {
	if len(args) == 0 {
		io.WriteString(std.Out, welcome)
		return ExitOK
	}
	for _, a := range args {
		if strings.ToValidUTF8(a, "") != a {
			return fail(std, edge.E(edge.Invalid, "an argument is not valid UTF-8"))
		}
	}
	in := &invocation{ctx: ctx, std: std, version: version, flags: &global{}}
	todo, err := newLine(in).parse(args)
	switch {
	case err != nil:
		return fail(std, err)
	case todo == nil: // help was asked for, and given
		return ExitOK
	}
	if err := todo.Run(in); err != nil {
		return fail(std, err)
	}
	return ExitOK
}

// fail prints an error once, for a person, and returns its exit code.
func fail(std Streams, err error) int {
	fmt.Fprintf(std.Err, "aielon-edge: %s\n", printable(err.Error()))
	if e, ok := errors.AsType[*edge.Error](err); ok && e.Hint != "" && !strings.Contains(err.Error(), e.Hint) {
		fmt.Fprintf(std.Err, "  %s\n", printable(e.Hint))
	}
	return exitCode(edge.KindOf(err))
}

func exitCode(k edge.Kind) int {
	switch k {
	case edge.Invalid:
		return ExitUsage
	case edge.Unavailable:
		return ExitUnavailable
	case edge.Corrupt:
		return ExitCorrupt
	case edge.Exhausted:
		return ExitDiskFull
	}
	return ExitFailed
}

// printable keeps control characters, which may come from a device's name, off the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '\uFFFD'
		}
		return r
	}, s)
}

const welcome = `aielon-edge keeps what devices and people give it, and delivers it to a hub as soon as a link allows.

Try it:        aielon-edge quickstart --simulate
               (a hub and a node on this machine, with devices that replay real sensor series)

Run a node:    aielon-edge run --config /etc/aielon-edge/config.toml
Join a hub:    aielon-edge join HUB:8485 CODE      (the hub's "aielon-edge invite" prints the code)
Look at it:    aielon-edge status
Add a device:  aielon-edge devices add fridge-1

aielon-edge --help lists everything; aielon-edge COMMAND --help explains one command.
`

type versionCmd struct{}

func (*versionCmd) declare(c *declaration) {
	c.Use, c.Short = "version", "Print the version."
}

func (*versionCmd) Run(in *invocation) error {
	fmt.Fprintln(in.std.Out, "aielon-edge", in.version)
	return nil
}
