//go:build !linux && !darwin

package app

func mostFiles() uint64 { return 0 }
