package probes

// Builtin lists the kinds of checks by name. A new kind is one file and one line here.
func Builtin() map[string]Kind {
	return map[string]Kind{
		"backup":     backupKind(),
		"dns":        dnsKind(),
		"drift":      driftKind(),
		"exec":       execKind(),
		"feed":       feedKind(),
		"grpc":       grpcKind(),
		"heartbeat":  heartbeatKind(),
		"http":       httpKind(),
		"journey":    journeyKind(),
		"order_push": orderPushKind(),
		"page":       pageKind(),
		"promql":     promqlKind(),
		"quota":      quotaKind(),
		"scrape":     scrapeKind(),
		"sql":        sqlKind(),
		"tcp":        tcpKind(),
		"tls":        tlsKind(),
	}
}
