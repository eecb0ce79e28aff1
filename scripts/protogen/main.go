// Command protogen turns the .proto files of this repository into Go code and one descriptor set with
// comments, without protoc and without a network. Run it by `make generate`.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	_ "google.golang.org/genproto/googleapis/api/annotations" // google/api/*.proto, by their descriptors
	_ "google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

const (
	module = "github.com/aielon/edge"
	schema = "node/api/schema.binpb"
)

var ownComment = regexp.MustCompile(`(?m)^(// Package .*\n(?://.*\n)*)\npackage `)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "protogen:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	names, err := find()
	if err != nil {
		return err
	}
	c := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(protocompile.CompositeResolver{&protocompile.SourceResolver{ImportPaths: []string{"."}}, protocompile.ResolverFunc(linked)}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	files, err := c.Compile(ctx, names...)
	if err != nil {
		return err
	}
	set := &descriptorpb.FileDescriptorSet{}
	seen := map[string]bool{}
	for _, f := range files {
		collect(f, set, seen)
	}
	if err := generate(ctx, names, set); err != nil {
		return err
	}
	return writeSchema(names, set)
}

// find lists the repository's own .proto files, in a fixed order.
func find() (names []string, err error) {
	for _, root := range []string{"node", "services"} {
		err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case d.Name() == "node_modules" || d.Name() == "testdata":
				return fs.SkipDir
			case strings.HasSuffix(path, ".proto"):
				names = append(names, filepath.ToSlash(path))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	return names, nil
}

// linked finds files that this program carries as descriptors.
func linked(path string) (protocompile.SearchResult, error) {
	fd, err := protoregistry.GlobalFiles.FindFileByPath(path)
	if err != nil {
		return protocompile.SearchResult{}, err
	}
	return protocompile.SearchResult{Desc: fd}, nil
}

// collect adds f after everything it imports.
func collect(f protoreflect.FileDescriptor, set *descriptorpb.FileDescriptorSet, seen map[string]bool) {
	if seen[f.Path()] {
		return
	}
	seen[f.Path()] = true
	for i := range f.Imports().Len() {
		collect(f.Imports().Get(i).FileDescriptor, set, seen)
	}
	set.File = append(set.File, protodesc.ToFileDescriptorProto(f))
}

// generate runs protoc-gen-go as protoc would.
func generate(ctx context.Context, names []string, set *descriptorpb.FileDescriptorSet) error {
	param := "module=" + module
	in, err := proto.Marshal(&pluginpb.CodeGeneratorRequest{FileToGenerate: names, Parameter: &param, ProtoFile: set.File})
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "tool", "protoc-gen-go")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("protoc-gen-go: %w", err)
	}
	var answer pluginpb.CodeGeneratorResponse
	if err := proto.Unmarshal(out, &answer); err != nil {
		return err
	}
	if answer.Error != nil {
		return errors.New(*answer.Error)
	}
	for _, f := range answer.File {
		// The comment of the package statement is the package's, which go doc wants right above it.
		code := ownComment.ReplaceAllString(f.GetContent(), "${1}package ")
		if err := os.WriteFile(f.GetName(), []byte(code), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// writeSchema keeps our own files with their comments, which the descriptors in generated code lack.
func writeSchema(names []string, set *descriptorpb.FileDescriptorSet) error {
	own := &descriptorpb.FileDescriptorSet{}
	for _, f := range set.File {
		if !slices.Contains(names, f.GetName()) {
			continue
		}
		info := f.GetSourceCodeInfo()
		info.Location = slices.DeleteFunc(info.GetLocation(), func(l *descriptorpb.SourceCodeInfo_Location) bool { return l.LeadingComments == nil })
		for _, l := range info.Location {
			l.Span, l.TrailingComments, l.LeadingDetachedComments = []int32{0, 0, 0}, nil, nil
		}
		own.File = append(own.File, f)
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(own)
	if err != nil {
		return err
	}
	return os.WriteFile(schema, b, 0o644)
}
