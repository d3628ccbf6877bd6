// Package deploytool imitates the APIs of the deploy tools for which there are runbooks in
// configs/runbooks: Jenkins, GitLab, GitHub Actions and Argo CD. A job goes one state further each
// time somebody looks at it, so that tests need no clock. What they answer, refuse and forget
// follows the vendors' documentation.
package deploytool
