// Package importer converts configurations of other systems into parts of guardian.yaml:
// Alertmanager's routes, inhibition rules, time intervals and receivers.
//
// What is converted keeps its meaning to the letter, other systems' defaults included. What has
// no counterpart is named in a note and never dropped in silence. It reads no file and looks up
// no secret. Start at Alertmanager.
package importer
