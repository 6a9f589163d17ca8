package export

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The schemas' own files, cut to what is looked at here: testdata/README.md says
// where they come from.
const (
	ocsfSchema = "testdata/ocsf-1.8.0.schema.json"
	ecsSchema  = "testdata/ecs-9.4.0.fields.json"
)

func TestEventsFitTheirSchema(t *testing.T) {
	for _, f := range []Format{OCSF, ECS} {
		for name, e := range samples() {
			t.Run(string(f)+"/"+name, func(t *testing.T) { judge(t, f, events(t, f, e)) })
		}
	}
}

// TestTheSchemasFindFaults is the test of the test above.
func TestTheSchemasFindFaults(t *testing.T) {
	faults := map[string]struct {
		format Format
		fault  func(Fields)
	}{
		"an attribute that OCSF has not":       {OCSF, func(f Fields) { f["colour"] = "red" }},
		"no class":                             {OCSF, func(f Fields) { delete(f, "class_uid") }},
		"an activity that the class has not":   {OCSF, func(f Fields) { f["activity_id"] = 5 }},
		"another type":                         {OCSF, func(f Fields) { f["time"] = "now" }},
		"an attribute within, that is not one": {OCSF, func(f Fields) { f["api"].(Fields)["colour"] = "red" }},
		"what is required within":              {OCSF, func(f Fields) { delete(f["api"].(Fields), "operation") }},
		"one of several within":                {OCSF, func(f Fields) { f["src_endpoint"] = Fields{"port": 1} }},
		"a field that ECS has not":             {ECS, func(f Fields) { f["colour"] = "red" }},
		"a field within, that is not one":      {ECS, func(f Fields) { f["event"].(Fields)["colour"] = "red" }},
		"a category that ECS has not":          {ECS, func(f Fields) { f["event"].(Fields)["category"] = []string{"colour"} }},
		"a type that the category has not":     {ECS, func(f Fields) { f["event"].(Fields)["type"] = []string{"protocol"} }},
		"a text where ECS wants a list":        {ECS, func(f Fields) { f["event"].(Fields)["category"] = "api" }},
		"a text where ECS wants a number":      {ECS, func(f Fields) { f["event"].(Fields)["severity"] = "low" }},
	}
	for name, c := range faults {
		t.Run(name, func(t *testing.T) {
			made := events(t, c.format, samples()["decision-allow"])
			c.fault(made[0].Fields)
			if err := fits(t, c.format, made[0]); err == nil {
				t.Error("it fits")
			}
		})
	}
}

func judge(t *testing.T, f Format, made []Event) {
	t.Helper()
	if len(made) == 0 {
		t.Fatal("no event")
	}
	for _, e := range made {
		if err := fits(t, f, e); err != nil {
			t.Error(err)
		}
	}
}

func fits(t *testing.T, f Format, e Event) error {
	t.Helper()
	text, err := json.Marshal(e.Fields)
	if err != nil {
		return err
	}
	event, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	if f == ECS {
		return fitsECS(t, event.(map[string]any))
	}
	return fitsOCSF(t, event)
}

// ocsfClasses are the names by which the schema's file knows the classes.
var ocsfClasses = map[int]string{6003: "api_activity", 4002: "http_activity", 3002: "authentication", 3005: "user_access",
	3004: "entity_management", 6002: "application_lifecycle", 2004: "detection_finding", 0: "base_event"}

// compiler keeps what it has compiled.
var compiler *jsonschema.Compiler

func ocsfCompiler(t *testing.T) *jsonschema.Compiler {
	t.Helper()
	if compiler != nil {
		return compiler
	}
	var all map[string]any
	readJSON(t, ocsfSchema, &all)
	compiler = jsonschema.NewCompiler()
	for id, schema := range all {
		if err := compiler.AddResource(id, schema); err != nil {
			t.Fatal(err)
		}
	}
	return compiler
}

func fitsOCSF(t *testing.T, event any) error {
	t.Helper()
	class, _ := event.(map[string]any)["class_uid"].(json.Number)
	uid, err := class.Int64()
	if err != nil {
		return err
	}
	schema, err := ocsfCompiler(t).Compile("https://schema.ocsf.io/schema/1.8.0/classes/" + ocsfClasses[int(uid)] + "?profiles=security_control")
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(event)
}

// ecsField is what ECS says of a field.
type ecsField struct {
	Type    string              `json:"type"`
	Array   bool                `json:"array"`
	Allowed []string            `json:"allowed"`
	Types   map[string][]string `json:"types"` // of a category, the event types that are expected
}

func fitsECS(t *testing.T, event map[string]any) error {
	t.Helper()
	fields := map[string]ecsField{}
	readJSON(t, ecsSchema, &fields)
	delete(event, "cloakroom") // ours, as ECS lets a source have fields of its own
	if err := eachFits(fields, "", event); err != nil {
		return err
	}
	about := event["event"].(map[string]any)
	categories, _ := about["category"].([]any)
	types, _ := about["type"].([]any)
	for _, c := range categories {
		for _, is := range types {
			if !slices.Contains(fields["event.category"].Types[c.(string)], is.(string)) {
				return fmt.Errorf("category %v has no type %v", c, is)
			}
		}
	}
	return nil
}

func eachFits(fields map[string]ecsField, prefix string, event map[string]any) error {
	for name, v := range event {
		name = prefix + name
		if below, ok := v.(map[string]any); ok {
			if err := eachFits(fields, name+".", below); err != nil {
				return err
			}
			continue
		}
		f, known := fields[name]
		if !known {
			return fmt.Errorf("%s is no field", name)
		}
		if err := f.fits(v); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (f ecsField) fits(v any) error {
	items, list := v.([]any)
	if list != f.Array {
		return fmt.Errorf("a list: %v, want %v", list, f.Array)
	}
	if !list {
		items = []any{v}
	}
	for _, item := range items {
		_, number := item.(json.Number)
		text, _ := item.(string)
		if number != (f.Type == "long" || f.Type == "float") {
			return fmt.Errorf("%v is not of type %s", item, f.Type)
		}
		if len(f.Allowed) > 0 && !slices.Contains(f.Allowed, text) {
			return fmt.Errorf("%v is none of %v", item, f.Allowed)
		}
	}
	return nil
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatalf("reading %q: %v", path, err)
	}
}
