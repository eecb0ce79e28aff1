// Command aielon-edge runs one node and talks to a running one.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/aielon/edge/node/cli"
)

// version is set when a release is built.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, version)
	stop()
	os.Exit(code)
}
