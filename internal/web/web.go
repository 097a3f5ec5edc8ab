// Package web serves the pages that people see: the connect pages of package connect, with their styles,
// scripts and words. Everything is embedded; the pages work in a frame, without cookies and without scripts.
package web
