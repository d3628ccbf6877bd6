package probes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"guardian/internal/reason"
)

const (
	consoleKept = 10 // errors of the console that are shown
	// pageReserve is the part of the look's time for the screenshot and for stopping the browser.
	pageReserve = 2 * time.Second
	elementTick = 100 * time.Millisecond
)

// vitals are the Web Vitals of a page (https://web.dev/articles/vitals): times in seconds since the
// navigation began, nil if there was no such event, and its layout shift.
type vitals struct {
	TTFB *float64 `json:"ttfb"`
	FCP  *float64 `json:"fcp"`
	LCP  *float64 `json:"lcp"`
	Load *float64 `json:"load"`
	CLS  float64  `json:"cls"`
}

// vitalsScript reads them. Shifts count in windows of at most five seconds with gaps under a
// second, and the worst window is the page's: https://web.dev/articles/cls.
const vitalsScript = `(async () => {
	const entries = type => new Promise(done => {
		const all = [];
		try {
			const o = new PerformanceObserver(list => all.push(...list.getEntries()));
			o.observe({type, buffered: true});
			setTimeout(() => { all.push(...o.takeRecords()); o.disconnect(); done(all); }, 50);
		} catch { done(all); }
	});
	const [paints, shifts] = await Promise.all([entries("largest-contentful-paint"), entries("layout-shift")]);
	let cls = 0, sum = 0, first = 0, last = 0;
	for (const s of shifts) {
		if (s.hadRecentInput) continue;
		if (sum && s.startTime - last < 1000 && s.startTime - first < 5000) sum += s.value;
		else { sum = s.value; first = s.startTime; }
		last = s.startTime;
		cls = Math.max(cls, sum);
	}
	const nav = performance.getEntriesByType("navigation")[0];
	const seconds = ms => ms > 0 ? ms / 1000 : null;
	return {
		ttfb: seconds(nav?.responseStart),
		load: seconds(nav?.loadEventEnd || nav?.loadEventStart),
		fcp: seconds(performance.getEntriesByName("first-contentful-paint")[0]?.startTime),
		lcp: seconds(paints.at(-1)?.startTime),
		cls,
	};
})()`

// elementsScript returns "there", "missing" or "invalid" for each selector.
const elementsScript = `(%s).map(s => {
	try {
		const e = document.querySelector(s);
		return e && e.getClientRects().length ? "there" : "missing";
	} catch { return "invalid"; }
})`

// visit loads the page in a new browser. It returns what was found even with a fault.
func (p *pageProbe) visit(ctx context.Context, path, address string) (v visit, f *fault) {
	dir, err := os.MkdirTemp("", "guardian-page-")
	if err != nil {
		return v, blind(reason.New("page_no_profile", "error", err))
	}
	// The browser may still be writing while it stops.
	defer func() {
		for range 20 {
			if os.RemoveAll(dir) == nil {
				return
			}
			time.Sleep(elementTick)
		}
	}()
	said := &boundedBuffer{limit: detailBody}
	// The browser runs longer than loading may take, for the screenshot, but not longer than the look.
	allocator, stop := chromedp.NewExecAllocator(ctx, p.options(path, dir, said)...)
	defer stop()
	quiet := func(string, ...any) {} // it would write to standard error
	tab, closeTab := chromedp.NewContext(allocator, chromedp.WithErrorf(quiet), chromedp.WithLogf(quiet))
	defer closeTab()
	begin := p.env.Now()
	// Without a step, this only starts the browser.
	if err := chromedp.Do(tab); err != nil {
		v.output = said.String()
		return v, p.notStarted(ctx, err, v.output)
	}
	work, cancel := context.WithCancel(tab)
	if deadline, ok := ctx.Deadline(); ok {
		cancel()
		work, cancel = context.WithDeadline(tab, deadline.Add(-min(pageReserve, time.Until(deadline)/4)))
	}
	heard := p.listen(work)
	dismissDialogs(work)
	f = p.load(ctx, work, address, &v)
	if f == nil {
		f = p.appear(ctx, work)
	}
	if f == nil {
		f = p.measure(ctx, work, &v)
	}
	cancel()
	c := <-heard
	v.console, v.errors = c.lines, c.count
	if f == nil {
		f = p.judge(v)
	}
	// Without an answer there is nothing on the screen.
	if f != nil && v.status != 0 && ctx.Err() == nil {
		v.picture = p.keepPicture(tab, begin)
	}
	return v, f
}

