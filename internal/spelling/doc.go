// Package spelling finds which of the known names was probably meant by one that is not known, for errors
// and hints.
//
// It knows nothing of what is named. Start at Meant.
package spelling
