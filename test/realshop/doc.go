// Package realshop plays deploys, a price job and an outage to a guardian that watches a real shop:
// Vendure, from npm, on PostgreSQL. The shop takes 220 MiB and some minutes, so nothing of it runs
// without the build tag realshop: "make realshop". It prints what was expected of the guardian, what
// it did and how long that took, and fails where they differ.
//
//	shop/           Vendure's configuration in five versions, and its catalogue
//	shop_test.go    the shop's life: deploys, prices, its database
//	realshop_test.go what happens to it
//	guardian.yaml   the guardian's configuration, as such a team would write it
package realshop
