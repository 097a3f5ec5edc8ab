package connect_test

import (
	"os"
	"testing"

	"github.com/kladka/kladka/internal/pgtest"
)

func TestMain(m *testing.M) {
	if os.Getenv(crashAt) != "" {
		crash()
		return
	}
	os.Exit(pgtest.Main(m))
}
