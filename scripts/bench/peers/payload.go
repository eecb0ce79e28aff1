package main

import "fmt"

// payload is the same as the one scripts/bench publishes over MQTT.
func payload(seed, n int) []byte {
	b := fmt.Appendf(make([]byte, 0, 256), `[{"bn":"urn:dev:fridge-%02d:","bt":%d.%03d,"n":"temperature","u":"Cel","v":%d.%02d},{"n":"battery","u":"V","v":3.%02d},{"n":"note","vs":"`,
		seed%100, 1_790_000_000+n/1000, n%1000, 2+n%7, n%100, n%100)
	for x := uint64(seed)<<32 | uint64(n); len(b) < 253; {
		x = x*6364136223846793005 + 1442695040888963407
		b = append(b, "abcdefghijklmnopqrstuvwxyz012345"[x>>59])
	}
	return append(b, `"}]`...)
}
