package api

// routes lists everything that this API answers. What the contract knows beyond it (write
// actions, attachments, passthrough, connect) is not part of this version: see routed.
func (s *server) routes(r *registrar) {
	for _, l := range lists {
		handleSpliced(r, operation{
			route: "GET /v1/ats/" + l.path, id: "list-" + l.path, tag: "ats", class: recruiting, summary: l.summary,
			doc: listDoc, params: l.params(), deprecated: l.deprecated,
		}, l.schema, s.list(l))
	}

	handle(r, operation{route: "GET /v1/check-api-key", id: "check-api-key", tag: "general", summary: "Check the API key"}, s.checkKey)
	handle(r, operation{
		route: "POST /v1/force-sync", id: "force-sync", tag: "syncs", summary: "Start a sync",
		doc: "If one of the type is queued or running already, that one is answered.",
	}, s.forceSync)
	handle(r, operation{route: "GET /v1/syncs/{sync_id}", id: "get-sync", tag: "syncs", summary: "Show a sync and its progress"}, s.getSync)
	handle(r, operation{
		route: "GET /v1/integrations/{integration_id}/syncs", id: "list-syncs", tag: "syncs", summary: "List syncs, newest first",
		params: pageParams(maxPageSize),
	}, s.listSyncs)

	handle(r, operation{
		route: "GET /v1/integrations/{integration_id}/requests", id: "list-requests", tag: "requests", summary: "List logged requests, newest first",
		doc:    "Calls of this API that are about the integration, and requests to its ATS. Bodies are shown one request at a time.",
		params: append(pageParams(maxPageSize), requestParams()...),
	}, s.listRequests)
	handle(r, operation{
		route: "GET /v1/requests/{request_id}", id: "get-request", tag: "requests", summary: "Show a logged request and what was asked of the ATS for it",
	}, s.getRequest)

	handle(r, operation{
		route: "GET /v1/integrations", id: "list-integrations", tag: "integrations", summary: "List integrations",
		params: pageParams(maxPageSize),
	}, s.listIntegrations)
	handle(r, operation{route: "GET /v1/integrations/{integration_id}", id: "get-integration", tag: "integrations", summary: "Show an integration and what it covers"}, s.getIntegration)
	handle(r, operation{
		route: "PUT /v1/integrations/{integration_id}/enabled", id: "set-integration-enabled", tag: "integrations", summary: "Switch an integration on or off",
		doc: "Off cancels its syncs and keeps its credentials and data.",
	}, s.setEnabled)
	handle(r, operation{route: "DELETE /v1/integrations/{integration_id}", id: "delete-integration", tag: "integrations", summary: "Delete an integration"}, s.deleteIntegration)

	handle(r, operation{
		route: "GET /v1/integrations/{integration_id}/integration-fields", id: "list-integration-fields", tag: "fields", summary: "List fields of the ATS",
		params: pageParams(maxFieldPageSize),
	}, s.listIntegrationFields)
	handle(r, operation{
		route: "PATCH /v1/integrations/{integration_id}/integration-fields/{integration_field_id}", id: "update-integration-field", tag: "fields",
		summary: "Pass a field of the ATS through, or stop it",
	}, s.updateIntegrationField)
	handle(r, operation{
		route: "GET /v1/integrations/{integration_id}/custom-fields", id: "list-custom-fields", tag: "fields", summary: "List custom fields and their mappings",
		params: pageParams(maxPageSize),
	}, s.listCustomFields)
	handle(r, operation{
		route: "PUT /v1/integrations/{integration_id}/custom-fields/{custom_field_id}", id: "map-custom-field", tag: "fields",
		summary: "Map a custom field to a field of the ATS",
	}, s.mapCustomField)

	handle(r, operation{route: "GET /v1/tools/{category}", id: "list-tools", tag: "general", summary: "List the tools of a category and what they cover"}, s.listTools)

	r.mux.HandleFunc("GET /openapi.json", s.openAPI)
	r.mux.HandleFunc("GET /v1/openapi.json", s.openAPI)
	r.mux.HandleFunc("GET /healthz", s.health)
	r.mux.HandleFunc("GET /readyz", s.ready)
	r.mux.HandleFunc("GET /assets/tools/{file}", s.asset)
	r.mux.HandleFunc("GET /logs/{request_id}", s.showLog)
	if s.Metrics != nil {
		r.mux.Handle("GET /metrics", s.Metrics)
	}
}

const listDoc = "Reads Kladka's own store; the ATS is not asked. Pages are in the order of change. " +
	"Conditions of different parameters must all hold; of the values of one, any may."
