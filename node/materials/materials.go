package materials

import (
	_ "embed"
	"runtime/debug"
	"strings"
)

// A Material is one thing the program is made of.
type Material struct {
	Kind    string `json:"kind,omitempty"` // "go" or "npm"
	Name    string `json:"name"`
	Version string `json:"version"`
	Licence string `json:"licence"` // an SPDX expression; empty where it is not known
}

// Kinds of materials.
const (
	Go  = "go"
	Npm = "npm"
)

//go:embed licences.txt
var licenceLines string

// Linked lists the Go modules that are compiled into the running program, by path, after the standard library. It is
// empty in a program that was built without its build information.
func Linked() []Material {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	return linked(info, licences())
}

func linked(info *debug.BuildInfo, by map[string]string) []Material {
	list := []Material{{Go, "std", strings.TrimPrefix(info.GoVersion, "go"), by["std"]}}
	for _, m := range info.Deps {
		name := m.Path // by which it is licensed, whatever stands in its place
		if m.Replace != nil {
			m = m.Replace
		}
		list = append(list, Material{Go, name, m.Version, by[name]})
	}
	return list
}

// licences are those of the modules that can be compiled in, by path.
func licences() map[string]string {
	by := map[string]string{}
	for line := range strings.Lines(licenceLines) {
		path, licence, _ := strings.Cut(strings.TrimSpace(line), " ")
		by[path] = licence
	}
	return by
}
