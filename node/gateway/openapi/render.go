package openapi

import "strings"

// render makes the page.
func render(d *document) []byte {
	w, tags := &writer{}, tagsOf(d)
	w.put(markup(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>`), d.Info.Title, markup(`: what it answers</title>
<style>`+pageCSS+`</style>
</head>
<body>
<header>
<h1>`), d.Info.Title, markup(`</h1>
<p>Version `), d.Info.Version, markup(`. <a href="/openapi.json">The same as OpenAPI 3.1</a>, for programs.</p>
`)) // pageCSS is our own style, from this package
	for _, about := range strings.Split(d.Info.Description, "\n\n") {
		w.put(markup(`<p>`), about, markup("</p>\n"))
	}
	w.put(markup(`</header>
<nav aria-label="Groups"><ul>`))
	for _, t := range tags {
		w.put(markup(`<li><a href="#`), t.Name, markup(`">`), t.Name, markup(`</a></li>`))
	}
	w.put(markup("</ul></nav>\n<main>\n"))
	for _, t := range tags {
		w.tag(t)
	}
	w.put(markup("</main>\n</body>\n</html>\n"))
	return []byte(w.String())
}

func (w *writer) tag(t pageTag) {
	w.put(markup(`<section aria-labelledby="`), t.Name, markup(`">
<h2 id="`), t.Name, markup(`">`), t.Name, markup(`</h2>
<p>`), t.Description, markup("</p>\n"))
	for _, op := range t.Operations {
		w.operation(op)
	}
	w.put(markup("</section>\n"))
}

func (w *writer) operation(op pageOperation) {
	w.put(markup(`<details id="`), op.OperationID, markup(`">
<summary><span class="verb `), op.Verb, markup(`">`), op.Verb, markup(`</span> <code dir="ltr">`), op.Path, markup(`</code> <span class="what">`), op.Summary)
	if op.Deprecated {
		w.put(" (do not use it any more)")
	}
	w.put(markup("</span></summary>\n<p>"), op.Description, markup("</p>\n"))
	if len(op.Asks) > 0 {
		w.asks(op.Asks)
	}
	w.put(markup("<h3>For instance</h3>\n"))
	w.code(op.Curl)
	if op.Answer != "" {
		w.code(op.Answer)
	}
	w.put(markup(`<div class="wide"><table>
<caption>What it answers</caption>
<tbody>
`))
	for _, s := range op.Statuses {
		w.put(markup(`<tr><th scope="row">`), s.Status, markup(`</th><td>`), s.Text, markup("</td></tr>\n"))
	}
	w.put(markup("</tbody>\n</table></div>\n</details>\n"))
}

func (w *writer) code(text string) {
	w.put(markup(`<pre dir="ltr" tabindex="0"><code>`), text, markup("</code></pre>\n"))
}

func (w *writer) asks(list []pageParameter) {
	w.put(markup(`<div class="wide"><table>
<caption>What it takes</caption>
<thead><tr><th scope="col">Name</th><th scope="col">Where</th><th scope="col">What</th></tr></thead>
<tbody>
`))
	for _, p := range list {
		w.put(markup(`<tr><th scope="row"><code dir="ltr">`), p.Name, markup(`</code></th><td>`), p.In)
		if p.Must != "" {
			w.put(", ", p.Must)
		}
		w.put(markup(`</td><td><code dir="ltr">`), p.Type, markup(`</code> `), p.Description, markup("</td></tr>\n"))
	}
	w.put(markup("</tbody>\n</table></div>\n"))
}
