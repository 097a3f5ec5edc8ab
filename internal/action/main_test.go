package action_test

import (
	"os"
	"testing"

	"github.com/kladka/kladka/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
