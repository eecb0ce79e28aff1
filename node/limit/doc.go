// Package limit keeps one caller from taking what all need: token buckets by caller or address, limits on calls
// that are under way, and, for calls that go out, a circuit breaker and a budget of retries. Memory is bounded
// whoever calls. It has no goroutines of its own.
package limit
