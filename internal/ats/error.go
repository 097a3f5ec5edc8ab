package ats

import (
	"errors"
	"fmt"
)

// Code is one of the contract's error codes. Clients branch on it and on nothing else.
type Code string

// The 24 codes of the contract.
const (
	RateLimited        Code = "PLATFORM.RATE_LIMIT_EXCEEDED"
	ConcurrencyLimited Code = "PLATFORM.CONCURRENCY_LIMIT_EXCEEDED"
	NoIntegration      Code = "PLATFORM.INTEGRATION_NOT_FOUND"
	InputInvalid       Code = "PLATFORM.INPUT_INVALID"
	Unknown            Code = "PLATFORM.UNKNOWN_ERROR"
	AddressForbidden   Code = "PLATFORM.IP_NOT_WHITELISTED"
	Unauthenticated    Code = "PLATFORM.AUTHENTICATION_INVALID"
	TimedOut           Code = "PLATFORM.TASK_TIMED_OUT"

	PermissionMissing  Code = "INTEGRATION.PERMISSION_MISSING"
	CredentialsInvalid Code = "INTEGRATION.AUTHENTICATION_INVALID"
	QAFailed           Code = "INTEGRATION.QA_FAILED"
	SetupSyncPending   Code = "INTEGRATION.SETUP_SYNC_PENDING"
	SetupIncomplete    Code = "INTEGRATION.SETUP_INCOMPLETE"
	Inactive           Code = "INTEGRATION.INACTIVE"
	ModelNotAvailable  Code = "INTEGRATION.MODEL_NOT_AVAILABLE"
	ModelDisabled      Code = "INTEGRATION.MODEL_DISABLED"
	ActionNotAvailable Code = "INTEGRATION.ACTION_NOT_AVAILABLE"
	ActionDisabled     Code = "INTEGRATION.ACTION_DISABLED"
	RemoteUnavailable  Code = "REMOTE.SERVICE_UNAVAILABLE"
	RemoteRateLimited  Code = "REMOTE.RATE_LIMIT_EXCEEDED"
	RemoteInputInvalid Code = "REMOTE.INPUT_INVALID"
	RemoteError        Code = "REMOTE.UNKNOWN_HTTP_ERROR"
	JobClosed          Code = "ATS.JOB_CLOSED"
	ApplicationExists  Code = "ATS.APPLICATION_ALREADY_EXISTS"
)

// Error is an error that a client may see: a code, and a message that names what was
// wrong and what to do. Errors of any other type are internal; their text goes to the log only.
type Error struct {
	Code    Code
	Message string
	// Err is the cause for the log; it is never served.
	Err error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error. A %w in the format becomes its cause.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// CodeOf gives the code of an error: that of the first Error in its chain, else Unknown.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Unknown
}
