package probes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"guardian/internal/reason"
	"guardian/internal/secret"
	"guardian/probes/sample"
)

// GRPCSettings configure a check of kind grpc: the standard health service, grpc.health.v1.
//
//	what happened                                               | health
//	SERVING                                                     | Up
//	any other serving status                                    | Down
//	any error of the call: no such service, not permitted, …    | Down
//	refused, no answer in time, TLS failed, not gRPC            | Down
//	what the fault table says of this machine                   | Unknown
type GRPCSettings struct {
	Target   `yaml:",inline"`
	Service  string                   `yaml:"service" doc:"The service to check; default: the server as a whole."`
	TLS      *TLS                     `yaml:"tls" doc:"Use TLS, and how the certificate is verified; default: without TLS."`
	Metadata map[string]secret.Secret `yaml:"metadata" doc:"Metadata of the call, such as authorization; never shown."`
}

// Validate joins every mistake.
func (s *GRPCSettings) Validate() error {
	errs := []error{s.Target.validate()}
	if s.TLS != nil {
		errs = append(errs, s.TLS.validate("tls."))
	}
	for name, value := range s.Metadata {
		if !validHeaderName(name) || strings.HasPrefix(strings.ToLower(name), "grpc-") {
			errs = append(errs, fmt.Errorf("metadata: %q is not a name such as authorization; those that start with grpc- are gRPC's own", name))
		}
		if !strings.HasSuffix(name, "-bin") && strings.ContainsFunc(value.Reveal(), func(r rune) bool { return r < ' ' || r > '~' }) {
			errs = append(errs, fmt.Errorf("metadata.%s has something other than printable ASCII; does the secret's file end in a line break?", name))
		}
	}
	return errors.Join(errs...)
}

func grpcKind() Kind {
	return Kind{
		Settings: func() any { return &GRPCSettings{Target: Target{AddressFamily: "any"}} },
		Build: func(settings any, env Env) (Probe, error) {
			s := settings.(*GRPCSettings)
			env = env.withDefaults()
			return &grpcProbe{settings: s, env: env, masks: newMasks(env, secretsOf(nil, []Request{{Headers: s.Metadata}})...)}, nil
		},
		Repeats: always,
		Produces: func(any) []string {
			return []string{
				"probe_grpc_duration_seconds", "probe_grpc_status_code", "probe_grpc_healthcheck_response",
				"probe_ssl_earliest_cert_expiry",
			}
		},
	}
}

type grpcProbe struct {
	settings *GRPCSettings
	env      Env
	masks    masks
}

// Look calls Check over a new connection.
func (p *grpcProbe) Look(ctx context.Context) sample.Observation {
	const name = "probe_grpc_duration_seconds"
	d := &grpcDial{settings: p.settings, conn: newConnection(p.env.Now)}
	// gRPC closes the connection itself; this ends the measurement.
	defer d.conn.Close()
	begin := p.env.Now()
	answer, f := p.check(ctx, d)
	if f != nil && f.grpc == codes.Unavailable {
		// The error below gRPC is more precise.
		if err := d.failed(); err != nil {
			f.fault = d.conn.fault(ctx, err, doing(d.conn.tracer.phase()))
		}
	}
	values := append(d.conn.values(name), phaseValue(name, "check", p.env.Now().Sub(begin)))
	if f != nil {
		values = append(values, sample.Value{Name: "probe_grpc_status_code", V: float64(f.grpc)})
		return p.masks.observation(observed(f.fault, values))
	}
	values = append(values, sample.Value{Name: "probe_grpc_status_code", V: 0})
	for n, serving := range health.HealthCheckResponse_ServingStatus_name {
		v := 0.0
		if n == int32(answer) {
			v = 1
		}
		values = append(values, sample.Value{
			Name: "probe_grpc_healthcheck_response", Labels: map[string]string{"serving_status": serving}, V: v,
		})
	}
	if answer != health.HealthCheckResponse_SERVING {
		return p.masks.observation(observed(down(reason.New("grpc_health", "status", answer, "service", p.settings.Service)), values))
	}
	var soon *fault
	if p.settings.TLS != nil {
		soon = remaining(d.conn.expiry(), p.settings.TLS.MinRemaining, p.env.Now())
	}
	return p.masks.observation(observed(soon, values))
}

