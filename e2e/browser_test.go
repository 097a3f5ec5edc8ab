package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/kladka/kladka/internal/pgtest"
)

// What is used of the npm packages, as it is.
const (
	axeFile       = "sdk/node_modules/axe-core/axe.min.js"
	connectModule = "sdk/node_modules/@kombo-api/connect/dist/index.mjs"
)

// browser is a Chromium, shared by tests that each have a window and a storage of their own in it.
type browser struct {
	ctx context.Context
	axe string // the source of axe-core
}

// needBrowser skips a test where Chromium or the packages are missing, unless they are required.
func needBrowser(t *testing.T) (chromium string) {
	t.Helper()
	missing := "Chromium is not installed"
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			chromium, missing = path, ""
			break
		}
	}
	for _, file := range []string{axeFile, connectModule} {
		if _, err := os.Stat(file); err != nil && missing == "" {
			missing = "npm packages are not installed; run npm ci in e2e/sdk"
		}
	}
	switch {
	case missing == "":
	case pgtest.Required("chromium"):
		t.Fatal(missing)
	default:
		t.Skip("skipped: " + missing)
	}
	return chromium
}

// newBrowser starts a Chromium that blocks third-party cookies and ends with the test.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	chromium := needBrowser(t)
	axe, err := os.ReadFile(axeFile)
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium), chromedp.UserDataDir(filepath.Join(home, "profile")),
		chromedp.Env("HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home),
		chromedp.Flag("test-third-party-cookie-phaseout", true), chromedp.Flag("lang", "en"),
		chromedp.DisableGPU, chromedp.Flag("disable-crash-reporter", true), chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Flag("disable-features", "Translate"), // not site isolation, so a frame has a process of its own, as it has for customers
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("close Chromium: %v", err)
		}
		stop() // waits for its end
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	return &browser{ctx: ctx, axe: string(axe)}
}

// tab is a page, or a frame that fills one.
type tab struct {
	*testing.T
	browser *browser
	page    context.Context // gets what hands do
	ctx     context.Context // the document
}

// open opens a window and goes to an address.
func (b *browser) open(t *testing.T, address string) *tab {
	t.Helper()
	p := b.window(t)
	p.visit(address)
	return p
}

// window opens an empty window.
func (b *browser) window(t *testing.T) *tab {
	t.Helper()
	ctx, stop := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(stop)
	p := &tab{T: t, browser: b, page: ctx, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("open a window: %v", err)
	}
	call(p, ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	p.size(1000, 800)
	return p
}

// patience bounds everything that a page may take. It is far above what it takes.
const patience = 30 * time.Second

// call sends a command of the DevTools protocol.
func call[P, R any](p *tab, ctx context.Context, command cdp.Command[P, R], params P) R {
	p.Helper()
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	r, err := chromedp.Call(ctx, command, params)
	if err != nil {
		p.Fatalf("%s: %v", command.Method, err)
	}
	return r
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	ctx, stop := context.WithTimeout(p.page, patience)
	defer stop()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.Fatalf("Chromium: %v", err)
	}
}

func (p *tab) visit(address string) {
	p.Helper()
	p.do(chromedp.Navigate(address))
}

// size gives the window a size.
func (p *tab) size(width, height int64) {
	p.Helper()
	call(p, p.page, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
}

// dark chooses between dark and light.
func (p *tab) dark(on bool) {
	p.Helper()
	scheme := map[bool]string{true: "dark", false: "light"}[on]
	for _, ctx := range []context.Context{p.page, p.ctx} {
		call(p, ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
	}
}

// frame gives the frame in the page, once it has one of another site.
func (p *tab) frame() *tab {
	p.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(25 * time.Millisecond) {
		targets, err := chromedp.Targets(p.page)
		if err != nil {
			p.Fatalf("list frames: %v", err)
		}
		for _, i := range targets {
			if i.Type == "iframe" && i.BrowserContextID == chromedp.FromContext(p.page).BrowserContextID {
				ctx, stop := chromedp.NewContext(p.page, chromedp.WithTargetID(i.TargetID), chromedp.WithDetachOnCancel())
				p.Cleanup(stop)
				if err := chromedp.Do(ctx); err != nil {
					p.Fatalf("attach to the frame: %v", err)
				}
				f := *p
				f.ctx = ctx
				return &f
			}
		}
		if time.Now().After(deadline) {
			p.Fatal("the page has no frame of another site")
		}
	}
}

// eval evaluates an expression in the document, and waits for a promise.
func eval[T any](p *tab, js string) T {
	p.Helper()
	v, err := tryEval[T](p, js)
	if err != nil {
		p.Fatalf("%s: %v", js, err)
	}
	return v
}

func tryEval[T any](p *tab, js string) (T, error) {
	ctx, stop := context.WithTimeout(p.ctx, patience)
	defer stop()
	return chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise, chromedp.EvalAsValue))
}

