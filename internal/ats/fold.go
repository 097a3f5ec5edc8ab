package ats

import (
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold gives the form in which texts are compared: case-folded after Unicode, with marks by
// themselves (a letter with two marks may fold otherwise than its parts), and composed (NFC).
// The lower() of both databases leaves letters such as Ł alone, so it is done here.
func Fold(s string) string {
	return norm.NFC.String(cases.Fold().String(norm.NFD.String(s)))
}
