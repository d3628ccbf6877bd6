// Package docker starts a real Docker Engine for tests, and builds small images for it out of
// nothing but a static program, so that no network is needed.
//
// It knows nothing of guardian, and nothing but tests imports it. Start at Start.
package docker
