// Package hostile measures a guardian under attack: `make bench-hostile`. It has a benchmark only; what is
// played is in test/hostile.
package hostile
