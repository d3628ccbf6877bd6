package config

// NeedsRestart lists the keys whose change in next takes effect with the next start only.
func (c *Config) NeedsRestart(next *Config) []string {
	var keys []string
	for _, k := range []struct {
		key     string
		differs bool
	}{
		{"server.listen", c.Server.Listen != next.Server.Listen},
		{"server.tls", (c.Server.TLS == nil) != (next.Server.TLS == nil)},
		{"server.language", c.Server.Language != next.Server.Language},
		{"server.timezone", c.Location().String() != next.Location().String()},
		{"storage.path", c.Storage.Path != next.Storage.Path},
		{"storage.postgres", c.Storage.Postgres.Reveal() != next.Storage.Postgres.Reveal()},
		{"storage.lease", c.Storage.Lease != next.Storage.Lease},
	} {
		if k.differs {
			keys = append(keys, k.key)
		}
	}
	return keys
}
