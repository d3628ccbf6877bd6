module guardian/test/sdk

go 1.26.0

require (
	github.com/bold-commerce/go-shopify/v4 v4.7.0
	golang.org/x/oauth2 v0.37.0
	guardian v0.0.0
)

require (
	github.com/google/go-querystring v1.0.0 // indirect
	github.com/shopspring/decimal v0.0.0-20200105231215-408a2507e114 // indirect
	github.com/tidwall/gjson v1.18.0 // indirect
	github.com/tidwall/match v1.1.1 // indirect
	github.com/tidwall/pretty v1.2.0 // indirect
)

replace guardian => ../..