// grpcFault is a fault with the status code that came with it.
type grpcFault struct {
	*fault
	grpc codes.Code
}

func (p *grpcProbe) check(ctx context.Context, d *grpcDial) (health.HealthCheckResponse_ServingStatus, *grpcFault) {
	var inner credentials.TransportCredentials
	if p.settings.TLS == nil {
		inner = insecure.NewCredentials()
	} else {
		config, err := p.settings.TLS.named(p.settings.host())
		if err != nil {
			return 0, &grpcFault{blind(reason.New("client_settings", "error", err)), codes.Unknown}
		}
		inner = credentials.NewTLS(config)
	}
	conn, err := grpc.NewClient("passthrough:///"+p.settings.Address,
		grpc.WithContextDialer(d.dial), grpc.WithTransportCredentials(&grpcHandshake{inner, d}), grpc.WithUserAgent(p.env.UserAgent),
		grpc.WithNoProxy(), grpc.WithDisableServiceConfig(), grpc.WithDisableRetry(), grpc.WithDisableHealthCheck(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<10)))
	if err != nil {
		return 0, &grpcFault{blind(reason.New("client_settings", "error", err)), codes.Unknown}
	}
	defer conn.Close()
	sent := metadata.MD{}
	for name, value := range p.settings.Metadata {
		sent.Set(name, value.Reveal())
	}
	ctx = metadata.NewOutgoingContext(ctx, sent)
	answer, err := health.NewHealthClient(conn).Check(ctx, &health.HealthCheckRequest{Service: p.settings.Service})
	if err == nil {
		return answer.GetStatus(), nil
	}
	code := status.Code(err)
	says := oneLine(status.Convert(err).Message(), 300)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return 0, &grpcFault{stopped(reason.New("doing_answer")), code}
	case ctx.Err() != nil, code == codes.DeadlineExceeded && atDeadline(ctx):
		return 0, &grpcFault{d.conn.fault(ctx, context.DeadlineExceeded, reason.New("doing_answer")), code}
	case code == codes.Unimplemented:
		return 0, &grpcFault{down(reason.New("grpc_no_health_service", "said", says)), code}
	case code == codes.NotFound:
		return 0, &grpcFault{down(reason.New("grpc_unknown_service", "service", p.settings.Service)), code}
	}
	return 0, &grpcFault{down(reason.New("grpc_error", "code", code, "said", says)), code}
}

// atDeadline reports whether the look's time is almost over. The server knows the deadline, and may
// answer that it has passed a little before it does here.
func atDeadline(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) < 50*time.Millisecond
}

// grpcDial makes the connection and keeps its error, which gRPC would turn into text.
type grpcDial struct {
	settings *GRPCSettings
	conn     *connection

	mu   sync.Mutex // gRPC dials in goroutines of its own
	last error
}

func (d *grpcDial) remember(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = err
}

func (d *grpcDial) failed() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

func (d *grpcDial) dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(d.conn.tracer.context(ctx), familyNetwork("tcp", d.settings.AddressFamily), address)
	d.remember(err)
	return conn, err
}

// grpcHandshake measures the handshake and notes the certificates.
type grpcHandshake struct {
	credentials.TransportCredentials
	dial *grpcDial
}

// ClientHandshake implements credentials.TransportCredentials.
func (h *grpcHandshake) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c := h.dial.conn
	if h.dial.settings.TLS != nil {
		c.tracer.begin(phaseTLS)
		defer c.tracer.end(phaseTLS)
	}
	conn, info, err := h.TransportCredentials.ClientHandshake(ctx, authority, raw)
	h.dial.remember(err)
	if err != nil {
		c.unverified(err)
	}
	if secured, ok := info.(credentials.TLSInfo); ok {
		c.tracer.certificates(secured.State)
	}
	return conn, info, err
}

// Clone implements credentials.TransportCredentials.
func (h *grpcHandshake) Clone() credentials.TransportCredentials { return h }
