package probes_test

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	pb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"guardian/internal/secret"
	"guardian/probes"
	"guardian/probes/sample"
)

// grpcServer serves the health service, or none.
func grpcServer(tb testing.TB, with bool, options ...grpc.ServerOption) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := grpc.NewServer(options...)
	if with {
		h := health.NewServer()
		h.SetServingStatus("prices", pb.HealthCheckResponse_SERVING)
		h.SetServingStatus("stock", pb.HealthCheckResponse_NOT_SERVING)
		pb.RegisterHealthServer(s, h)
	}
	go func() { _ = s.Serve(l) }()
	tb.Cleanup(s.Stop)
	return l.Addr().String()
}

func TestGRPC(t *testing.T) {
	ca := newAuthority(t)
	cert := ca.issue(t, time.Now().Add(100*time.Hour))
	plain := grpcServer(t, true)
	secured := grpcServer(t, true, grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{cert}})))
	slow := grpcServer(t, true, grpc.UnaryInterceptor(func(ctx context.Context, _ any, _ *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}))
	for name, tc := range map[string]struct {
		address, service string
		tls              *probes.TLS
		health           sample.Health
		reason           string
		code             float64
	}{
		"the server as a whole":                   {address: plain, health: sample.Up},
		"a service that serves":                   {address: plain, service: "prices", health: sample.Up},
		"a service that does not is down":         {address: plain, service: "stock", health: sample.Down, reason: "NOT_SERVING of stock"},
		"a service that is not there is down":     {address: plain, service: "none", health: sample.Down, reason: "does not know none", code: 5},
		"no health service is down":               {address: grpcServer(t, false), health: sample.Down, reason: "no grpc.health.v1 service", code: 12},
		"a server that hangs is down":             {address: slow, health: sample.Down, reason: "no answer within", code: 4},
		"nobody listens":                          {address: refusedAddress(t), health: sample.Down, reason: "the connection was refused", code: 14},
		"not gRPC is down":                        {address: listen(t, func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) }), health: sample.Down, code: 14},
		"over TLS":                                {address: secured, tls: &probes.TLS{CAFile: ca.file}, health: sample.Up},
		"a certificate of nobody known is down":   {address: secured, tls: &probes.TLS{}, health: sample.Down, reason: "the certificate is not accepted", code: 14},
		"a certificate that soon expires is down": {address: secured, tls: &probes.TLS{CAFile: ca.file, MinRemaining: model.Duration(200 * time.Hour)}, health: sample.Down, reason: "expires in"},
		"TLS to a plain port is down":             {address: plain, tls: &probes.TLS{CAFile: ca.file}, health: sample.Down, code: 14},
		"no file of authorities is unknown":       {address: secured, tls: &probes.TLS{CAFile: "/nowhere.pem"}, health: sample.Unknown, reason: "read tls.ca_file", code: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := build(t, "grpc", probes.Env{}, func(s *probes.GRPCSettings) {
				s.Address, s.Service, s.TLS = tc.address, tc.service, tc.tls
			})
			within := 20 * time.Second
			if tc.address == slow {
				within = 700 * time.Millisecond
			}
			o := look(t, p, within)
			if o.Health != tc.health || !strings.Contains(o.Reason.String(), tc.reason) || (o.Health == sample.Up) != (o.Reason.IsZero()) {
				t.Errorf("got %s %q, want %s %q", o.Health, o.Reason, tc.health, tc.reason)
			}
			if got := value(t, o, "probe_grpc_status_code"); got != tc.code {
				t.Errorf("status code %v, want %v: %s", got, tc.code, o.Reason)
			}
			onlyPromised(t, "grpc", &probes.GRPCSettings{}, o)
			if tc.tls != nil && o.Health == sample.Up && value(t, o, "probe_ssl_earliest_cert_expiry") != float64(cert.Leaf.NotAfter.Unix()) {
				t.Error("the expiry is another")
			}
		})
	}
}

func TestGRPCKeepsSecrets(t *testing.T) {
	const token = "tok-5ae1c0ffee"
	address := grpcServer(t, true, grpc.UnaryInterceptor(func(ctx context.Context, _ any, _ *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		return nil, status.Errorf(codes.PermissionDenied, "not for %s", md.Get("authorization"))
	}))
	p := build(t, "grpc", probes.Env{}, func(s *probes.GRPCSettings) {
		s.Address = address
		s.Metadata = map[string]secret.Secret{"authorization": secret.New("Bearer " + token)}
	})
	o := look(t, p, 20*time.Second)
	if o.Health != sample.Down || !strings.Contains(o.Reason.String(), "PermissionDenied: not for ["+secret.Mask) {
		t.Errorf("got %s %q", o.Health, o.Reason)
	}
	wantSilent(t, o, token)
}

func TestGRPCSettingsTellEveryMistake(t *testing.T) {
	s := probes.Builtin()["grpc"].Settings().(*probes.GRPCSettings)
	s.TLS = &probes.TLS{MinRemaining: -1}
	s.Metadata = map[string]secret.Secret{"grpc-timeout": secret.New("x"), "a": secret.New("hunter22\n")}
	err := s.Validate()
	wantMistakes(t, err, "address is missing", "tls.min_remaining", "grpc-timeout", "metadata.a")
	if strings.Contains(err.Error(), "hunter22") {
		t.Errorf("the secret is told: %v", err)
	}
}
