package openapi

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

//go:embed page.css
var pageCSS string

// pagePolicy lets the page show itself and its own style, and do nothing else.
func pagePolicy() string {
	sum := sha256.Sum256([]byte(pageCSS))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// pageTag is a group of operations as the page shows it.
type pageTag struct {
	Name, Description string
	Operations        []pageOperation
}

type pageOperation struct {
	*operation
	Verb, Path, Curl, Body, Answer string
	Asks                           []pageParameter
	Statuses                       []pageStatus
}

type pageParameter struct{ Name, In, Type, Description, Must string }

type pageStatus struct{ Status, Text string }

func tagsOf(d *document) (tags []pageTag) {
	for _, t := range d.Tags {
		p := pageTag{Name: t.Name, Description: t.Description}
		for path, ops := range d.Paths {
			for verb, op := range ops {
				if op.Tags[0] == t.Name {
					p.Operations = append(p.Operations, operationOf(d, strings.ToUpper(verb), path, op))
				}
			}
		}
		slices.SortFunc(p.Operations, func(a, b pageOperation) int {
			return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Verb, b.Verb))
		})
		tags = append(tags, p)
	}
	return tags
}

func operationOf(d *document, verb, path string, op *operation) pageOperation {
	out := pageOperation{operation: op, Verb: verb, Path: path, Curl: curl(verb, path, op)}
	for _, p := range op.Parameters {
		if name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/"); ok {
			p = d.Components.Parameters[name]
		}
		out.Asks = append(out.Asks, asked(p.Name, p.In, p.Description, p.Required, p.Schema))
	}
	if op.Body != nil {
		m := op.Body.Content["application/json"]
		out.Body = pretty(m.Example)
		out.Asks = append(out.Asks, members(d, m.Schema)...)
	}
	for _, m := range op.Responses["200"].Content {
		out.Answer = cmp.Or(pretty(m.Example), out.Answer)
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		r := op.Responses[status]
		if name, ok := strings.CutPrefix(r.Ref, "#/components/responses/"); ok {
			r = d.Components.Responses[name]
		}
		out.Statuses = append(out.Statuses, pageStatus{status, r.Description})
	}
	return out
}

// members are the fields of a body.
func members(d *document, s *schema) (list []pageParameter) {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		s = d.Components.Schemas[name]
	}
	if s == nil || s.Properties == nil {
		return nil
	}
	for _, name := range s.Properties.names {
		p := s.Properties.by[name]
		list = append(list, asked(name, "body", p.Description, slices.Contains(s.Required, name), p))
	}
	return list
}

func asked(name, in, text string, must bool, s *schema) pageParameter {
	p := pageParameter{Name: name, In: in, Description: text, Type: typeOf(s)}
	if must {
		p.Must = "required"
	}
	return p
}

// typeOf is a schema in a few words.
func typeOf(s *schema) string {
	switch {
	case s == nil:
		return ""
	case s.Ref != "":
		return s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
	case s.Type == "array":
		return "list of " + typeOf(s.Items)
	case len(s.Enum) > 0:
		return strings.Join(s.Enum, " | ")
	case s.Format != "":
		return s.Type + " (" + s.Format + ")"
	}
	return s.Type
}

func pretty(v any) string {
	if v == nil {
		return ""
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return ""
	}
	return string(b)
}

// curl is a command line that uses an operation as it stands; $NODE and $TOKEN are the reader's.
func curl(verb, path string, op *operation) string {
	var b strings.Builder
	b.WriteString("curl")
	if verb != "GET" {
		b.WriteString(" -X " + verb)
	}
	var query []string
	for _, p := range op.Parameters {
		v, _ := p.Example.(string)
		if p.In == "path" && v != "" {
			path = strings.ReplaceAll(path, "{"+p.Name+"}", v)
		} else if p.In == "query" && p.Required && v != "" {
			query = append(query, p.Name+"="+v)
		}
	}
	if len(query) > 0 {
		path += "?" + strings.Join(query, "&")
	}
	if op.Security == nil {
		b.WriteString(` -H "Authorization: Bearer $TOKEN"`)
	}
	if _, stream := op.Responses["200"].Content["application/x-ndjson"]; stream {
		b.WriteString(" -N -H 'Accept: application/x-ndjson'")
	}
	if op.Body != nil {
		one, _ := json.Marshal(op.Body.Content["application/json"].Example)
		b.WriteString(" -H 'Content-Type: application/json' -d '" + strings.ReplaceAll(string(one), "'", `'\''`) + "'")
	}
	b.WriteString(` "https://$NODE` + path + `"`)
	return b.String()
}
