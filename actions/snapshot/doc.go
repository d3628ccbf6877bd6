// Package snapshot is the kind of step snapshot: a copy of a service's data is taken, or put back, by a
// configured command such as pg_dump, mysqldump or restic.
//
// The command is run by the kind exec. What is around it is here: take writes the checksum of the file
// beside it, and restore compares age, size and checksum before anything is touched. Start at Settings.
package snapshot
