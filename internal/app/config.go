package app

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/kladka/kladka/internal/action"
	"github.com/kladka/kladka/internal/store"
)

// Config is what the application is started with. Zero values mean the defaults; every field
// but the last six has a variable, which is named in messages about it.
type Config struct {
	DataDir              string  // KLADKA_DATA_DIR
	DatabaseURL          string  // KLADKA_DATABASE_URL
	MasterKey            string  // KLADKA_MASTER_KEY
	MasterKeyFile        string  // KLADKA_MASTER_KEY_FILE
	PublicURL            string  // KLADKA_PUBLIC_URL
	TraffitURL           string  // KLADKA_TRAFFIT_URL
	TraffitRPS           float64 // KLADKA_TRAFFIT_RPS; 0 means no limit
	APIRPM               int     // KLADKA_API_RPM; 0 means no limit
	AllowPrivateNetworks bool    // KLADKA_ALLOW_PRIVATE_NETWORKS
	MaxFileMB            int     // KLADKA_MAX_FILE_MB
	RequestLogDays       int     // KLADKA_REQUEST_LOG_DAYS; 0 means no log
	OnlyCreated          bool    // KLADKA_ONLY_CREATED: new integrations keep what was created through the API alone
	// InvalidAfter is how long credentials may be refused before an integration is INVALID; DeleteAfter
	// how long the data of a removed one are kept. Negative: not at all.
	InvalidAfter time.Duration // KLADKA_INVALID_AFTER
	DeleteAfter  time.Duration // KLADKA_DELETE_AFTER

	Version string
	// Env reads the environment, for the user's folders; nil is the process's own.
	Env func(string) (string, bool)
	Log *slog.Logger
	Now func() time.Time
	// Point is called at named points of syncs and actions. Tests end the process there.
	Point func(string)
	// Patience is how long actions wait for what; tests have less of it.
	Patience action.Timing
}

// The megabytes that one file may have: unless told otherwise, and at most.
const (
	DefaultMaxFileMB = 25
	maxFileMB        = 1000
)

// ConfigError is a setting that cannot be worked with.
type ConfigError struct {
	Setting string // the variable
	Message string // what is wrong with it and what to do
	Err     error
}

func (e *ConfigError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Setting, e.Message, e.Err)
	}
	return e.Setting + ": " + e.Message
}

// Unwrap gives the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

func badSetting(name, format string, args ...any) error {
	return &ConfigError{Setting: name, Message: fmt.Sprintf(format, args...)}
}

