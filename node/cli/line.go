package cli

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/aielon/edge/node/edge"
)

// A command is one thing the program can be told to do. Its fields are its arguments and flags.
type command interface {
	declare(c *declaration) // names the command, its arguments and its flags
	Run(in *invocation) error
}

// A declaration is what the command line has to know of a command.
type declaration struct {
	*cobra.Command
	args []argument
	subs []*declaration // in the order of their declaration
}

// An argument is known by its place on the command line.
type argument struct {
	to         pflag.Value
	name, help string
	optional   bool
}

// String is the argument as usage lines show it.
func (a argument) String() string {
	if a.optional {
		return "[<" + a.name + ">]"
	}
	return "<" + a.name + ">"
}

func (d *declaration) arg(to pflag.Value, name, help string) {
	d.args = append(d.args, argument{to: to, name: name, help: help})
}

// optional declares an argument that may be left out, and all after it.
func (d *declaration) optional(to pflag.Value, name, help string) {
	d.args = append(d.args, argument{to: to, name: name, help: help, optional: true})
}

// choice declares a flag that takes one of some words; the first is what it is where nothing is said.
func (d *declaration) choice(to *string, name, help string, words ...string) {
	*to = words[0]
	d.Flags().Var(&choiceValue{to, words}, name, help)
	d.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // fails only for a flag declared twice
}

// take puts the arguments of a command line where they belong.
func (d *declaration) take(given []string) error {
	if len(given) > len(d.args) {
		return d.unexpected(given[len(d.args)])
	}
	for i, a := range d.args {
		switch {
		case i >= len(given) && a.optional:
		case i >= len(given):
			return fmt.Errorf("expected %q", a)
		default:
			if err := a.to.Set(given[i]); err != nil {
				return fmt.Errorf("%s: %w", a, err)
			}
		}
	}
	return nil
}

func (d *declaration) unexpected(arg string) error {
	if near := d.SuggestionsFor(arg); d.HasSubCommands() && len(near) > 0 {
		return fmt.Errorf("unexpected argument %s, did you mean %q?", arg, near[0])
	}
	return fmt.Errorf("unexpected argument %s", arg)
}

// A line understands command lines.
type line struct {
	root *declaration
	all  map[*cobra.Command]*declaration
	todo command // what the line asks for
}

func newLine(in *invocation) *line {
	root := &cobra.Command{Use: "aielon-edge", Short: "The edge node for clinics and mosques: keeps what devices and people give it, with or without a link.",
		SilenceErrors: true, SilenceUsage: true, SuggestionsMinimumDistance: 2}
	l := &line{root: &declaration{Command: root}, all: map[*cobra.Command]*declaration{}}
	l.add(l.root)
	root.RunE = func(*cobra.Command, []string) error { return errors.New("expected a command") }
	root.SetIn(in.std.In)
	root.SetOut(in.std.Out)
	root.SetErr(in.std.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return flagError(err) })
	root.SetHelpFunc(func(c *cobra.Command, _ []string) { l.help(in.std.Out, c) })
	root.SetHelpCommand(&cobra.Command{Use: "help", Short: "Explain a command.", RunE: l.explain})
	in.flags.declare(root.PersistentFlags())
	root.PersistentFlags().SortFlags = false
	commands(l)
	return l
}

// parse returns what a command line asks for: nil where it was for help or completion, which it has got then.
func (l *line) parse(args []string) (command, error) {
	l.root.SetArgs(args)
	if err := l.root.Execute(); err != nil {
		return nil, edge.E(edge.Invalid, "%w", err).WithHint("aielon-edge --help lists the commands")
	}
	return l.todo, nil
}

func (l *line) add(d *declaration) *declaration {
	d.Flags().SortFlags = false
	d.Args = func(_ *cobra.Command, args []string) error { return d.take(args) }
	l.all[d.Command] = d
	return d
}

func (l *line) declared(c command) *declaration {
	d := &declaration{Command: &cobra.Command{RunE: func(*cobra.Command, []string) error { l.todo = c; return nil }}}
	c.declare(d)
	return l.add(d)
}

func (l *line) command(c command) { l.under(l.root, l.declared(c)) }

func (l *line) under(parent, d *declaration) {
	parent.subs = append(parent.subs, d)
	parent.AddCommand(d.Command)
}

// group adds commands under one word, which alone, or with the arguments and flags of the first, means the first.
func (l *line) group(name, help string, list ...command) {
	g := l.declared(list[0])
	g.Use, g.Short, g.SuggestionsMinimumDistance = name, help, 2
	for _, c := range list {
		l.under(g, l.declared(c))
	}
	l.under(l.root, g)
}

// explain is the command help.
func (l *line) explain(_ *cobra.Command, topic []string) error {
	c, rest, err := l.root.Find(topic)
	if err != nil || len(rest) > 0 {
		return l.root.unexpected(slices.Concat(rest, topic)[0])
	}
	return c.Help()
}

// flagError says what is wrong with a flag as the rest of the program speaks.
func flagError(err error) error {
	var unknown *pflag.NotExistError
	var empty *pflag.ValueRequiredError
	var bad *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		return fmt.Errorf("unknown flag --%s", unknown.GetSpecifiedName())
	case errors.As(err, &unknown):
		return fmt.Errorf("unknown flag -%s", unknown.GetSpecifiedShortnames())
	case errors.As(err, &empty):
		return fmt.Errorf("--%s: expected a value", empty.GetFlag().Name)
	case errors.As(err, &bad):
		return badValue(bad)
	}
	return err
}

func badValue(err *pflag.InvalidValueError) error {
	name, given := err.GetFlag().Name, err.GetValue()
	switch err.GetFlag().Value.Type() {
	case "int", "uint64":
		return fmt.Errorf("--%s: %q is not a whole number that fits here", name, given)
	case "duration":
		return fmt.Errorf("--%s: %q is not a length of time such as 15m or 24h", name, given)
	case "bool":
		return fmt.Errorf("--%s: it is true or false, not %q", name, given)
	}
	return fmt.Errorf("--%s: %w", name, err.Unwrap())
}
