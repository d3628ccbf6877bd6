package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"guardian/test/process"
)

// mostBytes is how large a picture may be: people wait for it.
const mostBytes = 150_000

// patience is how long the demo and all pictures may take.
const patience = 3 * time.Minute

func main() {
	guardian := flag.String("guardian", "bin/guardian", "the guardian's program")
	folder := flag.String("out", "docs/pictures", "where the pictures are written")
	flag.Parse()
	if err := run(*guardian, *folder); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

func run(guardian, folder string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	show, err := startDemo(ctx, guardian)
	if err != nil {
		return err
	}
	defer show.stop()
	tab, closeTab, err := openTab(ctx)
	if err != nil {
		return err
	}
	defer closeTab()
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "guardian-pictures-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	for _, p := range []struct {
		name, messenger, lang string
	}{{"watch", "", "en"}, {"watch.zh", "", "zh"}, {"slack", "slack", "en"}, {"dingtalk.zh", "dingtalk", "zh"}} {
		address, width := show.watch+"?lang="+p.lang, int64(720)
		if p.messenger != "" {
			address, err = write(filepath.Join(scratch, p.name+".html"), p.messenger, show.messages)
			width = 480
		}
		if err != nil {
			return err
		}
		if err := photograph(tab, filepath.Join(folder, p.name+".png"), view{address, width}); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// demo is the demo after everything has happened; its pages stay up.
type demo struct {
	watch    string // the address of the watch's page
	messages []message
	process  *process.Process
}

func (d *demo) stop() {
	_ = d.process.Signal(syscall.SIGTERM)
	select {
	case <-d.process.Done:
	case <-time.After(15 * time.Second):
		d.process.Kill()
	}
}

// startDemo runs the demo until it invites to look at the pages.
func startDemo(ctx context.Context, guardian string) (*demo, error) {
	cmd := exec.Command(guardian, "demo", "--before", "1m", "--output", "json")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	d := &demo{}
	if d.process, err = process.Start(cmd); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, d.process.Kill)
	defer stop()
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var l struct {
			Event, Text string
			Message     *message
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			continue // the summary
		}
		switch l.Event {
		case "message":
			d.messages = append(d.messages, *l.Message)
		case "watch":
			d.watch = l.Text[strings.Index(l.Text, "http"):]
		case "pages":
			go func() { _, _ = out.Read(make([]byte, 1<<16)) }()
			return d, nil
		}
	}
	d.stop()
	return nil, errors.Join(errors.New("the demo ended before its pages were up"), lines.Err())
}

// openTab starts Chromium.
func openTab(ctx context.Context) (tab context.Context, end func(), err error) {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		return nil, nil, errors.New("chromium is missing: apt-get install chromium")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(browser), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true))
	allocator, stop := chromedp.NewExecAllocator(ctx, options...)
	tab, closeTab := chromedp.NewContext(allocator)
	return tab, func() { closeTab(); stop() }, nil
}

// view is what a picture shows: a page in a window of a width.
type view struct {
	address string
	width   int64
}

// shorten leaves the page's head, its charts and the evidence: the deploy's facts and what happened are
// told by the messages, too.
const shorten = `document.querySelectorAll("main > .cols, footer").forEach(e => e.remove())`

// light makes the browser prefer light colours.
func light(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "light"}}
	_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
	return chromedp.Void{}, err
}

func photograph(tab context.Context, file string, v view) error {
	if err := chromedp.Do(tab, chromedp.EmulateViewport(v.width, 200, chromedp.EmulateScale(1.5)), light, chromedp.Navigate(v.address)); err != nil {
		return err
	}
	if _, err := chromedp.Run(tab, chromedp.Evaluate[any](shorten)); err != nil {
		return err
	}
	taken, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
	if err != nil {
		return err
	}
	small, err := shrink(taken)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d kB\n", file, len(small)/1000)
	if len(small) > mostBytes {
		return fmt.Errorf("the picture has %d bytes, more than %d", len(small), mostBytes)
	}
	return os.WriteFile(file, small, 0o600)
}

// shrink writes a picture with at most 256 colours, those that it has most often.
func shrink(b []byte) ([]byte, error) {
	from, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	count := map[color.RGBA]int{}
	bounds := from.Bounds()
	at := func(x, y int) color.RGBA {
		r, g, b, _ := from.At(x, y).RGBA()
		return color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 0xff} //nolint:gosec // 16 bits become 8
	}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			count[at(x, y)]++
		}
	}
	colours := make([]color.RGBA, 0, len(count))
	for c := range count {
		colours = append(colours, c)
	}
	slices.SortFunc(colours, func(a, b color.RGBA) int { return count[b] - count[a] })
	var palette color.Palette
	for _, c := range colours[:min(256, len(colours))] {
		palette = append(palette, c)
	}
	nearest := map[color.RGBA]uint8{}
	to := image.NewPaletted(bounds, palette)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			c := at(x, y)
			i, known := nearest[c]
			if !known {
				i = uint8(palette.Index(c)) //nolint:gosec // there are at most 256
				nearest[c] = i
			}
			to.SetColorIndex(x, y, i)
		}
	}
	var out bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, to)
	return out.Bytes(), err
}
