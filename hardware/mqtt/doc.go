// Package mqtt takes in what devices publish. It is a broker for MQTT 3.1.1 and 5 that acknowledges a
// message only when it is stored durably, and a bridge that takes messages from a broker that is
// already there. Sessions, subscriptions and retained messages are kept by mochi-mqtt; everything a
// device sends passes a strict front of our own first.
package mqtt
