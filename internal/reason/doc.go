// Package reason holds why something is as it is: why a check is down, a deploy failed, a
// rollback was refused. A Reason is a code with values, and that is what the journal keeps.
// Words are made of it when somebody reads, in that reader's language and time zone.
//
// Each file of texts (checks.go, verdicts.go, runs.go, journal.go) lists the codes of one
// part of the guardian with their words in English and Chinese, side by side. A text names
// its values in braces:
//
//	{name}                 the value
//	{name%}                a share, as a percentage
//	{name,}                a number with its thousands apart: 12,345
//	{name:look|looks}      a number with its noun, one or many (English only)
//	{name!}                the code of a guard, in words
//	[ … {name} … ]         left out when the value is missing, empty or zero
//
// A list names its first five values and counts the others.
//
// The package decides nothing and knows no part of the guardian. It will not hold what a
// page or a message says around a reason (internal/announce, internal/server). Start at
// Reason and Reader.
package reason
