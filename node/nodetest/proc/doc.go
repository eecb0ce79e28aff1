// Package proc runs the built program in processes of its own for tests: started, killed, stopped, asked
// over its local socket, and given work by devices over MQTT.
package proc
