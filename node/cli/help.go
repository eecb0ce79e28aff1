package cli

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is how long a line of help may be, in characters.
const helpWidth = 80

// help explains a command, or lists all.
func (l *line) help(w io.Writer, c *cobra.Command) {
	d := l.all[c]
	if d == nil { // the ones for completion explain themselves
		d = &declaration{Command: c}
		for _, sub := range c.Commands() {
			d.subs = append(d.subs, &declaration{Command: sub})
		}
	}
	fmt.Fprintf(w, "Usage: %s\n\n%s\n", d.usage(), strings.Join(wrap(cmp.Or(strings.TrimSpace(c.Long), c.Short), helpWidth), "\n"))
	var rows [][2]string
	for _, a := range d.args {
		rows = append(rows, [2]string{a.String(), a.help})
	}
	table(w, "Arguments:", rows)
	table(w, "Flags:", flagRows(c.LocalFlags(), c.InheritedFlags()))
	table(w, "Commands:", l.commandRows(d))
	if !c.HasParent() {
		fmt.Fprintf(w, "\n\"%s completion --help\" says how a shell completes all these.\n", c.Name())
	}
	if c.HasSubCommands() {
		fmt.Fprintf(w, "\nRun \"%s <command> --help\" for more information on a command.\n", c.CommandPath())
	}
}

func (d *declaration) usage() string {
	s := d.CommandPath()
	switch {
	case !d.HasParent():
		return s + " <command> [flags]"
	case d.HasSubCommands():
		return s + " [<command>] [flags]"
	}
	for _, a := range d.args {
		s += " " + a.String()
	}
	return s + " [flags]"
}

func flagRows(own, inherited *pflag.FlagSet) (rows [][2]string) {
	own.SortFlags, inherited.SortFlags = false, false
	for _, set := range []*pflag.FlagSet{inherited, own} {
		if len(rows) > 0 && set.HasAvailableFlags() {
			rows = append(rows, [2]string{})
		}
		set.VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				rows = append(rows, [2]string{flagForm(f), f.Usage})
			}
		})
	}
	return rows
}

// zeros is the end of a duration that says nothing, in 15m0s.
var zeros = regexp.MustCompile(`(\d[hm])(0m)?0s$`)

// flagForm is a flag with what it takes, or with what it is where nothing is said.
func flagForm(f *pflag.Flag) string {
	s := "    --" + f.Name
	if f.Shorthand != "" {
		s = "-" + f.Shorthand + ", --" + f.Name
	}
	switch t := f.Value.Type(); {
	case t == "bool":
		return s
	case f.DefValue != "" && f.DefValue != "0":
		return s + "=" + zeros.ReplaceAllString(f.DefValue, "$1")
	case strings.HasPrefix(t, "uint"), strings.HasPrefix(t, "int"):
		return s + "=N"
	default:
		return s + "=" + strings.ToUpper(t)
	}
}

// commandRows lists commands; the root lists those of its groups as well, so that one look shows all there is.
func (l *line) commandRows(d *declaration) (rows [][2]string) {
	for _, sub := range d.subs {
		if len(sub.subs) > 0 {
			rows = append(rows, l.commandRows(sub)...)
			continue
		}
		rows = append(rows, [2]string{strings.TrimPrefix(sub.CommandPath(), l.root.Name()+" "), sub.Short})
	}
	return rows
}

// table writes rows of two columns.
func table(w io.Writer, title string, rows [][2]string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", title)
	wide := 0
	for _, r := range rows {
		wide = max(wide, len(r[0]))
	}
	for _, r := range rows {
		for _, text := range wrap(r[1], helpWidth-wide-6) {
			fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %-*s    %s", wide, r[0], text), " "))
			r[0] = ""
		}
	}
}

// wrap breaks a text between words into lines of at most width characters; lines of its own stay.
func wrap(text string, width int) (lines []string) {
	for _, part := range strings.Split(text, "\n") {
		line := ""
		for i, word := range strings.Split(part, " ") {
			switch {
			case i == 0:
				line = word
			case len(line)+1+len(word) > width:
				lines, line = append(lines, line), word
			default:
				line += " " + word
			}
		}
		lines = append(lines, line)
	}
	return lines
}
