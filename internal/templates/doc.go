// Package templates finds mistakes in templates of text/template before they are run: names that
// there are not, in any branch. Running one finds only what is wrong in the branches that are
// taken, and only then. It runs nothing. Start at Check.
package templates
