// Command mutants proves that the tests would notice when a rule is taken out: a guard, a fence, a
// suppression of notices, an idempotency rule, a redaction. Each entry of mutants.txt is one such
// fault. The command applies each alone, runs the tests of the package that holds the rule, and
// fails with the list of the faults that no test noticed.
//
// The tree stays as it is: the compiler is given the changed file by an overlay. It does not invent
// faults: a rule that is worth keeping gets an entry by hand. Start at main.
package main
