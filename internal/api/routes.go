package api

import "github.com/kladka/kladka/internal/action"

// routes lists everything that this API answers; what the contract knows beyond it: see routed.
func (s *server) routes(r *registrar) {
	s.recordRoutes(r)
	s.syncRoutes(r)
	s.integrationRoutes(r)
	s.scopeRoutes(r)
	s.connectRoutes(r)
	s.fieldRoutes(r)

	handle(r, operation{route: "GET /v1/tools/{category}", id: "list-tools", tag: "general", summary: "List the tools of a category and what they cover"}, s.listTools)

	r.operations["GET /files/{token}"] = operation{class: recruiting, live: true}
	r.mux.HandleFunc("GET /files/{token}", s.download)
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

// recordRoutes read and change what an ATS has.
func (s *server) recordRoutes(r *registrar) {
	for _, l := range lists {
		handleSpliced(r, operation{
			route: "GET /v1/ats/" + l.path, id: "list-" + l.path, tag: "ats", class: recruiting, summary: l.summary,
			doc: listDoc, params: l.params(), deprecated: l.deprecated,
		}, l.schema, s.list(l))
	}

	applicantFiles := []place{placeOf("attachments[].data"), placeOf("screening_question_answers[].answer.data")}
	attachmentFiles := []place{placeOf("attachment.data")}
	act := func(route, id, summary, doc string) operation {
		return operation{route: route, id: id, tag: "actions", class: recruiting, summary: summary, doc: doc + " " + actionDoc, live: true}
	}
	handleAction(r, act("POST /v1/ats/candidates", "create-candidate", "Create a candidate with an application", createDoc).taking(action.CreateCandidate, applicantFiles), s.createCandidate)
	handleAction(r, act("POST /v1/ats/jobs/{job_id}/applications", "create-application", "Create an application, and its candidate if new", createDoc).taking(action.CreateApplication, applicantFiles), s.createApplication)
	handleAction(r, act("POST /v1/ats/applications/{application_id}/attachments", "add-application-attachment", "Add a file to an application", attachDoc).taking(action.AddApplicationAttachment, attachmentFiles), s.addApplicationAttachment)
	handleAction(r, act("POST /v1/ats/candidates/{candidate_id}/attachments", "add-candidate-attachment", "Add a file to a candidate", attachDoc).taking(action.AddCandidateAttachment, attachmentFiles), s.addCandidateAttachment)
	handleAction(r, act("PUT /v1/ats/applications/{application_id}/stage", "move-application", "Put an application into another stage of its job",
		"One that is there already is a success."), s.moveApplication)
	handleAction(r, act("POST /v1/ats/applications/{application_id}/result-links", "add-application-result-link", "Leave a link to a result at an application", linkDoc), s.addApplicationLink)
	handleAction(r, act("POST /v1/ats/candidates/{candidate_id}/result-links", "add-candidate-result-link", "Leave a link to a result at a candidate", linkDoc), s.addCandidateLink)
	handleAction(r, act("POST /v1/ats/applications/{application_id}/notes", "add-application-note", "Add a note to an application",
		"Without an Idempotency-Key, the same content within ten minutes counts as a repeat."), s.addNote)
	handleAction(r, act("POST /v1/ats/applications/{application_id}/reject", "reject-application", "Reject an application",
		"One that is rejected already is a success, with a warning."), s.rejectApplication)
	handleAction(r, act("POST /v1/ats/candidates/{candidate_id}/tags", "add-candidate-tag", "Put a tag on a candidate",
		"A tag that is there already, in whatever case, is a success."), s.addTag)
	handleAction(r, act("DELETE /v1/ats/candidates/{candidate_id}/tags", "remove-candidate-tag", "Take a tag off a candidate",
		"A tag that is not there is a success."), s.removeTag)
	handleAction(r, operation{
		route: "POST /v1/ats/import-tracked-application", id: "import-tracked-application", tag: "actions", class: recruiting,
		summary: "Find an application that was tracked", doc: "No tool of this version can: the answer is INTEGRATION.ACTION_NOT_AVAILABLE.",
	}, s.importTracked)

	read := operation{tag: "ats", class: recruiting, doc: attachmentsDoc, live: true, relays: true}
	read.route, read.id, read.summary = "GET /v1/ats/applications/{application_id}/attachments", "list-application-attachments", "List the files of an application"
	handleAction(r, read, s.applicationAttachments)
	read.route, read.id, read.summary = "GET /v1/ats/candidates/{candidate_id}/attachments", "list-candidate-attachments", "List the files of a candidate"
	handleAction(r, read, s.candidateAttachments)
	handle(r, operation{route: "GET /v1/ats/actions/{action}", id: "get-action", tag: "actions", class: recruiting, summary: "Show which files an action takes"}, s.getAction)

	handleAction(r, operation{
		route: "POST /v1/passthrough/{tool}/{api}", id: "passthrough", tag: "general", summary: "Send a request of your own to the ATS",
		doc: "Credentials are added. Whatever the ATS answers is a success here, with its status in data. It is sent once, and " +
			"no Idempotency-Key counts: after an error it is for you to find out what became of it.",
		live: true, relays: true, files: []place{placeOf("multipart_form_data[].value.data")},
	}, s.passthrough)
}

// syncRoutes are about keys, syncs and the request log.
func (s *server) syncRoutes(r *registrar) {
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
}

// integrationRoutes show and change integrations.
func (s *server) integrationRoutes(r *registrar) {
	handle(r, operation{
		route: "GET /v1/integrations", id: "list-integrations", tag: "integrations", summary: "List integrations",
		params: pageParams(maxPageSize),
	}, s.listIntegrations)
	handle(r, operation{route: "GET /v1/integrations/{integration_id}", id: "get-integration", tag: "integrations", summary: "Show an integration and what it covers"}, s.getIntegration)
	handle(r, operation{
		route: "PUT /v1/integrations/{integration_id}/enabled", id: "set-integration-enabled", tag: "integrations", summary: "Switch an integration on or off",
		doc: "Off cancels its syncs and keeps its credentials and data.",
	}, s.setEnabled)
	handle(r, operation{
		route: "DELETE /v1/integrations/{integration_id}", id: "delete-integration", tag: "integrations", summary: "Delete an integration",
		doc:    "Its credentials are forgotten and its data hidden at once; the data are deleted after the time that the server keeps them.",
		params: deleteParams(),
	}, s.deleteIntegration)
	handle(r, operation{
		route: "PATCH /v1/integrations/{integration_id}/settings", id: "update-integration-settings", tag: "integrations", summary: "Change settings of an integration",
		doc: "What is left out, or null, stays as it is. The answer shows all of them.",
	}, s.updateSettings)
}

// scopeRoutes are about what is read and done.
func (s *server) scopeRoutes(r *registrar) {
	handle(r, operation{
		route: "GET /v1/scope-configs", id: "list-scope-configs", tag: "scopes", summary: "List scope configurations", params: pageParams(maxPageSize),
	}, s.listScopeConfigs)
	handle(r, operation{route: "POST /v1/scope-configs", id: "create-scope-config", tag: "scopes", summary: "Create a scope configuration", doc: unnamedDoc}, s.createScopeConfig)
	handle(r, operation{route: "GET /v1/scope-configs/{scope_config_id}", id: "get-scope-config", tag: "scopes", summary: "Show a scope configuration"}, s.getScopeConfig)
	handle(r, operation{
		route: "PUT /v1/scope-configs/{scope_config_id}", id: "update-scope-config", tag: "scopes", summary: "Replace a scope configuration",
		doc: unnamedDoc + " It counts for all integrations that have it. " + scopeDoc,
	}, s.updateScopeConfig)
	handle(r, operation{
		route: "PUT /v1/scope-configs/{scope_config_id}/default", id: "set-default-scope-config", tag: "scopes", summary: "Make a scope configuration that of new integrations",
	}, s.setDefaultScopeConfig)
	handle(r, operation{
		route: "PUT /v1/integrations/{integration_id}/scope-config", id: "set-integration-scope-config", tag: "scopes", summary: "Give an integration another scope configuration",
		doc: scopeDoc,
	}, s.setScopeConfig)
}

// connectRoutes are about links, and what comes of them.
func (s *server) connectRoutes(r *registrar) {
	handle(r, operation{
		route: "POST /v1/connect/create-link", id: "create-link", tag: "connect", summary: "Make a link by which a customer connects an account",
	}, s.createLink)
	handle(r, operation{
		route: "POST /v1/integrations/{integration_id}/relink", id: "create-relink", tag: "connect", summary: "Make a link by which a customer reconnects an account",
		doc: "IDs and data stay, and nothing changes before the customer has finished. Only the same account can be reconnected.",
	}, s.relink)
	handle(r, operation{
		route: "POST /v1/integrations/{integration_id}/setup-link", id: "create-setup-link", tag: "connect", summary: "Make a link by which a customer maps fields",
		doc: "There must be custom fields to map.",
	}, s.setupLink)
	exchanged := operation{tag: "connect", doc: "Works once; a repeat within a minute gets the same answer."}
	exchanged.route, exchanged.id, exchanged.summary = "GET /v1/connect/integration-by-token/{token}", "get-integration-by-token", "Exchange an activation token for the integration"
	handle(r, exchanged, s.integrationByToken)
	exchanged.route, exchanged.id, exchanged.deprecated = "POST /v1/connect/activate-integration", "activate-integration", true
	handle(r, exchanged, s.activateIntegration)
	handle(r, operation{
		route: "GET /v1/connect/links", id: "list-links", tag: "connect", summary: "List links, newest first",
		doc: "Their addresses are not shown: those are given out once.", params: pageParams(maxPageSize),
	}, s.listLinks)
	handle(r, operation{
		route: "DELETE /v1/connect/links/{link_id}", id: "revoke-link", tag: "connect", summary: "Make a link useless",
		doc: "One that was completed stays so, and its integration stays.",
	}, s.revokeLink)
}

// fieldRoutes are about the fields of an ATS and what becomes of them.
func (s *server) fieldRoutes(r *registrar) {
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

	handle(r, operation{
		route: "POST /v1/custom-fields", id: "create-custom-field", tag: "fields", summary: "Create a custom field",
		doc: "It is there for all integrations, and null until it is mapped.",
	}, s.createCustomField)
	handle(r, operation{route: "DELETE /v1/custom-fields/{custom_field_id}", id: "delete-custom-field", tag: "fields", summary: "Delete a custom field with its mappings"}, s.deleteCustomField)
	handle(r, operation{
		route: "GET /v1/integrations/{integration_id}/remappings", id: "list-remappings", tag: "fields", summary: "List the fields that can be remapped, and from what they take their value",
	}, s.listRemappings)
	handle(r, operation{
		route: "PUT /v1/integrations/{integration_id}/remappings", id: "set-remapping", tag: "fields", summary: "Let a field take its value from other fields of the ATS",
		doc: "The first source that has a value counts. Takes effect with the next sync, which becomes due.",
	}, s.setRemapping)
}

const actionDoc = "Changes the ATS at once and may take some minutes. It can be retried blindly, best with an Idempotency-Key."

const scopeDoc = "What is switched off is hidden at once and erased by the next sync, which becomes due; what is switched on is read by it."

const unnamedDoc = "What is not named is ENABLED, but for remote_data, which is DISABLED. OPTIONAL: the customer may decline it."

const createDoc = "Whoever has the e-mail address already gets the application, and nothing else about them changes. Files that are " +
	"refused, a stage that cannot be reached and inputs for which the ATS has no field become warnings."

const attachDoc = "Where files belong to candidates, those of an application are its candidate's. A file of the same name and content is not " +
	"added again."

const linkDoc = "The same link again changes nothing; another address or other attributes replace what was left under the label. " +
	"What has no place in the ATS becomes a warning."

const attachmentsDoc = "Asks the ATS. Where files belong to candidates, those of an application are its candidate's."

const listDoc = "Reads Kladka's own store; the ATS is not asked. Pages are in the order of change. " +
	"Conditions of different parameters must all hold; of the values of one, any may."
