//! Answers to requests that were not carried out: a status, and the problem as the command line prints it.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};

use crate::contract::types::{Problem, ProviderError};
use crate::marketplace::{Error, ErrorKind};
use crate::views;

/// Why a request was not carried out.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    problem: Problem,
}

impl Refusal {
    pub fn new(status: StatusCode, problem: Problem) -> Self {
        Self { status, problem }
    }

    /// What was sent cannot be understood.
    pub fn malformed(problem: Problem) -> Self {
        Self::new(StatusCode::BAD_REQUEST, problem)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::new(status(&error), error.problem())
    }
}

/// The status of an error. 400: it is not said which one. 404: it is not there. 422: what was sent is refused. 409: it does not fit what is there.
fn status(error: &Error) -> StatusCode {
    match (error.kind(), error) {
        (ErrorKind::Temporary, _) => StatusCode::SERVICE_UNAVAILABLE,
        (ErrorKind::Broken, _) => StatusCode::INTERNAL_SERVER_ERROR,
        (
            ErrorKind::Refused,
            Error::WorkspaceUnknown(_)
            | Error::ProviderUnknown(_)
            | Error::PaymentUnknown(_)
            | Error::AttentionUnknown(_)
            | Error::Provider(ProviderError::NotFound(_)),
        ) => StatusCode::NOT_FOUND,
        (
            ErrorKind::Refused,
            Error::Provider(_)
            | Error::HashDiffers
            | Error::PageOriginMalformed(_)
            | Error::RefundTooLarge(_)
            | Error::PositionUnknown(_)
            | Error::AttentionNotAcceptable(_),
        ) => StatusCode::UNPROCESSABLE_ENTITY,
        (ErrorKind::Refused, Error::ProviderNotChosen(_)) => StatusCode::BAD_REQUEST,
        (ErrorKind::Refused, _) => StatusCode::CONFLICT,
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(views::visible(views::problem(&self.problem)))).into_response()
    }
}
