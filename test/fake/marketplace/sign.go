package marketplace

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/md5" // what Temu signs with
	"crypto/rand"
	"crypto/sha1" // what eBay signs with
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

func hexMAC(key, message string) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(message))
	return hex.EncodeToString(m.Sum(nil))
}

func base64MAC(key, message string) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(message))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// joined concatenates names and values, sorted by name, leaving some names out.
func joined(params map[string]string, without ...string) string {
	names := make([]string, 0, len(params))
	for n := range params {
		if !slices.Contains(without, n) {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	var text strings.Builder
	for _, n := range names {
		text.WriteString(n + params[n])
	}
	return text.String()
}

// filled leaves out names with an empty value, which the IOP gateways do not sign.
func filled(params map[string]string) map[string]string {
	all := map[string]string{}
	for n, v := range params {
		if n != "" && v != "" {
			all[n] = v
		}
	}
	return all
}

// lazadaSign: the path without /rest, the parameters, the body; upper case.
func lazadaSign(secret string, r request) string {
	path := strings.TrimPrefix(r.URL.Path, "/rest")
	return strings.ToUpper(hexMAC(secret, path+joined(filled(r.params), "sign")+string(r.body)))
}

// aliexpressSign: as Lazada's, without a path where a method names the operation.
func aliexpressSign(secret string, r request) string {
	return strings.ToUpper(hexMAC(secret, joined(filled(r.params), "sign")+string(r.body)))
}

// shopeeSign: partner ID, path, timestamp, token and shop; neither body nor other parameters.
func shopeeSign(secret string, r request) string {
	p := r.params
	return hexMAC(secret, p["partner_id"]+r.URL.Path+p["timestamp"]+p["access_token"]+p["shop_id"])
}

// tiktokSign: path, parameters and body between two secrets.
func tiktokSign(secret string, r request) string {
	body := string(r.body)
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		body = ""
	}
	return hexMAC(secret, secret+r.URL.Path+joined(r.params, "sign", "access_token")+body+secret)
}

// temuSign: MD5 of the body's members between two secrets, upper case.
func temuSign(secret string, body []byte) string {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return ""
	}
	params := map[string]string{}
	for name, raw := range members {
		text := string(raw)
		if unquoted, err := strconv.Unquote(text); err == nil {
			text = unquoted
		}
		params[name] = text
	}
	sum := md5.Sum([]byte(secret + joined(params, "sign") + secret))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// Endpoint is where a seller receives pushes, and the keys that sign them.
type Endpoint struct {
	URL    string
	App    string // app key
	Secret string // app secret, partner key; eBay: ours is made by NewKey
	Public string // eBay's public key in PEM
}

// NewKey makes a key pair like eBay's: the private and the public key, in PEM.
func NewKey() (private, public string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make a key pair: %w", err)
	}
	priv, err1 := x509.MarshalECPrivateKey(key)
	pub, err2 := x509.MarshalPKIXPublicKey(&key.PublicKey)
	text := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return text("EC PRIVATE KEY", priv), text("PUBLIC KEY", pub), errors.Join(err1, err2)
}

// signPush adds the signature of a push to its headers.
func signPush(name string, e Endpoint, h http.Header, body []byte, now time.Time) error {
	switch name {
	case "shopee":
		h.Set("Authorization", hexMAC(e.Secret, e.URL+"|"+string(body)))
	case "lazada", "tiktok_shop":
		h.Set("Authorization", hexMAC(e.Secret, e.App+string(body)))
	case "shopify":
		h.Set("X-Shopify-Hmac-Sha256", base64MAC(e.Secret, string(body)))
	case "walmart":
		h.Set("WM_SEC.TIMESTAMP", strconv.FormatInt(now.Unix(), 10))
		h.Set("WM_SEC.SIGNATURE", walmartSignature(e, h, body))
	case "ebay":
		block, _ := pem.Decode([]byte(e.Secret))
		if block == nil {
			return errors.New("the secret of an eBay endpoint is a private key in PEM")
		}
		key, err := x509.ParseECPrivateKey(block.Bytes)
		if err != nil {
			return fmt.Errorf("read the private key: %w", err)
		}
		sum := sha1.Sum(body)
		der, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		if err != nil {
			return fmt.Errorf("sign the push: %w", err)
		}
		text := fmt.Sprintf(`{"alg":"ecdsa","kid":%q,"signature":%q,"digest":"SHA1"}`, e.App, base64.StdEncoding.EncodeToString(der))
		h.Set("X-Ebay-Signature", base64.StdEncoding.EncodeToString([]byte(text)))
	}
	return nil
}

func walmartSignature(e Endpoint, h http.Header, body []byte) string {
	target := "/"
	if u, err := url.Parse(e.URL); err == nil {
		target = u.RequestURI()
	}
	sum := sha256.Sum256(body)
	return base64MAC(e.Secret, "POST\n"+target+"\n"+h.Get("WM_SEC.TIMESTAMP")+"\n"+hex.EncodeToString(sum[:]))
}

// VerifyPush verifies the signature of a push, as a careful seller does. Mercado Libre signs
// none, and what AliExpress and Temu sign is not published.
func VerifyPush(name string, e Endpoint, h http.Header, body []byte) error {
	if name == "ebay" {
		return verifyEbay(e, h, body)
	}
	want := http.Header{}
	header := map[string]string{
		"shopee": "Authorization", "lazada": "Authorization", "tiktok_shop": "Authorization",
		"shopify": "X-Shopify-Hmac-Sha256", "walmart": "WM_SEC.SIGNATURE",
	}[name]
	if header == "" {
		return nil
	}
	seconds, _ := strconv.ParseInt(h.Get("WM_SEC.TIMESTAMP"), 10, 64)
	if err := signPush(name, e, want, body, time.Unix(seconds, 0)); err != nil {
		return err
	}
	if got := h.Get(header); !hmac.Equal([]byte(got), []byte(want.Get(header))) {
		return fmt.Errorf("the signature in %s is not that of this push", header)
	}
	return nil
}

func verifyEbay(e Endpoint, h http.Header, body []byte) error {
	text, err := base64.StdEncoding.DecodeString(h.Get("X-Ebay-Signature"))
	var s struct{ Alg, Kid, Signature, Digest string }
	if err != nil || json.Unmarshal(text, &s) != nil {
		return errors.New("X-EBAY-SIGNATURE is no JSON in base64")
	}
	der, err := base64.StdEncoding.DecodeString(s.Signature)
	block, _ := pem.Decode([]byte(e.Public))
	if err != nil || block == nil {
		return errors.New("signature or public key cannot be read")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return fmt.Errorf("read the public key: %w", err)
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	sum := sha1.Sum(body)
	if !ok || !ecdsa.VerifyASN1(key, sum[:], der) {
		return errors.New("the signature is not that of this push")
	}
	return nil
}
