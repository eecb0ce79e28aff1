package node

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"

	"github.com/aielon/edge/node/api/nodev1"
	"github.com/aielon/edge/node/materials"
	"github.com/aielon/edge/node/portal"
)

// materials is everything this program is made of: what is compiled in, and what the web app was built of.
func madeOf() ([]materials.Material, error) {
	app, err := portal.Materials()
	return slices.Concat(materials.Linked(), app), err
}

func (n *Node) getAbout(context.Context, *nodev1.GetAboutRequest) (*nodev1.About, error) {
	list, err := madeOf()
	if err != nil {
		return nil, err
	}
	s := builtFrom()
	out := &nodev1.About{Version: n.version, Revision: s.revision, Changed: s.changed, Made: stamp(s.made), Toolchain: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Licence: "Apache-2.0", ProgramBytes: programBytes(), MemoryBytes: memoryBytes()}
	for _, m := range list {
		out.Materials = append(out.Materials, &nodev1.Material{Kind: m.Kind, Name: m.Name, Version: m.Version, Licence: m.Licence})
	}
	return out, nil
}

func (n *Node) getBillOfMaterials(_ context.Context, _ *nodev1.GetBillOfMaterialsRequest, send func(*httpbody.HttpBody) error) error {
	list, err := madeOf()
	if err != nil {
		return err
	}
	b, err := materials.Bill(materials.Program{Version: n.version, Made: builtFrom().made}, list)
	if err != nil {
		return err
	}
	return send(&httpbody.HttpBody{ContentType: "application/vnd.cyclonedx+json; version=1.6", Data: b})
}

// sources are what the program was built from, where the build wrote that down.
type sources struct {
	revision string
	changed  bool
	made     time.Time
}

func builtFrom() (s sources) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return s
	}
	for _, x := range info.Settings {
		switch x.Key {
		case "vcs.revision":
			s.revision = x.Value
		case "vcs.modified":
			s.changed = x.Value == "true"
		case "vcs.time":
			s.made, _ = time.Parse(time.RFC3339, x.Value) // of a commit: the build system wrote it
		}
	}
	return s
}

// programBytes is how large the running program is on disk; 0 where that cannot be seen.
func programBytes() int64 {
	path, err := os.Executable()
	if err != nil {
		return 0
	}
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return st.Size()
}

// memoryBytes is what the program holds in memory, as Linux tells it (proc(5), statm); 0 elsewhere.
func memoryBytes() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(b)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
