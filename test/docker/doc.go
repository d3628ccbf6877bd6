// Package docker starts a real Docker Engine for tests, isolated from the machine's own, and
// builds small images for it FROM scratch with one static program, so that no registry is needed.
//
// Only tests import it. Start at Start.
package docker
