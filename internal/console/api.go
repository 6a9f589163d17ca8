package console

import "net/http"

const apiPath = "/api/"

func (c *Console) api(m *http.ServeMux) {}
