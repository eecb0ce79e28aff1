// Package device turns what devices publish over MQTT into readings, without configuration: bare values,
// JSON of any shape, SenML, Sparkplug B, and the dialects of Zigbee2MQTT, Tasmota, ESPHome and Home
// Assistant discovery. What it cannot read it refuses with a sentence, so that the caller can keep the
// payload aside; it never guesses silently and never drops.
package device
