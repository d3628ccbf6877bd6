// Package demo is the small world of `guardian demo`: a shop with an order API, a storefront
// and a marketplace with quota headers, a deployer that restarts it in another version, and
// messengers that print what they receive. It knows nothing of guardian. Start at Shop.
package demo
