// Package versions compares the names of versions: people, pipelines, images and services spell one
// version in different ways. It knows no order: which of two versions is newer it does not say, as
// many are hashes. Start at Same.
package versions
