package probes

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"guardian/internal/checksum"
	"guardian/internal/reason"
	"guardian/internal/secret"
)

// S3Listing is a part of a bucket.
type S3Listing struct {
	Endpoint  string        `yaml:"endpoint" doc:"Address of the service, such as https://s3.eu-central-1.amazonaws.com or https://minio.internal:9000."`
	Region    string        `yaml:"region" doc:"Region, which is signed; default: us-east-1, which most services other than AWS accept."`
	Bucket    string        `yaml:"bucket" doc:"The bucket."`
	Prefix    string        `yaml:"prefix" doc:"What the names of the backups begin with, such as shop/daily-; default: all objects."`
	AccessKey secret.Secret `yaml:"access_key" doc:"Access key; it needs no more than the right to list the bucket."`
	SecretKey secret.Secret `yaml:"secret_key" doc:"Secret key; requests are signed with it (signature version 4)."`
	CAFile    string        `yaml:"ca_file" doc:"PEM file with the authorities to trust instead of the system's."`
	Proxy     string        `yaml:"proxy" doc:"Proxy as http://, https:// or socks5:// URL; HTTP_PROXY etc. are not used."`
	Style     string        `yaml:"style" doc:"Where the bucket stands in addresses: path, or host as Alibaba Cloud OSS and Tencent COS want it; default: path."`
}

// s3Pages bounds how many pages of a thousand objects one look reads.
const s3Pages = 20

// emptySum is the SHA-256 of nothing, which is the body of a listing.
const emptySum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func (s *S3Listing) validate(field string) error {
	c := s.client()
	errs := []error{c.validate()}
	if u, err := url.Parse(s.Endpoint); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" {
		errs = append(errs, fmt.Errorf("%sendpoint: is not an address such as https://s3.eu-central-1.amazonaws.com", field))
	}
	if s.Bucket == "" || strings.ContainsAny(s.Bucket, "/?#") {
		errs = append(errs, fmt.Errorf("%sbucket: %q is not the name of a bucket", field, s.Bucket))
	}
	if !s.AccessKey.IsSet() {
		errs = append(errs, fmt.Errorf("%saccess_key: is missing", field))
	}
	if !s.SecretKey.IsSet() {
		errs = append(errs, fmt.Errorf("%ssecret_key: is missing", field))
	}
	if s.Style != "" && s.Style != "path" && s.Style != "host" {
		errs = append(errs, fmt.Errorf("%sstyle: %q is not one of path, host", field, s.Style))
	}
	return errors.Join(errs...)
}

// client is how requests are sent. A redirect is not followed: it would need another signature.
func (s *S3Listing) client() Client {
	c := defaultClient()
	c.TLS.CAFile, c.Proxy, c.MaxRedirects, c.BodyLimit = s.CAFile, s.Proxy, 0, maxBodyLimit
	return c
}

func (s *S3Listing) secrets() []secret.Secret { return []secret.Secret{s.AccessKey, s.SecretKey} }

// s3Backups are the objects of a bucket.
type s3Backups struct {
	s      *S3Listing
	env    Env
	client *httpClient
	signer *v4.Signer
}

func newS3Backups(s *S3Listing, env Env) *s3Backups {
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	return &s3Backups{s: s, env: env, client: newHTTPClient(s.client(), env, true), signer: signer}
}

func (b *s3Backups) Close() error { return b.client.Close() }

// s3Page is a page of ListObjectsV2.
type s3Page struct {
	XMLName  xml.Name `xml:"ListBucketResult"`
	Contents []struct {
		Key          string
		LastModified time.Time
		Size         int64
	}
	IsTruncated           bool
	NextContinuationToken string
}

// s3Error is a refusal.
type s3Error struct {
	XMLName xml.Name `xml:"Error"`
	Code    string
	Message string
}

func (b *s3Backups) list(ctx context.Context, _ time.Time) ([]backup, *fault) {
	var all []backup
	next := ""
	for range s3Pages {
		page, f := b.page(ctx, next)
		if f != nil {
			return nil, f
		}
		for _, o := range page.Contents {
			if !strings.HasSuffix(o.Key, checksum.Suffix) && !strings.HasSuffix(o.Key, "/") {
				all = append(all, backup{name: o.Key, at: o.LastModified, size: o.Size})
			}
		}
		all = newestFirst(all)
		if !page.IsTruncated || page.NextContinuationToken == "" {
			return all, nil
		}
		next = page.NextContinuationToken
	}
	return nil, blind(reason.New("backup_too_many", "n", s3Pages*1000))
}

// page asks for one page.
func (b *s3Backups) page(ctx context.Context, token string) (s3Page, *fault) {
	var page s3Page
	request, err := b.request(ctx, token)
	if err != nil {
		return page, blind(reason.New("client_settings", "error", err))
	}
	out := outgoing{method: request.Method, url: request.URL.String(), headers: map[string]string{}}
	for name := range request.Header {
		out.headers[name] = request.Header.Get(name)
	}
	x, f := b.client.do(ctx, out)
	if f != nil {
		return page, f
	}
	if x.status != http.StatusOK {
		var refusal s3Error
		if xml.Unmarshal(x.body, &refusal) != nil || refusal.Code == "" {
			return page, blind(reason.New("backup_s3_status", "status", x.status))
		}
		return page, blind(reason.New("backup_s3_refused", "status", x.status, "code", refusal.Code, "message", refusal.Message))
	}
	if err := xml.Unmarshal(x.body, &page); err != nil {
		return page, blind(reason.New("backup_s3_no_listing"))
	}
	return page, nil
}

// request makes a signed request for one page.
func (b *s3Backups) request(ctx context.Context, token string) (*http.Request, error) {
	u, err := url.Parse(b.s.Endpoint)
	if err != nil {
		return nil, errors.New("endpoint is not an address")
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	if b.s.Style == "host" {
		u.Host = b.s.Bucket + "." + u.Host
		u.Path += "/"
	} else {
		u.Path += "/" + b.s.Bucket
	}
	query := url.Values{"list-type": {"2"}}
	if b.s.Prefix != "" {
		query.Set("prefix", b.s.Prefix)
	}
	if token != "" {
		query.Set("continuation-token", token)
	}
	// The signature is of blanks as %20.
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("X-Amz-Content-Sha256", emptySum)
	credentials := aws.Credentials{AccessKeyID: b.s.AccessKey.Reveal(), SecretAccessKey: b.s.SecretKey.Reveal()}
	err = b.signer.SignHTTP(ctx, credentials, request, emptySum, "s3", cmp.Or(b.s.Region, "us-east-1"), b.env.Now())
	return request, err
}
