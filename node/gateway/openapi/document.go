package openapi

import "encoding/json"

// document is an OpenAPI 3.1 document (spec.openapis.org/oas/v3.1.1), as far as the schemas of this project need
// it. Structs keep their order, and maps are written in the order of their keys: the bytes are always the same.
type document struct {
	OpenAPI    string                           `json:"openapi"`
	Info       info                             `json:"info"`
	Servers    []server                         `json:"servers"`
	Security   []map[string][]string            `json:"security"`
	Tags       []tag                            `json:"tags"`
	Paths      map[string]map[string]*operation `json:"paths"`
	Components components                       `json:"components"`
}

type info struct {
	Title       string            `json:"title"`
	Version     string            `json:"version"`
	Summary     string            `json:"summary"`
	Description string            `json:"description"`
	Contact     map[string]string `json:"contact"`
	License     map[string]string `json:"license"`
}

type server struct {
	URL         string `json:"url"`
	Description string `json:"description"`
}

type tag struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

type operation struct {
	OperationID string                `json:"operationId"`
	Tags        []string              `json:"tags"`
	Summary     string                `json:"summary"`
	Description string                `json:"description"`
	Deprecated  bool                  `json:"deprecated,omitempty"`
	Security    []map[string][]string `json:"security,omitzero"`
	Parameters  []parameter           `json:"parameters,omitempty"`
	Body        *body                 `json:"requestBody,omitempty"`
	Responses   map[string]response   `json:"responses"`
}

type parameter struct {
	Ref         string  `json:"$ref,omitempty"`
	Name        string  `json:"name,omitempty"`
	In          string  `json:"in,omitempty"`
	Description string  `json:"description,omitempty"`
	Required    bool    `json:"required,omitempty"`
	Deprecated  bool    `json:"deprecated,omitempty"`
	Schema      *schema `json:"schema,omitempty"`
	Example     any     `json:"example,omitempty"`
}

type body struct {
	Required bool             `json:"required,omitempty"`
	Content  map[string]media `json:"content"`
}

type media struct {
	Schema  *schema `json:"schema"`
	Example any     `json:"example,omitempty"`
}

type response struct {
	Ref         string            `json:"$ref,omitempty"`
	Description string            `json:"description,omitempty"`
	Headers     map[string]header `json:"headers,omitempty"`
	Content     map[string]media  `json:"content,omitempty"`
}

type header struct {
	Ref         string  `json:"$ref,omitempty"`
	Description string  `json:"description,omitempty"`
	Schema      *schema `json:"schema,omitempty"`
}

type components struct {
	Schemas         map[string]*schema        `json:"schemas"`
	Responses       map[string]response       `json:"responses"`
	Parameters      map[string]parameter      `json:"parameters"`
	Headers         map[string]header         `json:"headers"`
	SecuritySchemes map[string]securityScheme `json:"securitySchemes"`
}

type securityScheme struct {
	Type        string `json:"type"`
	Scheme      string `json:"scheme,omitempty"`
	In          string `json:"in,omitempty"`
	Name        string `json:"name,omitempty"`
	Description string `json:"description"`
}

// schema is a JSON Schema (draft 2020-12).
type schema struct {
	Ref              string      `json:"$ref,omitempty"`
	Type             string      `json:"type,omitempty"`
	Format           string      `json:"format,omitempty"`
	Description      string      `json:"description,omitempty"`
	Deprecated       bool        `json:"deprecated,omitempty"`
	WriteOnly        bool        `json:"writeOnly,omitempty"`
	Enum             []string    `json:"enum,omitempty"`
	Pattern          string      `json:"pattern,omitempty"`
	MinLength        uint32      `json:"minLength,omitempty"`
	MaxLength        uint32      `json:"maxLength,omitempty"`
	Minimum          *int64      `json:"minimum,omitempty"`
	Maximum          *int64      `json:"maximum,omitempty"`
	MaxItems         uint32      `json:"maxItems,omitempty"`
	MaxProperties    uint32      `json:"maxProperties,omitempty"`
	ContentEncoding  string      `json:"contentEncoding,omitempty"`
	ContentMediaType string      `json:"contentMediaType,omitempty"`
	Items            *schema     `json:"items,omitempty"`
	Properties       *properties `json:"properties,omitempty"`
	Required         []string    `json:"required,omitempty"`
	Additional       any         `json:"additionalProperties,omitempty"` // false, or the schema of a map's values
	OneOf            []*schema   `json:"oneOf,omitempty"`
	AllOf            []*schema   `json:"allOf,omitempty"`
	Not              *schema     `json:"not,omitempty"`
}

// properties are named schemas in the order of the fields.
type properties struct {
	names []string
	by    map[string]*schema
}

func (p *properties) add(name string, s *schema) {
	if p.by == nil {
		p.by = map[string]*schema{}
	}
	p.names, p.by[name] = append(p.names, name), s
}

// MarshalJSON implements json.Marshaler.
func (p *properties) MarshalJSON() ([]byte, error) {
	return ordered(p.names, func(name string) any { return p.by[name] })
}

// ordered is a JSON object whose members stand in the order of names.
func ordered(names []string, of func(name string) any) ([]byte, error) {
	out := []byte{'{'}
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(of(name))
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	return append(out, '}'), nil
}
