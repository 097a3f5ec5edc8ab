package trail

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// read lets a body pass in pieces of a size.
func read(contentType, body string, piece int) (string, bool) {
	b := newBody(http.Header{"Content-Type": {contentType}}, true)
	for at := 0; at < len(body); at += piece {
		_, _ = b.Write([]byte(body[at:min(at+piece, len(body))]))
	}
	_, text, cut := b.result()
	if text == nil {
		return "", cut
	}
	return *text, cut
}

func TestBodies(t *testing.T) {
	long := strings.Repeat("QUJD", 100)
	key := "kladka_HS82biLxRfr0aaaaaaaaaaaaaaaaaaaaaaa"
	for name, c := range map[string]struct{ contentType, body, want string }{
		"as it is":          {"application/json", `{ "name": "Łucja \"x\"", "n": [1, null, true] }`, `{ "name": "Łucja \"x\"", "n": [1, null, true] }`},
		"secret":            {"application/json", `{"client_secret":"x","a":1}`, `{"client_secret":"REDACTED","a":1}`},
		"secret last":       {"application/json", `{"a":1,"access_token" : "x\"y"}`, `{"a":1,"access_token" :"REDACTED"}`},
		"secret number":     {"application/json", `[{"Password":12},{"b":2}]`, `[{"Password":"REDACTED"},{"b":2}]`},
		"secret object":     {"application/json", `{"o":{"tokens":{"a":[1,{"b":2}],"c":"d"},"e":3},"f":[4]}`, `{"o":{"tokens":"REDACTED","e":3},"f":[4]}`},
		"secret array":      {"application/json", `{"cookies":["a","b"],"c":1}`, `{"cookies":"REDACTED","c":1}`},
		"secret by escapes": {"application/json", `{"p\u0061ssword":"x"}`, `{"p\u0061ssword":"REDACTED"}`},
		"secret header":     {"application/json", `{"headers":{"Authorization":"Bearer x","X-Api-Key":"y"}}`, `{"headers":{"Authorization":"REDACTED","X-Api-Key":"REDACTED"}}`},
		"ordinary key":      {"application/json", `{"key":"score","code":"PLATFORM.X"}`, `{"key":"score","code":"PLATFORM.X"}`},
		"secret as a value": {"application/json", `{"name":"password","list":["token"]}`, `{"name":"password","list":["token"]}`},
		"file":              {"application/json", `{"name":"cv.pdf","data":"` + long + `","type":"CV"}`, `{"name":"cv.pdf","data":"(400 characters)","type":"CV"}`},
		"short data":        {"application/json", `{"data":"abc","x":{"data":{"name":"n"}}}`, `{"data":"abc","x":{"data":{"name":"n"}}}`},
		"file that breaks":  {"application/json", `{"data":"` + long, `{"data":"(400 characters)`},
		"broken":            {"application/json", `{"secret":"x","a`, `{"secret":"REDACTED","a`},
		"no JSON":           {"application/json", `<h1>Sorry</h1>`, `<h1>Sorry</h1>`},
		"bearer in a text":  {"application/json", `{"note":"use Bearer abcdefghijklmnopqrstuvwxyz.123"}`, `{"note":"use Bearer REDACTED"}`},
		"key of ours":       {"text/plain", "key " + key + ".", "key kladka REDACTED."},
		"signed address":    {"application/json", `{"data_url":"https://s3/x?X-Amz-Signature=abc&size=1"}`, `{"data_url":"https://s3/x?X-Amz-Signature=REDACTED&size=1"}`},
		"JSON by its look":  {"", ` [{"token":1}]`, ` [{"token":"REDACTED"}]`},
		"problem":           {"application/problem+json", `{"secret":1}`, `{"secret":"REDACTED"}`},
		"form":              {"application/x-www-form-urlencoded", "a=1&client%5Fsecret=x&b=2", "a=1&client%5Fsecret=REDACTED&b=2"},
		"page":              {"text/html; charset=utf-8", "<h1>Ł</h1>", "<h1>Ł</h1>"},
		"text by its look":  {"", "zażółć", "zażółć"},
		"file by its type":  {"application/pdf", "%PDF-1.7", "(8 bytes, application/pdf)"},
		"file by its look":  {"", "\x00\x01\x02", "(3 bytes, unknown type)"},
		"NUL and no UTF-8":  {"text/plain", "a\x00b\xffc", "a�b�c"},
		"form without mark": {"multipart/form-data", "x", "(1 bytes, multipart/form-data)"},
	} {
		for _, piece := range []int{1, 3, 7, 1 << 20} {
			if got, cut := read(c.contentType, c.body, piece); got != c.want || cut {
				if piece == 1 && c.contentType == "" { // what it is shows with the first bytes
					continue
				}
				t.Errorf("%s, in pieces of %d: cut %t\n got %s\nwant %s", name, piece, cut, got, c.want)
			}
		}
	}
}

func TestFilesAreNotKept(t *testing.T) {
	b := newBody(http.Header{"Content-Type": {"text/plain"}, "Content-Disposition": {`attachment; filename="cv.txt"`}}, true)
	_, _ = b.Write([]byte("Anna, born in"))
	if _, text, _ := b.result(); *text != "(13 bytes, text/plain)" {
		t.Error(*text)
	}
}

