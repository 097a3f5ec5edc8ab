// Package sandbox simulates the HTTP API of TRAFFIT, a Polish applicant
// tracking system: OAuth tokens, the Integration API v2 with its writes, the
// public job feed, and the habits of real tenants that a client has to live with.
//
// The data is made up but whole. Rows are made on demand from the seed and
// the row's number, so that half a million candidates start in about a second
// and need no storage; memory holds integer index arrays and an overlay of
// what was changed, added or deleted. The same seed, sizes and day of the
// clock give the same data, byte for byte.
//
// Besides the vendor's API there are endpoints below /_sandbox/ which the
// vendor has not: the whole truth about the data, request counts, which writes
// took effect, switches that turn on faults, and changes made behind the API's
// back. The methods of [Tenant] do the same in process. GET /_sandbox/ lists the
// endpoints.
//
// The comments give the evidence of what is imitated: "seen" was observed on a
// real tenant, "documented" stands in the vendor's or somebody's documentation,
// "told by a client" follows from another client's code, and "guess" is ours, to
// be corrected when a real tenant shows otherwise.
package sandbox
