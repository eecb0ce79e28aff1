// Package password keeps passwords of people so that whoever steals the store cannot read them, checks them a
// few at a time and in the same time whether somebody is known or not, and refuses those that are guessed first.
package password
