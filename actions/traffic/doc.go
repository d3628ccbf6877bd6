// Package traffic is the kind of step that moves traffic between pools of servers, such as blue and
// green, behind nginx or HAProxy: at once, or by weights in stages.
//
// What is done next is decided by how the load balancer divides the traffic now (look), not by what a
// process remembers: a sequence that a crash interrupted goes on where the load balancer says that
// it is. It starts and stops no servers. Start at step.go.
package traffic
