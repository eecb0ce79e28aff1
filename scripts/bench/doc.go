// Command bench runs aielon-edge side by side with mosquitto, NATS JetStream and etcd: one run, one disk,
// one load. It prints what it ran with, every run's figure, medians and spread, the load average, and what
// an fsync costs on this disk. scripts/bench/run.sh gets the peers and calls it; DESIGN.md has the rules.
package main
