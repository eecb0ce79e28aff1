// Package portal serves the web app people use: a progressive web app that was built and compressed
// beforehand (web/ holds its sources) and is embedded here, so that building the node needs no Node.js.
package portal
