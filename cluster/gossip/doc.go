// Package gossip lets the nodes of a site find each other and notice who is there, before and beside the
// site's log: hashicorp/memberlist, sealed with the site's secret, over UDP and TCP, with discovery on the
// local network.
//
// What it says is a hint. It is for filling address books, for pages and for knowing where to send a join
// request; nothing in it can change who votes, and this package has no way to the log of the site.
package gossip
