// Package reaction measures the whole process: from the arrival of the sample that completes
// the evidence against a deploy to the start of the rollback's first step. It has a
// benchmark only: go test -bench . -benchtime 10x ./test/bench/reaction
package reaction
