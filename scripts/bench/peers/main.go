// Command bench-peers loads NATS JetStream and etcd with their own client libraries, as scripts/bench loads
// aielon-edge. It prints lines of "name value".
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench-peers:", err)
		os.Exit(1)
	}
}

// A load is what the command line asks for.
type load struct {
	url, hub   string
	clients    int
	window     int
	span       time.Duration
	size       int
	count      int
	publishers int
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("ingest, puts, backlog or urgent is expected")
	}
	var l load
	f := flag.NewFlagSet(args[0], flag.ContinueOnError)
	f.StringVar(&l.url, "url", "", "server, or servers with commas")
	f.StringVar(&l.hub, "hub", "", "the hub behind a leaf node")
	f.IntVar(&l.publishers, "publishers", 1, "connections that publish")
	f.IntVar(&l.clients, "clients", 1, "clients that write")
	f.IntVar(&l.window, "window", 1, "messages of one publisher that may be unacknowledged")
	f.DurationVar(&l.span, "span", 4*time.Second, "how long")
	f.IntVar(&l.size, "size", 128, "bytes of a value")
	f.IntVar(&l.count, "count", 1000, "records of a backlog")
	if err := f.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "ingest":
		return ingest(l)
	case "puts":
		return puts(l)
	case "streams":
		return streams(l)
	case "backlog":
		return backlog(l)
	case "drains":
		return drains(l)
	case "urgent":
		return urgent(l)
	}
	return fmt.Errorf("there is no %s", args[0])
}
