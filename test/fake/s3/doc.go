// Package s3 imitates a service that speaks the protocol of Amazon S3: the listing of a bucket, by
// path and by host, in pages. It checks the signature of version 4 by the written rules, with no code of
// a client.
//
// Only tests import it. Start at New.
package s3
