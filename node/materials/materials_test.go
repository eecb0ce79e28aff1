package materials

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite what tests compare with")

// TestLicences compares the list with the licence files of the modules that are compiled in. A new module, or one that
// changed its licence, is a decision: take it, then run this with -update.
func TestLicences(t *testing.T) {
	want := map[string]string{"std": "BSD-3-Clause"}
	for path, dir := range compiledIn(t) {
		want[path] = licenceOf(t, path, dir)
	}
	if *update {
		var lines []string
		for path, l := range want {
			lines = append(lines, path+" "+l+"\n")
		}
		slices.Sort(lines)
		if err := os.WriteFile("licences.txt", []byte(strings.Join(lines, "")), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have := licences()
	for path, l := range want {
		if have[path] != l {
			t.Errorf("%s is under %s, and licences.txt says %q", path, l, have[path])
		}
	}
	for path := range have {
		if want[path] == "" {
			t.Errorf("%s is in licences.txt and not compiled in", path)
		}
	}
}

// compiledIn are the modules of the program for Linux and where their sources lie.
func compiledIn(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, arch := range []string{"amd64", "arm64"} {
		cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}", "../cmd/aielon-edge")
		cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			if path, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
				found[path] = dir
			}
		}
	}
	return found
}

// signs are words of a licence that no other of these has.
var signs = []struct {
	id    string
	words *regexp.Regexp
}{
	{"Apache-2.0", regexp.MustCompile(`Apache License,? Version 2\.0`)},
	{"MPL-2.0", regexp.MustCompile(`Mozilla Public License,? (Version|version) 2\.0`)},
	{"ISC", regexp.MustCompile(`Permission to use, copy, modify, and(/or)? distribute this software`)},
	{"MIT", regexp.MustCompile(`Permission is hereby granted, free of charge`)},
	{"BSD-3-Clause", regexp.MustCompile(`Redistribution and use in source and binary forms.*(Neither the name|names? of .* may (not )?be used)`)},
	{"BSD-2-Clause", regexp.MustCompile(`Redistribution and use in source and binary forms`)},
	{"EPL-2.0", regexp.MustCompile(`Eclipse Public License - v 2\.0`)},
	{"CC0-1.0", regexp.MustCompile(`CC0 1\.0 Universal`)},
	{"Unlicense", regexp.MustCompile(`This is free and unencumbered software`)},
}

// mixed are modules of which one file holds several licences; read them again where the file changes its first one.
var mixed = map[string]string{
	"github.com/eclipse/paho.mqtt.golang": "EPL-2.0 OR BSD-3-Clause",
	"github.com/klauspost/compress":       "Apache-2.0 AND BSD-3-Clause AND MIT",
}

// licenceOf reads the licence of a module from its own file, or from that of the folder above in the same repository.
func licenceOf(t *testing.T, path, dir string) string {
	t.Helper()
	var files []string
	for _, name := range []string{"LICEN[SC]E*", "[Ll]icen[sc]e*", "COPYING*"} {
		found, _ := filepath.Glob(filepath.Join(dir, name))
		files = append(files, found...)
	}
	if len(files) == 0 {
		t.Fatalf("%s has no licence file", path)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(b)), " ")
	for _, s := range signs {
		if s.words.MatchString(text) && strings.Contains(mixed[path], s.id) {
			return mixed[path]
		} else if s.words.MatchString(text) {
			return s.id
		}
	}
	t.Fatalf("the licence of %s is none that is known: %.100q", path, text)
	return ""
}

func TestLinked(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26.1", Deps: []*debug.Module{
		{Path: "example.org/a", Version: "v1.0.0"},
		{Path: "example.org/b", Version: "v1.0.0", Replace: &debug.Module{Path: "example.org/c", Version: "v2.0.0"}},
	}}
	got := linked(info, map[string]string{"std": "BSD-3-Clause", "example.org/b": "MIT"})
	want := []Material{{Go, "std", "1.26.1", "BSD-3-Clause"}, {Go, "example.org/a", "v1.0.0", ""}, {Go, "example.org/b", "v2.0.0", "MIT"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if here := Linked(); len(here) == 0 || here[0].Version != strings.TrimPrefix(runtime.Version(), "go") {
		t.Errorf("of this program: %v", here)
	}
}

func TestBill(t *testing.T) {
	list := []Material{{Go, "example.org/a", "v1.0.0+incompatible", "MIT"}, {Npm, "@scope/b", "2.0.0", "MIT OR Apache-2.0"}, {Npm, "c", "", ""}}
	made := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	b, err := Bill(Program{"v0.9.0", made}, list)
	if err != nil {
		t.Fatal(err)
	}
	var got bill
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	var urls []string
	for _, c := range got.Components {
		urls = append(urls, c.URL)
	}
	if want := []string{"pkg:golang/example.org/a@v1.0.0%2Bincompatible", "pkg:npm/%40scope/b@2.0.0", "pkg:npm/c"}; !slices.Equal(urls, want) || !slices.Equal(got.Dependencies[0].On, want) {
		t.Errorf("names are %q", urls)
	}
	if l := got.Components[0].Licences[0].Licence; l == nil || l.ID != "MIT" {
		t.Errorf("one licence: %+v", got.Components[0])
	}
	if l := got.Components[1].Licences[0]; l.Expression != "MIT OR Apache-2.0" || l.Licence != nil {
		t.Errorf("a choice of licences: %+v", l)
	}
	if got.Components[2].Licences != nil {
		t.Errorf("no licence: %+v", got.Components[2])
	}
	if got.Metadata.Timestamp != "2026-11-23T12:00:00Z" || got.Metadata.Component.URL != "pkg:golang/github.com/aielon/edge@v0.9.0" {
		t.Errorf("of itself: %+v", got.Metadata)
	}
	if ok, _ := regexp.MatchString(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, got.Serial); !ok {
		t.Errorf("the serial number is %s", got.Serial)
	}
}
