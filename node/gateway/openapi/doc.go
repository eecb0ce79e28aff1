// Package openapi describes the doors' methods as an OpenAPI 3.1 document and as a page people can read. Both are
// made from the schemas' descriptors when a node starts, and from nothing else.
package openapi
