// Package telemetry is how operators see a node: figures for Prometheus, traces over OTLP, log lines that carry
// their request.
package telemetry