func (p *pageProbe) options(path, dir string, said *boundedBuffer) []chromedp.ExecAllocatorOption {
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.DisableGPU, chromedp.CombinedOutput(said), chromedp.UserDataDir(filepath.Join(dir, "profile")),
		chromedp.WindowSize(p.settings.Width, p.settings.Height),
		// No updates, and nothing of the guardian's environment.
		chromedp.Flag("disable-component-update", true), chromedp.NoInheritEnv,
		chromedp.Env("PATH="+os.Getenv("PATH"), "HOME="+dir, "LANG=C.UTF-8"))
	if p.settings.NoSandbox {
		options = append(options, chromedp.NoSandbox)
	}
	if p.settings.Insecure {
		options = append(options, chromedp.IgnoreCertErrors)
	}
	if p.settings.Proxy != "" {
		options = append(options, chromedp.ProxyServer(p.settings.Proxy))
	}
	return options
}

func (p *pageProbe) notStarted(ctx context.Context, err error, said string) *fault {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return stopped(reason.New("doing_browser_start"))
	case ctx.Err() != nil:
		return blind(reason.New("page_start_timeout"))
	case strings.Contains(said+err.Error(), "no-sandbox") || strings.Contains(said+err.Error(), "No usable sandbox"):
		return blind(reason.New("page_no_sandbox"))
	}
	return blind(reason.New("page_not_started", "error", oneLine(err.Error(), 300)))
}

// console holds the errors on the page's console.
type console struct {
	lines []string
	count int
}

// listen collects the console's errors until ctx ends, and then sends them.
func (p *pageProbe) listen(ctx context.Context) <-chan console {
	messages := chromedp.Console(ctx)
	done := make(chan console, 1)
	go func() {
		var c console
		for m, err := range messages {
			if err != nil {
				break
			}
			if m.Type != chromedp.ConsoleException && m.Type != "error" && m.Type != "assert" {
				continue
			}
			if u, err := url.Parse(m.URL); m.Source == "network" && err == nil && u.Path == "/favicon.ico" {
				continue // the browser asks for it, not the page
			}
			if c.count++; len(c.lines) < consoleKept {
				text := m.Text
				if m.Source == "network" && m.URL != "" {
					text += ": " + shownAddress(m.URL) // the text does not say what was not loaded
				}
				c.lines = append(c.lines, oneLine(p.masks.text(text), 300))
			}
		}
		done <- c
	}()
	return done
}

// dismissDialogs accepts the page's dialogs, which would block it.
func dismissDialogs(ctx context.Context) {
	dialogs := chromedp.Events(ctx, page.JavascriptDialogOpening)
	go func() {
		for _, err := range dialogs {
			if err != nil {
				return
			}
			// The dialog may be closed already.
			_, _ = chromedp.Call(ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
		}
	}()
}

func (p *pageProbe) load(ctx, work context.Context, address string, v *visit) *fault {
	answer, err := chromedp.Run(work, chromedp.NavigateResponse(address))
	if err != nil {
		if refused := new(chromedp.LoadError); errors.As(err, &refused) && refused.ErrorText == "net::ERR_NAME_NOT_RESOLVED" && p.settings.Proxy == "" {
			// Chromium reports a name that does not exist and a resolver that does not answer alike.
			if f := p.unresolved(ctx, address); f != nil {
				return f
			}
		}
		return p.fault(ctx, work, err, reason.New("doing_page_load"))
	}
	if answer == nil {
		return down(reason.New("page_no_answer"))
	}
	v.status = int(answer.Status)
	e := expectation{Expect: Expect{Status: p.settings.Status}}
	return e.judge(exchange{status: v.status}, nil)
}

// unresolved returns why the name of an address cannot be resolved; nil if it can.
func (p *pageProbe) unresolved(ctx context.Context, address string) *fault {
	u, err := url.Parse(address)
	if err != nil {
		return nil
	}
	begin := p.env.Now()
	if _, err := net.DefaultResolver.LookupHost(ctx, u.Hostname()); err != nil {
		return faultOf(ctx, err, doing(phaseResolve), p.env.Now().Sub(begin))
	}
	return nil
}

// fault classifies an error of the browser, as faultOf does. The errors net::ERR_… are Chromium's:
// https://chromium.googlesource.com/chromium/src/+/main/net/base/net_error_list.h.
func (p *pageProbe) fault(ctx, work context.Context, err error, during reason.Reason) *fault {
	var refused *chromedp.LoadError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return stopped(during)
	case errors.As(err, &refused):
		for _, ours := range []string{
			"INTERNET_DISCONNECTED", "NETWORK_CHANGED", "NETWORK_ACCESS_DENIED", "NETWORK_IO_SUSPENDED", "PROXY_", "TUNNEL_CONNECTION_FAILED",
			"SOCKS_CONNECTION", "ADDRESS_UNREACHABLE", "INSUFFICIENT_RESOURCES", "OUT_OF_MEMORY", "NAME_RESOLUTION_FAILED", "DNS_",
		} {
			if strings.HasPrefix(refused.ErrorText, "net::ERR_"+ours) {
				return blind(reason.New("net_local_error", "error", refused.ErrorText))
			}
		}
		return down(reason.New("page_not_loaded", "error", oneLine(refused.ErrorText, 200)))
	case errors.Is(work.Err(), context.DeadlineExceeded):
		return down(reason.New("page_timeout", "doing", during))
	}
	return blind(reason.New("page_browser_failed", "doing", during, "error", oneLine(err.Error(), 200)))
}

