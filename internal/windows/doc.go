// Package windows keeps the windows that people and runbooks announce while the guardian runs: a
// maintenance, in which nobody is notified of what checks see; a freeze, in which a service may not be
// deployed; and a hold, in which nothing is started by itself. The windows of the configuration are elsewhere.
//
// A window is announced ahead or from now on, never backwards, and ends by itself or earlier. The
// Board keeps them in memory, follows the journal, and commits each change before it counts. What a
// window means for a notice or a gate is decided elsewhere. It imports nothing that decides, stores or tells.
package windows
