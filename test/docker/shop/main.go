// Command shop is the program in the test's containers: an HTTP server that answers with its
// version, arguments and environment. BAD makes it end (exits), end at its first start (once) or
// fail its health check (unhealthy); SIGUSR2 makes it crash; DRAIN is how long it works on when it is told to stop.
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "health" {
		os.Exit(health())
	}
	if os.Getenv("BAD") == "exits" {
		fmt.Fprintln(os.Stderr, "panic: no such table: orders")
		os.Exit(3)
	}
	if _, err := os.Stat("/been"); os.Getenv("BAD") == "once" && err != nil {
		if err := os.WriteFile("/been", nil, 0o600); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(4)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		if os.Getenv("BAD") == "unhealthy" {
			http.Error(w, "orders are lost", http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		stock, _ := os.ReadFile("/data/stock")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"version": os.Getenv("VERSION"), "args": os.Args[1:], "stock": string(stock), "environment": os.Environ(),
		})
	})
	mux.HandleFunc("POST /stock", func(w http.ResponseWriter, r *http.Request) {
		if err := os.WriteFile("/data/stock", []byte(r.URL.Query().Get("n")), 0o600); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	// As process 1 of its container it gets only signals that it handles.
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, os.Interrupt)
	go func() {
		by := <-stop
		if by == syscall.SIGUSR2 {
			os.Exit(5)
		}
		if drain, err := time.ParseDuration(os.Getenv("DRAIN")); err == nil {
			time.Sleep(drain)
			if err := os.WriteFile("/data/stock", []byte("drained by "+by.String()), 0o600); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
		os.Exit(0)
	}()
	srv := &http.Server{Addr: cmp.Or(os.Getenv("LISTEN"), ":8080"), Handler: mux, ReadHeaderTimeout: time.Minute}
	fmt.Fprintln(os.Stderr, srv.ListenAndServe())
	os.Exit(1)
}

func health() int {
	res, err := (&http.Client{Timeout: 30 * time.Second}).Get("http://127.0.0.1:8080/health")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		fmt.Println("health:", res.Status)
		return 1
	}
	return 0
}
