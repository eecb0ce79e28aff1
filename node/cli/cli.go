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

	"github.com/alecthomas/kong"

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

type commands struct {
	Data   string `help:"Data directory of the node." placeholder:"DIR" type:"path"`
	Config string `help:"Configuration file (default: $$AIELON_CONFIG, else /etc/aielon-edge/config.toml where that is)." placeholder:"FILE" type:"path"`

	Run        runCmd        `cmd:"" help:"Run a node (or a hub) until it is stopped."`
	Quickstart quickstartCmd `cmd:"" help:"Try it: a hub and a node side by side on this machine."`
	Join       joinCmd       `cmd:"" help:"Join a hub or a site with a one-time code."`
	Invite     inviteCmd     `cmd:"" help:"Make a one-time code with which another box joins this one."`
	SetupCode  setupCodeCmd  `cmd:"" help:"Print a new code for setting the site up in the browser, where nobody has yet."`
	Status     statusCmd     `cmd:"" help:"Show how the node is and what became of its data."`
	Devices    devicesCmd    `cmd:"" help:"List, add and remove devices that publish over MQTT."`
	Journal    journalCmd    `cmd:"" help:"Read or verify the journals."`
	Audit      auditCmd      `cmd:"" help:"Verify or export the audit: who did, saw and was refused what."`
	Blobs      blobsCmd      `cmd:"" help:"Put, get, list and remove large objects: images, backups, updates."`
	Nodes      nodesCmd      `cmd:"" help:"On a hub: list nodes, revoke, configure and command them."`
	Backup     backupCmd     `cmd:"" help:"Write an encrypted backup while the node runs."`
	Restore    restoreCmd    `cmd:"" help:"Make a data directory out of a backup."`
	Doctor     doctorCmd     `cmd:"" help:"Look for what is wrong or will be."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

// invocation is what every command gets besides its own flags.
type invocation struct {
	ctx     context.Context
	std     Streams
	version string
	flags   *commands
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
	var c commands
	exited := -1
	parser, err := kong.New(&c, kong.Name("aielon-edge"), kong.Description("The edge node for clinics and mosques: keeps what devices and people give it, with or without a link."),
		kong.Writers(std.Out, std.Err), kong.Exit(func(code int) { exited = code }), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		return fail(std, edge.E(edge.Internal, "the command line is put together wrongly: %w", err))
	}
	k, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		return fail(std, edge.E(edge.Invalid, "%w", err).WithHint("aielon-edge --help lists the commands"))
	}
	if err := k.Run(&invocation{ctx: ctx, std: std, version: version, flags: &c}); err != nil {
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

func (versionCmd) Run(in *invocation) error {
	fmt.Fprintln(in.std.Out, "aielon-edge", in.version)
	return nil
}
