package store_test

import (
	"testing"

	"github.com/kladka/kladka/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
