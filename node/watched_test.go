package node

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestWatched: the dashboard and the alert rules ask for figures that there are.
func TestWatched(t *testing.T) {
	b := start(t, hubConfig(t))
	b.overSocket("GET", "/api/v1/status", "")
	if err := os.WriteFile(filepath.Join(b.cfg.DataDir, lastBackup), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	names, err := b.figures.Names()
	if err != nil {
		t.Fatal(err)
	}
	names = append(names, "aielon_attention", "aielon_webhook_resting_seconds") // there are none while all is well, and without webhooks; see TestWebhooksOverREST
	dashboard, err := os.ReadFile("../configs/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(dashboard, &d); err != nil || len(d.Panels) == 0 {
		t.Fatalf("%d panels, %v", len(d.Panels), err)
	}
	rules, err := os.ReadFile("../configs/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]string{"the rules": string(rules)}
	for _, p := range d.Panels {
		for _, x := range p.Targets {
			asked["the panel "+p.Title] += x.Expr + " "
		}
		if asked["the panel "+p.Title] == "" {
			t.Errorf("the panel %s shows nothing", p.Title)
		}
	}
	figure := regexp.MustCompile(`\b(?:aielon|process|go)_[a-z_]+\b`)
	for where, text := range asked {
		for _, name := range figure.FindAllString(text, -1) {
			if !slices.Contains(names, strings.TrimSuffix(name, "_bucket")) {
				t.Errorf("%s: there is no %s", where, name)
			}
		}
	}
}