// until waits until an expression holds in the document, across all that take its place.
func (p *tab) until(js string) {
	p.Helper()
	var failed *chromedp.ExceptionError
	for deadline := time.Now().Add(patience); ; time.Sleep(25 * time.Millisecond) {
		holds, err := tryEval[bool](p, "document.readyState === 'complete' && !!("+js+")")
		switch {
		case err == nil && holds:
			return
		case errors.As(err, &failed) && time.Now().After(deadline), p.ctx.Err() != nil:
			p.Fatalf("%s: %v", js, err)
		case time.Now().After(deadline):
			text, _ := tryEval[string](p, "location.href + '\\n' + document.body.innerText")
			p.Fatalf("this did not come true: %s (%v)\n%s", js, err, text)
		}
	}
}

// has waits for an element.
func (p *tab) has(css string) {
	p.Helper()
	p.until("document.querySelector(" + quote(css) + ")")
}

// reads waits for a text on the page.
func (p *tab) reads(text string) {
	p.Helper()
	p.until("document.body.innerText.includes(" + quote(text) + ")")
}

// click moves the mouse to the middle of an element, and clicks once the mouse is there: a frame that was just
// drawn takes a moment until it is found under the mouse, and what is covered by something else never is.
func (p *tab) click(css string) {
	p.Helper()
	p.has(css)
	for deadline := time.Now().Add(patience); ; time.Sleep(25 * time.Millisecond) {
		at := eval[[]float64](p, `(e => {
			e.scrollIntoView({block: "center", behavior: "instant"});
			const r = e.getClientRects()[0];
			return [r.x + r.width / 2, r.y + r.height / 2];
		})(document.querySelector(`+quote(css)+`))`)
		p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at[0], at[1]))
		if eval[bool](p, "document.querySelector("+quote(css)+").matches(':hover')") {
			p.hands(chromedp.MouseClickXY(at[0], at[1]))
			return
		}
		if time.Now().After(deadline) {
			p.Fatalf("the mouse does not reach %s", css)
		}
	}
}

// fill types into a field in place of what it holds.
func (p *tab) fill(css, text string) {
	p.Helper()
	p.has(css)
	eval[chromedp.Void](p, "(e => { e.focus(); e.select(); })(document.querySelector("+quote(css)+"))")
	call(p, p.page, input.InsertText, input.InsertTextParams{Text: text})
}

// press presses keys: characters, or those of package kb.
func (p *tab) press(keys string) {
	p.Helper()
	for _, key := range keys {
		p.hands(chromedp.KeyEvent(string(key)))
	}
}

// hands does what hands do. What ends its document may never be acknowledged, so what tells is what comes of it.
func (p *tab) hands(step chromedp.Action[chromedp.Void]) {
	p.Helper()
	ctx, stop := context.WithTimeout(p.page, 5*time.Second)
	defer stop()
	if err := chromedp.Do(ctx, step); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		p.Fatalf("Chromium: %v", err)
	}
}

// accessible are axe's tags of what is asked of every page; colours are the rules that a change of colours may break.
var (
	accessible = []string{"wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"}
	colours    = []string{"color-contrast", "link-in-text-block"}
)

// violation is what axe finds.
type violation struct {
	ID, Help string
	Nodes    []struct {
		HTML           string `json:"html"`
		FailureSummary string `json:"failureSummary"`
	}
}

// axe checks what the document looks like now, by rules or tags.
func (p *tab) axe(about string, only ...string) {
	p.Helper()
	if !eval[bool](p, "'axe' in window") {
		eval[chromedp.Void](p, p.browser.axe)
	}
	rules, _ := json.Marshal(only)
	for _, v := range eval[[]violation](p, `axe.run(document, {resultTypes: ["violations"], runOnly: `+string(rules)+`})
		.then(r => r.violations.map(v => ({ID: v.id, Help: v.help, Nodes: v.nodes.map(n => ({html: n.html, failureSummary: n.failureSummary}))})))`) {
		p.Errorf("%s: %s: %s", about, v.ID, v.Help)
		for _, n := range v.Nodes {
			p.Errorf("  %s\n  %s", n.HTML, n.FailureSummary)
		}
	}
}

func quote(s string) string {
	b, _ := json.Marshal(s) // a text always can be
	return string(b)
}