// appear waits until all elements are visible.
func (p *pageProbe) appear(ctx, work context.Context) *fault {
	if len(p.settings.Elements) == 0 {
		return nil
	}
	selectors, err := json.Marshal(p.settings.Elements)
	if err != nil {
		return blind(reason.New("setting_unusable", "setting", "elements", "error", err))
	}
	tick := time.NewTicker(elementTick)
	defer tick.Stop()
	missing := p.settings.Elements[0]
	for {
		found, err := chromedp.Run(work, chromedp.Evaluate[[]string](fmt.Sprintf(elementsScript, selectors)))
		if err != nil {
			if errors.Is(work.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
				return down(reason.New("page_no_element", "element", missing))
			}
			return p.fault(ctx, work, err, reason.New("doing_page_elements"))
		}
		if i := slices.Index(found, "invalid"); i >= 0 && i < len(p.settings.Elements) {
			return blind(reason.New("page_bad_selector", "setting", fmt.Sprintf("elements[%d]", i), "element", p.settings.Elements[i]))
		}
		i := slices.Index(found, "missing")
		if i < 0 {
			return nil
		}
		missing = p.settings.Elements[i]
		select {
		case <-tick.C:
		case <-work.Done():
		}
	}
}

// measure waits for late changes of the page and reads its vitals.
func (p *pageProbe) measure(ctx, work context.Context, v *visit) *fault {
	if settle := time.Duration(p.settings.WaitAfterLoad); settle > 0 {
		timer := time.NewTimer(settle)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-work.Done():
		}
	}
	await := func(e *runtime.EvaluateParams) { chromedp.EvalAwaitPromise(e); chromedp.EvalAsValue(e) }
	found, err := chromedp.Run(work, chromedp.Evaluate[vitals](vitalsScript, await))
	if err != nil {
		return p.fault(ctx, work, err, reason.New("doing_page_measure"))
	}
	v.vitals = &found
	return nil
}

// keepPicture saves a screenshot of the failure and removes old ones. It returns the path, or "" if
// it could not be saved, which does not fail the look.
func (p *pageProbe) keepPicture(tab context.Context, at time.Time) string {
	if p.env.Pictures == "" || p.settings.Screenshots == 0 {
		return ""
	}
	picture, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
	if err != nil {
		return ""
	}
	dir := filepath.Join(p.env.Pictures, url.PathEscape(p.env.Check))
	name := filepath.Join(dir, at.UTC().Format("20060102T150405.000Z")+".png")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(name, picture, 0o600)); err != nil {
		p.env.Log.Warn("keep a screenshot", "check", p.env.Check, "error", err)
		return ""
	}
	// Names sort by time.
	if all, err := filepath.Glob(filepath.Join(globEscape(dir), "*.png")); err == nil {
		slices.Sort(all)
		for _, old := range all[:max(len(all)-p.settings.Screenshots, 0)] {
			if err := os.Remove(old); err != nil {
				p.env.Log.Warn("remove an old screenshot", "check", p.env.Check, "error", err)
			}
		}
	}
	return name
}

// globEscape escapes the special characters of glob patterns.
func globEscape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