// WithDefaults fills in what was left open and judges the rest.
func (c Config) WithDefaults() (Config, error) {
	if c.Env == nil {
		c.Env = os.LookupEnv
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.MaxFileMB == 0 {
		c.MaxFileMB = DefaultMaxFileMB
	}
	if c.InvalidAfter == 0 {
		c.InvalidAfter = store.InvalidAfter
	}
	if c.DeleteAfter == 0 {
		c.DeleteAfter = DefaultDeleteAfter
	}
	if c.DataDir == "" {
		dir, err := userDataDir(c.Env)
		if err != nil && c.DatabaseURL == "" {
			return c, err // with another database only the key file might be looked for there
		}
		c.DataDir = dir
	}
	if c.DatabaseURL == "" {
		c.DatabaseURL = "sqlite:" + filepath.Join(c.DataDir, "kladka.db")
	}
	return c, c.validate()
}

// How many days requests are logged for unless told otherwise, and at most.
const (
	DefaultRequestLogDays = 30
	maxLogDays            = 3650
)

// DefaultDeleteAfter is how long the data of a removed integration are kept unless told otherwise; maxPeriod
// bounds it, and how long refused credentials are borne.
const (
	DefaultDeleteAfter = 14 * 24 * time.Hour
	maxPeriod          = 3650 * 24 * time.Hour
)

func (c Config) validate() error {
	switch {
	case !strings.HasPrefix(c.DatabaseURL, "sqlite:") && !strings.HasPrefix(c.DatabaseURL, "postgres://") && !strings.HasPrefix(c.DatabaseURL, "postgresql://"):
		return badSetting("KLADKA_DATABASE_URL", "it must look like postgres://user:password@host:5432/name or sqlite:/path/to/file")
	case c.DatabaseURL == "sqlite:":
		return badSetting("KLADKA_DATABASE_URL", "it names no file; write sqlite:/path/to/file")
	case c.MasterKey != "" && c.MasterKeyFile != "":
		return badSetting("KLADKA_MASTER_KEY", "KLADKA_MASTER_KEY_FILE is set too; keep one of them")
	case math.IsNaN(c.TraffitRPS) || math.IsInf(c.TraffitRPS, 0) || c.TraffitRPS < 0:
		return badSetting("KLADKA_TRAFFIT_RPS", "%v is no number of requests per second; give one from 0 (no limit)", c.TraffitRPS)
	case c.MaxFileMB < 1 || c.MaxFileMB > maxFileMB:
		return badSetting("KLADKA_MAX_FILE_MB", "it must be a number of megabytes from 1 to %d", maxFileMB)
	case c.APIRPM < 0:
		return badSetting("KLADKA_API_RPM", "%d is no number of requests per minute; give one from 0 (no limit)", c.APIRPM)
	case c.RequestLogDays < 0 || c.RequestLogDays > maxLogDays:
		return badSetting("KLADKA_REQUEST_LOG_DAYS", "%d is no number of days; give one from 0 (no log) to %d", c.RequestLogDays, maxLogDays)
	case c.InvalidAfter > maxPeriod:
		return badSetting("KLADKA_INVALID_AFTER", "it is too long; give at most %dd", int(maxPeriod.Hours()/24))
	case c.DeleteAfter > maxPeriod:
		return badSetting("KLADKA_DELETE_AFTER", "it is too long; give at most %dd", int(maxPeriod.Hours()/24))
	}
	if err := validURL("KLADKA_PUBLIC_URL", c.PublicURL, "https://kladka.example.com"); err != nil {
		return err
	}
	return validURL("KLADKA_TRAFFIT_URL", strings.ReplaceAll(c.TraffitURL, "{tenant}", "tenant"), "https://{tenant}.traffit.com")
}

func validURL(setting, value, example string) error {
	if value == "" {
		return nil
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return badSetting(setting, "%q is no address; it must look like %s", value, example)
	}
	return nil
}

// Fresh reports whether the database is a file that does not exist yet.
func (c Config) Fresh() bool {
	path, file := strings.CutPrefix(c.DatabaseURL, "sqlite:")
	if !file {
		return false
	}
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}

// userDataDir is where programs of a user keep their data.
func userDataDir(env func(string) (string, bool)) (string, error) {
	if dir, _ := env("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "kladka"), nil
	}
	if runtime.GOOS == "windows" {
		if dir, _ := env("LocalAppData"); dir != "" {
			return filepath.Join(dir, "kladka"), nil
		}
	}
	home, _ := env("HOME")
	switch {
	case home == "":
		return "", badSetting("KLADKA_DATA_DIR", "there is no home folder to put data into; set it to a folder that lasts")
	case runtime.GOOS == "darwin":
		return filepath.Join(home, "Library", "Application Support", "kladka"), nil
	default:
		return filepath.Join(home, ".local", "share", "kladka"), nil
	}
}

// DefaultAddr is where the server listens unless told otherwise.
const DefaultAddr = "127.0.0.1:8080"

// CheckAddr judges a listen address.
func CheckAddr(addr string) error {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return badSetting("KLADKA_ADDR", "%q is no address to listen on; it must look like %s or :8080", addr, DefaultAddr)
	}
	return nil
}

// urlOf is how a listen address is reached from the same machine.
func urlOf(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return "http://" + addr.String()
	}
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, fmt.Sprint(tcp.Port))
}
