// Package demo has the services that `guardian demo` monitors and uses: a shop with an order API,
// a storefront and a marketplace stub with quota headers, a deployer that restarts the shop in
// another version, and fakes of Slack and DingTalk. It imports no other package of the guardian.
// Start at Shop.
package demo
