// Package git is the kind of step that puts a path of a repository back to what it was in the good
// version, by a commit that is pushed to a branch.
//
// It keeps nothing on disk and starts no program: of a repository it fetches the last commits of a
// branch and, where the server can leave them out, no contents of files. The new trees and the commit
// are made in memory. A push names the commit that the branch must be at, so that it never takes away
// what others pushed meanwhile. The formats of git are go-git's; the conversation with a server is in
// wire*.go.
//
// Who may log in is in actions/sshconn. Start at Kind.
package git
