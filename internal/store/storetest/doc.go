// Package storetest is the contract of the journal: what every database that it is kept in
// must do. It opens as many stores on one journal as a test needs, as several guardians do.
//
// It will not test what only one database does; that is beside its code. Start at Run.
package storetest
