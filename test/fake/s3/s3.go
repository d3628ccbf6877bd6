package s3

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The keys that the service knows, and the name of its bucket.
const (
	AccessKey = "AKIAGUARDIANTEST"
	SecretKey = "correct+horse/battery9staple"
	Bucket    = "backups"
	Region    = "eu-central-1"
)

// Object is one object of the bucket.
type Object struct {
	Key          string
	LastModified string
	Size         int64
}

// Service is a service with one bucket.
type Service struct {
	URL string

	mu      sync.Mutex
	objects []Object
	page    int
	refuse  string
	asked   int
}

// New starts a service that ends with the test.
func New(tb testing.TB) *Service {
	tb.Helper()
	s := &Service{page: 1000}
	server := httptest.NewServer(s)
	tb.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Put adds an object.
func (s *Service) Put(key string, size int64, modified time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects = append(s.objects, Object{key, modified.UTC().Format("2006-01-02T15:04:05.000Z"), size})
	slices.SortFunc(s.objects, func(a, b Object) int { return strings.Compare(a.Key, b.Key) })
}

// Page sets how many objects a page has.
func (s *Service) Page(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.page = n
}

// Refuse makes the service refuse all requests with an error code; "": none.
func (s *Service) Refuse(code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = code
}

// Asked is how many requests came.
func (s *Service) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// ServeHTTP implements http.Handler.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	byHost := strings.HasPrefix(r.Host, Bucket+".") && r.URL.Path == "/"
	switch why := unsigned(r); {
	case s.refuse != "":
		answerError(w, http.StatusServiceUnavailable, s.refuse, "as the test wants")
	case why != "":
		answerError(w, http.StatusForbidden, "SignatureDoesNotMatch", why)
	case r.Method != http.MethodGet || r.URL.Path != "/"+Bucket && !byHost:
		answerError(w, http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
	case r.URL.Query().Get("list-type") != "2":
		answerError(w, http.StatusNotImplemented, "NotImplemented", "only the second kind of listing is known")
	default:
		s.list(w, r.URL.Query())
	}
}

// list answers a page: the objects after the token, in the order of their keys.
func (s *Service) list(w http.ResponseWriter, q url.Values) {
	page := struct {
		XMLName               xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
		Name                  string
		Contents              []Object
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
	}{Name: Bucket}
	for _, o := range s.objects {
		if !strings.HasPrefix(o.Key, q.Get("prefix")) || o.Key <= q.Get("continuation-token") {
			continue
		}
		if len(page.Contents) == s.page {
			page.IsTruncated, page.NextContinuationToken = true, page.Contents[len(page.Contents)-1].Key
			break
		}
		page.Contents = append(page.Contents, o)
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(page)
}

func answerError(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
}

// unsigned tells what is wrong with the signature of a request; "" for nothing. The rules are those of
// "Signature Version 4 signing process" for the service s3.
func unsigned(r *http.Request) string {
	fields, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	if !ok {
		return "the request is not signed"
	}
	part := map[string]string{}
	for field := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		part[name] = value
	}
	at := r.Header.Get("X-Amz-Date")
	signedAt, err := time.Parse("20060102T150405Z", at)
	if err != nil || time.Since(signedAt).Abs() > 15*time.Minute {
		return "the time of the request is too far off"
	}
	scope := at[:8] + "/" + Region + "/s3/aws4_request"
	if part["Credential"] != AccessKey+"/"+scope {
		return "the credential is of another key, day, region or service"
	}
	signed := strings.Split(part["SignedHeaders"], ";")
	if !slices.Contains(signed, "host") || !slices.Contains(signed, "x-amz-date") || !slices.Contains(signed, "x-amz-content-sha256") {
		return "host, date and content are not signed"
	}
	var canonical strings.Builder
	fmt.Fprintf(&canonical, "%s\n%s\n%s\n", r.Method, r.URL.EscapedPath(), canonicalQuery(r.URL.Query()))
	for _, name := range signed {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		fmt.Fprintf(&canonical, "%s:%s\n", name, strings.TrimSpace(value))
	}
	fmt.Fprintf(&canonical, "\n%s\n%s", part["SignedHeaders"], r.Header.Get("X-Amz-Content-Sha256"))
	sum := sha256.Sum256([]byte(canonical.String()))
	text := "AWS4-HMAC-SHA256\n" + at + "\n" + scope + "\n" + hex.EncodeToString(sum[:])
	key := []byte("AWS4" + SecretKey)
	for _, step := range []string{at[:8], Region, "s3", "aws4_request", text} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(step))
		key = mac.Sum(nil)
	}
	if !hmac.Equal([]byte(hex.EncodeToString(key)), []byte(part["Signature"])) {
		return "The request signature we calculated does not match the signature you provided"
	}
	return ""
}

// canonicalQuery sorts and escapes a query as it is signed.
func canonicalQuery(q url.Values) string {
	var all []string
	for name, values := range q {
		for _, v := range values {
			all = append(all, strings.ReplaceAll(url.QueryEscape(name), "+", "%20")+"="+strings.ReplaceAll(url.QueryEscape(v), "+", "%20"))
		}
	}
	slices.Sort(all)
	return strings.Join(all, "&")
}
