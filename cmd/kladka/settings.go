package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/kladka/kladka/internal/app"
)

// settings are what most commands share. Each is a flag and a variable; the flag wins.
type settings struct {
	DataDir              string  `group:"settings" placeholder:"FOLDER" setting:"KLADKA_DATA_DIR" help:"Folder of the database file and the key file; default: the user's data folder."`
	DatabaseURL          string  `group:"settings" placeholder:"URL" setting:"KLADKA_DATABASE_URL" help:"postgres://user:password@host/name or sqlite:PATH; default: SQLite in the data folder."`
	MasterKeyFile        string  `group:"settings" placeholder:"FILE" setting:"KLADKA_MASTER_KEY_FILE" help:"File with the key that encrypts credentials; default: master.key in the data folder. The variable KLADKA_MASTER_KEY holds the key itself."`
	PublicURL            string  `group:"settings" placeholder:"URL" setting:"KLADKA_PUBLIC_URL" help:"Address under which others reach this server; default: the listen address."`
	TraffitURL           string  `group:"settings" placeholder:"URL" setting:"KLADKA_TRAFFIT_URL" help:"Where tenants live; default: https://{tenant}.traffit.com. Another value points to a simulator or a proxy."`
	TraffitRPS           float64 `group:"settings" name:"traffit-rps" placeholder:"N" default:"5" setting:"KLADKA_TRAFFIT_RPS" help:"Requests per second to each tenant, over all processes; default: ${default}; 0 means no limit."`
	APIRPM               int     `group:"settings" name:"api-rpm" placeholder:"N" default:"6000" setting:"KLADKA_API_RPM" help:"API requests per key and minute; default: ${default}; 0 means no limit."`
	MaxFileMB            int     `group:"settings" name:"max-file-mb" placeholder:"N" default:"25" setting:"KLADKA_MAX_FILE_MB" help:"Megabytes that one attachment may have; default: ${default}."`
	RequestLogDays       int     `group:"settings" placeholder:"N" default:"30" setting:"KLADKA_REQUEST_LOG_DAYS" help:"Days for which requests are logged in the database; default: ${default}; 0 means no log."`
	OnlyCreated          bool    `group:"settings" negatable:"" setting:"KLADKA_ONLY_CREATED" help:"Let new integrations keep only applications that are created through the API; default: all."`
	InvalidAfter         period  `group:"settings" placeholder:"TIME" default:"72h" setting:"KLADKA_INVALID_AFTER" help:"How long credentials may be refused before an integration is not synced any more; default: ${default}; 0 means not at all."`
	DeleteAfter          period  `group:"settings" placeholder:"TIME" default:"14d" setting:"KLADKA_DELETE_AFTER" help:"How long the data of a removed integration are kept; default: ${default}; 0 means not at all."`
	AllowPrivateNetworks bool    `group:"settings" setting:"KLADKA_ALLOW_PRIVATE_NETWORKS" help:"Let webhook and data URLs reach private and loopback addresses."`
}

// period is a time such as 14d, 72h or 90m.
type period time.Duration

// UnmarshalText reads a period.
func (p *period) UnmarshalText(text []byte) error {
	const most = 3650 * 24 * time.Hour
	var d time.Duration
	days, isDays := strings.CutSuffix(string(text), "d")
	n, err := strconv.Atoi(days)
	switch {
	case (isDays || string(text) == "0") && err == nil && n >= 0 && n <= int(most.Hours()/24):
		d = time.Duration(n) * 24 * time.Hour
	default:
		if d, err = time.ParseDuration(string(text)); err != nil || d < 0 || d > most {
			return fmt.Errorf("%q is no time; it must look like 14d, 72h or 90m, and be at most %dd", text, int(most.Hours()/24))
		}
	}
	*p = period(d)
	return nil
}

// String gives the period for people.
func (p period) String() string {
	d := time.Duration(p)
	if day := 24 * time.Hour; d >= day && d%day == 0 {
		return fmt.Sprintf("%d days", d/day)
	}
	return d.String()
}

// orNone is the period as the application's configuration has it, where zero means the default.
func (p period) orNone() time.Duration {
	if p == 0 {
		return -1
	}
	return time.Duration(p)
}

// config makes the application's configuration.
func (t settings) config(s *surroundings) app.Config {
	key, _ := s.env("KLADKA_MASTER_KEY") // no flag: the list of processes would show it
	if t.MaxFileMB == 0 {
		t.MaxFileMB = -1 // zero would mean the default; it was asked for, and is no size
	}
	return app.Config{
		DataDir: t.DataDir, DatabaseURL: t.DatabaseURL,
		MasterKey: key, MasterKeyFile: t.MasterKeyFile,
		PublicURL: t.PublicURL, TraffitURL: t.TraffitURL, TraffitRPS: t.TraffitRPS,
		APIRPM: t.APIRPM, MaxFileMB: t.MaxFileMB, RequestLogDays: t.RequestLogDays, OnlyCreated: t.OnlyCreated, AllowPrivateNetworks: t.AllowPrivateNetworks,
		InvalidAfter: t.InvalidAfter.orNone(), DeleteAfter: t.DeleteAfter.orNone(),
		Env: s.env, Log: s.log, Version: version(),
	}
}

// open opens the application for a command.
func (t settings) open(s *surroundings) (*app.App, error) { return app.Open(s.ctx, t.config(s)) }

// settingsFrom gives flags without a value that of their variable. It stands in for kong's own
// handling of variables, which reads those of the process and nothing else.
func settingsFrom(env lookup) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		name := flag.Tag.Get("setting")
		if name == "" {
			return nil, nil
		}
		value, _ := env(name)
		if value == "" { // set to nothing means not set
			return nil, nil
		}
		if flag.IsBool() {
			switch strings.ToLower(value) {
			case "on":
				return "true", nil
			case "off":
				return "false", nil
			}
		}
		return value, nil
	})
}

// helpWithSetting appends the variable's name to a flag's help.
func helpWithSetting(value *kong.Value) string {
	name := value.Tag.Get("setting")
	if name == "" {
		return value.Help
	}
	return value.Help + " ($" + name + ")"
}
