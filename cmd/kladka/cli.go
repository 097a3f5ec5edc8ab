package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/kladka/kladka/internal/app"
)

// The exit codes of all commands. Scripts rely on them.
const (
	exitOK      = 0
	exitFailed  = 1 // something went wrong
	exitUsage   = 2 // wrong arguments or settings
	exitRun     = 3 // the sync ended without success
	exitPartial = 4 // the sync ended, but something could not be read
	exitDoctor  = 5 // the doctor found something wrong
)

const description = `A self-hosted unified ATS API for TRAFFIT: mirrors recruiting data and serves it over REST.

Start here:

  kladka demo                      everything at once, with a simulated TRAFFIT; nothing to set up
  kladka serve                     the server
  kladka keys create NAME          an API key for your application
  kladka links create              a link by which a customer connects TRAFFIT
  kladka integrations add traffit  the same without the customer, when you have the credentials

Every command explains itself with --help. Results go to standard output, everything else to standard error. Exit codes:
0 done, 1 failed, 2 wrong arguments or settings, 3 the sync did not succeed, 4 the sync succeeded in part, 5 the doctor
found something wrong.`

// cli is the command line as a whole.
type cli struct {
	Demo         demoCmd         `cmd:"" help:"Start a complete demo: simulator, server, first sync."`
	Serve        serveCmd        `cmd:"" help:"Run the server: API and workers."`
	Sandbox      sandboxCmd      `cmd:"" help:"Run the TRAFFIT simulator alone."`
	Keys         keysCmd         `cmd:"" help:"API keys of the applications that call Kladka."`
	Integrations integrationsCmd `cmd:"" help:"Connected TRAFFIT tenants."`
	Links        linksCmd        `cmd:"" help:"Links by which customers connect their TRAFFIT themselves."`
	Sync         syncCmd         `cmd:"" help:"Sync an integration now."`
	Scopes       scopesCmd       `cmd:"" help:"Scope configurations: what is read and done."`
	Fields       fieldsCmd       `cmd:"" help:"TRAFFIT's own fields: pass them through, or map them to keys of yours."`
	Deletions    deletionsCmd    `cmd:"" help:"Mass deletions that wait for your approval."`
	Actions      actionsCmd      `cmd:"" help:"The journal of write actions: what was done in TRAFFIT, and what became of it."`
	Requests     requestsCmd     `cmd:"" help:"The request log: calls of the API, and what was asked of TRAFFIT."`
	Doctor       doctorCmd       `cmd:"" help:"Check the configuration, the database and the integrations; say what to do."`
	ResetKey     resetKeyCmd     `cmd:"" help:"Start over with another master key when the old one is lost."`
	Version      versionCmd      `cmd:"" help:"Print the version."`

	LogFormat string `help:"Format of the log on standard error: ${enum}; default: ${default}." enum:"text,json" default:"text" placeholder:"FORMAT" setting:"KLADKA_LOG_FORMAT"`
	LogLevel  string `help:"Least level that is logged: ${enum}; default: ${default}." enum:"debug,info,warn,error" default:"info" placeholder:"LEVEL" setting:"KLADKA_LOG_LEVEL"`
}

// surroundings are what a command works with instead of the process's own: tests bring theirs.
type surroundings struct {
	ctx            context.Context
	env            lookup
	stdin          io.Reader
	stdout, stderr io.Writer
	log            *slog.Logger
}

// lookup reads an environment variable.
type lookup func(string) (string, bool)

// say writes a line of talk to standard error.
func (s *surroundings) say(format string, args ...any) { line(s.stderr, format, args...) }

// print writes a line of result to standard output.
func (s *surroundings) print(format string, args ...any) { line(s.stdout, format, args...) }

// line writes a line. A reader that has gone, such as a closed pipe, is no reason to stop working.
func line(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }

// exitError ends the command with a code of its own. A nil Err means that all was said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usageError is for arguments that parse but make no sense.
func usageError(format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// helpShown unwinds kong after --help: it would otherwise end the process.
type helpShown struct{ code int }

// run is the whole program: it parses the arguments, runs the command and gives the exit code.
func run(ctx context.Context, args []string, env lookup, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	s := &surroundings{ctx: ctx, env: env, stdin: stdin, stdout: stdout, stderr: stderr}
	defer func() {
		switch p := recover().(type) {
		case nil:
		case helpShown:
			code = p.code
		default:
			panic(p)
		}
	}()
	var c cli
	parser, err := kong.New(&c,
		kong.Name("kladka"), kong.Description(description),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(helpShown{code}) }),
		kong.Resolvers(settingsFrom(env)),
		kong.ConfigureHelp(kong.HelpOptions{NoExpandSubcommands: true, WrapUpperBound: 110}),
		kong.ValueFormatter(helpWithSetting),
		kong.ExplicitGroups([]kong.Group{{Key: "settings", Title: "Settings:"}}),
		kong.Bind(s))
	if err != nil {
		panic(err) // the structs above are wrong; every test would show it
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if err != nil {
		s.say("kladka: %s", err)
		s.say("Try: kladka %s--help", helpPath(err))
		return exitUsage
	}
	s.log = newLog(stderr, c.LogFormat, c.LogLevel)
	return s.exitCode(command.Run())
}

// exitCode says what went wrong, in one line, and gives the code for it.
func (s *surroundings) exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	code := exitFailed
	exit, isExit := errors.AsType[*exitError](err)
	if isExit {
		code = exit.code
		if exit.err == nil {
			return code
		}
	} else if _, ok := errors.AsType[*app.ConfigError](err); ok {
		code = exitUsage
	} else if s.ctx.Err() != nil && errors.Is(err, context.Canceled) {
		s.say("kladka: interrupted")
		return exitFailed
	}
	s.say("kladka: %s", oneLine(err.Error()))
	return code
}

// oneLine keeps a message of several lines, such as joined errors, on one.
func oneLine(message string) string {
	return strings.Join(strings.FieldsFunc(message, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// helpPath names the command at which parsing stopped, so that the hint leads to its help.
func helpPath(err error) string {
	parse, ok := errors.AsType[*kong.ParseError](err)
	if !ok || parse.Context == nil || parse.Context.Selected() == nil {
		return ""
	}
	return parse.Context.Selected().Path() + " "
}

func newLog(w io.Writer, format, level string) *slog.Logger {
	var least slog.Level
	_ = least.UnmarshalText([]byte(level)) // the parser admits only known levels
	options := &slog.HandlerOptions{Level: least}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// quietly is a log for commands that talk themselves: warnings and errors only.
func (s *surroundings) quietly() *slog.Logger {
	if s.log.Enabled(s.ctx, slog.LevelDebug) {
		return s.log // asked for in so many words
	}
	return slog.New(atLeast{s.log.Handler(), slog.LevelWarn})
}

type atLeast struct {
	slog.Handler
	level slog.Level
}

func (h atLeast) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.level && h.Handler.Enabled(ctx, level)
}
