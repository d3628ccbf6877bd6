// Package sdk runs clients that others wrote for the real marketplaces against the fakes: they must
// understand the fakes' successes, throttling and refused credentials. And it runs the parts of vendors'
// SDKs that receive pushes: they must accept what a check of kind order_push sends, and refuse what it
// forges.
//
// It is a module of its own, because the service needs none of the clients. The folder node has
// those for Node.js, which make sdk installs. Start at TestGoShopify.
package sdk
