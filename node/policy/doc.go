// Package policy says what a caller may do. Decide is one pure function for every door: REST, GraphQL, gRPC,
// WebSocket, MQTT, sync and the command line. It denies unless a policy permits, and a floor of prohibitions
// holds whatever a site adds. Roles are written in Cedar (policies/*.cedar); permissions are a table in Go.
package policy
