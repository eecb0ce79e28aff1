// Package identity is who the people and programs of a site are and what proves them: commands and queries on
// the site's state ("i/..."), the methods by which people sign in at a node, and the Authenticator that every
// door asks. It goes on letting people in while the site cannot decide, and tells the site afterwards.
package identity