func TestPartsOfForms(t *testing.T) {
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	file, _ := m.CreateFormFile("file[file]", "Życiorys.pdf")
	_, _ = file.Write(append(bytes.Repeat([]byte("secret\r\n--"), 5000), "\r\n"...))
	_ = m.WriteField("file[isPublic]", "true")
	_ = m.WriteField("empty", "")
	_ = m.Close()
	want := "file[file], file \"Życiorys.pdf\", application/octet-stream: 50002 bytes\nfile[isPublic]: 4 bytes\nempty: 0 bytes\n"
	for _, piece := range []int{1, 2, 5, 4096, 1 << 20} {
		if got, cut := read(m.FormDataContentType(), form.String(), piece); got != want || cut {
			t.Errorf("in pieces of %d: cut %t\n%s", piece, cut, got)
		}
	}
	if got, _ := read(m.FormDataContentType(), form.String()[:1000], 100); !strings.Contains(got, "(broken off)") || strings.Contains(got, "secret") {
		t.Errorf("broken off: %s", got)
	}
	if got, cut := read(m.FormDataContentType(), strings.Repeat("--"+m.Boundary()+"\r\nA: "+strings.Repeat("x", 300)+"\r\n\r\nx\r\n", 9000), 1000); len(got) > maxBody || !cut {
		t.Errorf("%d bytes of a form with very many parts, cut %t", len(got), cut)
	}
}

func TestLongBodies(t *testing.T) {
	for name, body := range map[string]string{
		"array":         "[" + strings.Repeat("1,", maxBody) + "1]",
		"text":          `{"a":"` + strings.Repeat("ż", maxBody) + `"}`,
		"deep":          strings.Repeat("[", 10*maxBody),
		"deep, hidden":  `{"token":` + strings.Repeat("[", 10*maxBody),
		"keys":          "{" + strings.Repeat(`"`+strings.Repeat("k", 300)+`":1,`, 1000),
		"secret at cut": strings.Repeat(" ", maxBody-5) + `{"password":"hush"}`,
	} {
		got, cut := read("application/json", body, 4096)
		if len(got) > maxBody+2 || !cut || !utf8.ValidString(got) || strings.Contains(got, "hush") {
			t.Errorf("%s: %d bytes, cut %t", name, len(got), cut)
		}
	}
	// What is left out takes no room.
	file := `{"data":"` + strings.Repeat("A", 10<<20) + `","name":"cv.pdf"}`
	if got, cut := read("application/json", file, 32<<10); got != `{"data":"(10485760 characters)","name":"cv.pdf"}` || cut {
		t.Errorf("%.200s, cut %t", got, cut)
	}
}

func TestAddress(t *testing.T) {
	for raw, want := range map[string]string{
		"https://acme.traffit.com/api/x?page=2&size=100":                                         "https://acme.traffit.com/api/x?page=2&size=100",
		"/v1/ats/candidates?email=a%40b.pl&include_deleted=true&first_name=Anna&page_size=250&x": "/v1/ats/candidates?email=REDACTED&include_deleted=true&first_name=REDACTED&page_size=250&x",
		"/x?phone=48123456789&code=1&%zz=1":                                                      "/x?phone=REDACTED&code=REDACTED&%zz=REDACTED",
		"https://me:pw@h/p#frag":                                                                 "https://h/p",
		"/people/anna@b.pl/x":                                                                    "/people/REDACTED/x",
		"/people/anna%40b.pl":                                                                    "/people/REDACTED",
		"/v1/integrations/traffit:8d1hp/syncs/%2F":                                               "/v1/integrations/traffit:8d1hp/syncs/%2F",
		"/" + strings.Repeat("x", 5000):                                                          "/" + strings.Repeat("x", maxAddress-1) + "…",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := address(u, ""); got != want {
			t.Errorf("%s\n got %s\nwant %s", raw, got, want)
		}
	}
	u := &url.URL{Path: "/files/c2VjcmV0/cv.pdf"}
	if got := address(u, "GET /files/{token}/{name}"); got != "/files/REDACTED/cv.pdf" {
		t.Errorf("a secret in the path: %s", got)
	}
}

// FuzzBodies: whatever passes, what is kept is bounded, can be stored, and holds no secret.
func FuzzBodies(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":"c"}]}`, "--x\r\nContent-Disposition: form-data; name=a\r\n\r\nv\r\n--x--", "a=b&c=d", "\x00\xff", `{"data":"`, `{"\u0074oken":`} {
		for kind := range 4 {
			f.Add(uint8(kind), uint16(3), s)
		}
	}
	types := []string{"application/json", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", ""}
	f.Fuzz(func(t *testing.T, kind uint8, piece uint16, body string) {
		contentType := types[int(kind)%len(types)]
		got, _ := read(contentType, body, int(piece)+1)
		if len(got) > 3*maxBody || !utf8.ValidString(got) || strings.Contains(got, "\x00") {
			t.Errorf("%q becomes %q", body, got)
		}
		if contentType != types[0] {
			return
		}
		const secret = "hush-hush"
		if got, _ := read(contentType, fmt.Sprintf(`{"a":%q,"client_secret":"%s"}`, strings.ToValidUTF8(body, ""), secret), int(piece)+1); strings.Contains(got, secret) {
			t.Errorf("%q shows the secret: %s", body, got)
		}
	})
}
