package ats

import (
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold gives the form in which texts are compared: composed (NFC) and case-folded after
// Unicode. The lower() of both databases leaves letters such as Ł alone, so it is done here.
func Fold(s string) string {
	return cases.Fold().String(norm.NFC.String(s))
}
