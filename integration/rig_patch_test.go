package integration

// node is an object of a bootstrap.
type node = map[string]any

func asPrinted(node) {}

// at walks down objects and lists: at(b, "static_resources", "listeners", 0).
func at(v any, steps ...any) any {
	for _, step := range steps {
		switch s := step.(type) {
		case string:
			v = v.(node)[s]
		case int:
			v = v.([]any)[s]
		}
	}
	return v
}

// manager is the connection manager of the agents' listener.
func manager(bootstrap node) node {
	return at(bootstrap, "static_resources", "listeners", 0, "filter_chains", 0, "filters", 0, "typed_config").(node)
}

// filters lists the HTTP filters; filter is the typed configuration of one.
func filters(bootstrap node) []any { return manager(bootstrap)["http_filters"].([]any) }

func filter(bootstrap node, name string) node {
	for _, f := range filters(bootstrap) {
		if f.(node)["name"] == name {
			return f.(node)["typed_config"].(node)
		}
	}
	panic("no filter " + name)
}

// without takes a filter out of the chain.
func without(bootstrap node, name string) {
	var kept []any
	for _, f := range filters(bootstrap) {
		if f.(node)["name"] != name {
			kept = append(kept, f)
		}
	}
	manager(bootstrap)["http_filters"] = kept
}

// before puts a filter in front of another.
func before(bootstrap node, name string, added node) {
	var all []any
	for _, f := range filters(bootstrap) {
		if f.(node)["name"] == name {
			all = append(all, added)
		}
		all = append(all, f)
	}
	manager(bootstrap)["http_filters"] = all
}

// routes are those of every virtual host, in order.
func routes(bootstrap node) []node {
	var all []node
	for _, h := range at(manager(bootstrap), "route_config", "virtual_hosts").([]any) {
		for _, r := range h.(node)["routes"].([]any) {
			all = append(all, r.(node))
		}
	}
	return all
}

// route is the upstream's route with a name.
func route(bootstrap node, name string) node {
	for _, r := range routes(bootstrap) {
		if r["name"] == name {
			return r
		}
	}
	panic("no route " + name)
}

// modes are the processing modes of ext_proc: the filter's, and those of routes
// that have one of their own.
func modes(bootstrap node) []node {
	all := []node{filter(bootstrap, procFilter)["processing_mode"].(node)}
	for _, r := range routes(bootstrap) {
		configs, _ := r["typed_per_filter_config"].(node)
		if own, ok := configs[procFilter].(node); ok && own["overrides"] != nil {
			all = append(all, at(own, "overrides", "processing_mode").(node))
		}
	}
	return all
}
