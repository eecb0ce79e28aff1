// Package webhook tells programs elsewhere what happened at a site: it follows the site's journals and posts each
// event an endpoint has asked for, as a CloudEvent signed in the way of Standard Webhooks, until it was taken.
//
// Endpoints and how far each has come are site state, so that delivery goes on where it was when another node leads.
// What waits for delivery lies in a queue on the node that delivers. A message may arrive twice, always under the same
// webhook-id.
//
// See DESIGN.md for how and why.
package webhook
