// Package sdk holds the fake marketplaces beside clients that others wrote for the real ones:
// they have to agree on success, throttle and a credential that is not taken.
//
// It is a module of its own, because the service needs none of the clients; node has the one
// that is for Node, which make sdk installs. Start at TestGoShopify.
package sdk
