// Package sdk runs clients that others wrote for the real marketplaces against the fakes: they must
// understand the fakes' successes, throttling and refused credentials.
//
// It is a module of its own, because the service needs none of the clients. The folder node has
// the one for Node.js, which make sdk installs. Start at TestGoShopify.
package sdk
