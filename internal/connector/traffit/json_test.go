package traffit

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func encodedByLibrary(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func sameAsStandard(t *testing.T, text []byte) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var want any
	valid := json.Valid(text) && d.Decode(&want) == nil
	got, err := decode(text)
	if (err == nil) != valid {
		t.Fatalf("%q: error %v, but encoding/json finds it valid: %t", text, err, valid)
	}
	if !valid {
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%q (-want +got):\n%s", text, diff)
	}
	if want, got := encodedByLibrary(t, want), encode(got); !bytes.Equal(want, got) {
		t.Fatalf("%q is encoded as\n%s, by encoding/json as\n%s", text, got, want)
	}
}

// Decoding and encoding agree with encoding/json.
func TestJSON(t *testing.T) {
	for _, text := range []string{
		``, ` `, `null`, ` true `, `false`, `nul`, `truefalse`, `{}`, `[]`, `[ ]`, `{ }`, `[1,]`, `[,1]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `[1 2]`, `{"a":1 "b":2}`,
		`0`, `-0`, `01`, `-`, `1.`, `.5`, `1e`, `1e+`, `1E-7`, `-12.50e+3`, `12345678901234567890.10`, `+1`, `1 1`,
		`"zażółć"`, `"a\"b"`, `"a\\"`, `"\u0041\ud83d\ude00"`, `"\ud83d"`, `"\x"`, `"\u12"`, `"a`, `"\`, `"<b>&amp;</b>"`, "\"a\nb\"", "\"\u2028\"", "\"\x7f\"", "\"\xff\"", "\"\xe2\x80\"", `"\ufffd"`, "\"\xef\xbf\xbd\"",
		`{"b":1,"a":{"c":[1,"x",null,true,{"d":[]}]},"":0}`, `{"a":1,"a":2}`, `{"a":{"x":1},"a":{"y":1}}`, `{"\u0061":1}`, `{"<":">"}`, "{\"\xff\":1}", `[[[[]]]`, "[\x00]", "\ufeff{}",
	} {
		sameAsStandard(t, []byte(text))
	}
	sameAsStandard(t, bytes.Repeat([]byte("["), 20_000))
}

func TestRandomJSON(t *testing.T) {
	pieces := rapid.SliceOf(rapid.SampledFrom([]string{
		"{", "}", "[", "]", ",", ":", `"`, `"a"`, `"ż"`, `"\n"`, "\\", "0", "-1.5e3", "true", "null", " ", "\t", "\xff", "\u2028", `{"a":1}`, `[1,2]`, `"k":`,
	}))
	rapid.Check(t, func(r *rapid.T) {
		var b []byte
		for _, p := range pieces.Draw(r, "pieces") {
			b = append(b, p...)
		}
		sameAsStandard(t, b)
	})
}

func BenchmarkDecode(b *testing.B) {
	row := []byte(`{"id":1246,"name":"Katarzyna","lastname":"Wiśniewska","email":"k@poczta.example","mobile":"+48 600 100 200","owner":{"id":3,"name":"Jan"},"_stanowisko":["specjalista","kierownik"],"created_at":"2021-02-03 10:11:12","candidate_languages":[{"id":1,"level":"B2"}],"status":null,"is_closed":false}`)
	for b.Loop() {
		if _, err := decode(row); err != nil {
			b.Fatal(err)
		}
	}
}
