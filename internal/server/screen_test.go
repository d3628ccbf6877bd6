package server_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"guardian/watch"
)

// wideElements names what ends to the right of the window.
const wideElements = `(() => {
	const wide = document.documentElement.clientWidth, out = [];
	if (document.documentElement.scrollWidth > wide) out.push("page is " + document.documentElement.scrollWidth);
	for (const e of document.querySelectorAll("main *, header *, footer *")) {
		const r = e.getBoundingClientRect();
		if (r.width && r.right > wide + 1 && !e.closest("pre, thead")) out.push(e.tagName + " " + e.className + " ends at " + Math.round(r.right));
	}
	return out.slice(0, 5);
})()`

const smallButtons = `[...document.querySelectorAll("main button, main .button")]
	.filter(e => e.offsetHeight && e.offsetHeight < 44).map(e => e.textContent + " " + e.offsetHeight)`

// scheme makes the browser prefer light or dark.
func scheme(value string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
		return chromedp.Void{}, err
	}
}

// openTab starts Chromium.
func openTab(t *testing.T) context.Context {
	t.Helper()
	browser, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is missing: apt-get install chromium")
		}
		t.Skip("chromium is missing: apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true))
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	tab, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(closeTab)
	tab, cancel := context.WithTimeout(tab, 2*time.Minute)
	t.Cleanup(cancel)
	return tab
}

// TestPagesFitTheScreen opens every page in Chromium, on a phone and on a desk: nothing may
// stick out to the side, and buttons must be big enough for a thumb. With SCREENSHOTS set to
// a folder the pictures are kept there.
func TestPagesFitTheScreen(t *testing.T) {
	folder := os.Getenv("SCREENSHOTS")
	if folder == "" {
		folder = t.TempDir()
	}
	web := httptest.NewServer(newServer(t, busy(), nil))
	t.Cleanup(web.Close)

	tab := openTab(t)
	for _, page := range pageList() {
		for _, look := range []struct {
			width        int64
			lang, scheme string
		}{{320, "en", "light"}, {360, "zh", "dark"}, {360, "en", "dark"}, {1200, "en", "light"}, {1200, "zh", "dark"}} {
			width := look.width
			name := fmt.Sprintf("%s-%d-%s-%s", page.name, width, look.lang, look.scheme)
			t.Run(name, func(t *testing.T) {
				address := web.URL + page.path + map[bool]string{true: "&", false: "?"}[strings.Contains(page.path, "?")] + "lang=" + look.lang
				if err := chromedp.Do(tab, chromedp.EmulateViewport(width, 800), scheme(look.scheme), chromedp.Navigate(address)); err != nil {
					t.Fatal(err)
				}
				sticksOut, err := chromedp.Run(tab, chromedp.Evaluate[[]string](wideElements))
				if err != nil {
					t.Fatal(err)
				}
				small, err := chromedp.Run(tab, chromedp.Evaluate[[]string](smallButtons))
				if err != nil {
					t.Fatal(err)
				}
				picture, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
				if err != nil {
					t.Fatal(err)
				}
				if len(sticksOut) > 0 {
					t.Errorf("sticks out of %d px: %s", width, strings.Join(sticksOut, "; "))
				}
				if len(small) > 0 {
					t.Errorf("too small for a thumb: %s", strings.Join(small, "; "))
				}
				if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o600); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

// A page that is looked at follows what happens, and says so when it no longer can.
func TestPageFollowsTheWatch(t *testing.T) {
	tab := openTab(t)
	m := busy()
	web := httptest.NewServer(newServer(t, m, nil))
	t.Cleanup(web.Close)
	badge := func() string {
		t.Helper()
		text, err := chromedp.Run(tab, chromedp.Evaluate[string](`document.querySelector("main").className + " " + document.querySelector(".badge").textContent.trim()`))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(text)
	}
	again := func(want string) {
		t.Helper()
		for range 100 {
			if badge() == want {
				return
			}
			if _, err := chromedp.Run(tab, chromedp.Evaluate[bool](`document.dispatchEvent(new Event("visibilitychange"))`)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Fatalf("the page says %q, want %q", badge(), want)
	}
	if err := chromedp.Do(tab, chromedp.Navigate(web.URL+"/watches/w_8?lang=en")); err != nil {
		t.Fatal(err)
	}
	again("watching")
	m.end("w_8", watch.Passed)
	again("passed")
	if err := chromedp.Do(tab, chromedp.Navigate(web.URL+"/?lang=en")); err != nil {
		t.Fatal(err)
	}
	web.Close()
	for range 100 {
		if _, err := chromedp.Run(tab, chromedp.Evaluate[bool](`document.dispatchEvent(new Event("visibilitychange"))`)); err != nil {
			t.Fatal(err)
		}
		shown, err := chromedp.Run(tab, chromedp.Evaluate[string](`getComputedStyle(document.querySelector("main"), "::before").content`))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(shown, "does not answer") {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("a page that is out of date does not say so")
}
