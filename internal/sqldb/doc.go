// Package sqldb opens the databases of services: PostgreSQL, MySQL and MariaDB, SQLite.
//
// An Address says where a database is; it knows which secrets that holds and what of it people may
// read. What is asked or changed there is for those who open it: checks and steps. The guardian's own
// database is opened by internal/store. Start at Address.
package sqldb
