package demo

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

//go:embed config/*.yaml
var files embed.FS

// Places are the addresses of the demo's services.
type Places struct {
	Shop, Warehouse, Deployer, Messengers string
}

// WriteConfig writes the demo's configuration and rules into a folder and returns the path
// of the configuration.
func WriteConfig(dir string, p Places) (string, error) {
	places := strings.NewReplacer("SHOP", p.Shop, "WAREHOUSE", p.Warehouse, "DEPLOYER", p.Deployer, "MESSENGERS", p.Messengers)
	for _, name := range []string{"guardian.yaml", "rules.yaml"} {
		b, err := files.ReadFile("config/" + name)
		if err != nil {
			return "", fmt.Errorf("demo: %w", err)
		}
		text := string(b)
		if name == "guardian.yaml" {
			text = places.Replace(text)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return "", fmt.Errorf("demo: %w", err)
		}
	}
	return filepath.Join(dir, "guardian.yaml"), nil
}
