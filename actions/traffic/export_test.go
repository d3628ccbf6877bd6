package traffic

// Divide gives the weights by which a pool has a share.
func Divide(servers []ServerSettings, now []int, pool string, percent, most int) []int {
	return pools(servers).divide(now, pool, percent, most)
}

// WeightsIn reads a file of nginx.
func WeightsIn(text string, servers []ServerSettings, s NGINXSettings) ([]int, error) {
	return pools(servers).weightsIn(text, s)
}

// Render writes a file of nginx.
func Render(servers []ServerSettings, s NGINXSettings, weights []int) string {
	return pools(servers).render(s, weights)
}
