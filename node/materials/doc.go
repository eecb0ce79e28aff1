// Package materials says what the program is made of: every Go module that is compiled in and every package of the
// web app, with version and licence, and the list of it in the form of CycloneDX.
package materials
