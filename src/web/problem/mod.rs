//! The API's errors: RFC 9457 documents with a `code` (table `A`).

mod changes;
mod set_up_call;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;

use super::refusal_log::RefusalReason;
use super::schema::RejectionSchema;
use crate::auth::AuthError;
use crate::db::DbError;
use crate::hashing::HashError;
use domain::phone_number::{self, PhoneNumber};
use domain::rules;
pub(super) use set_up_call::SetUpCall;
use set_up_call::{OTHER_UNIT, keys};

/// Seconds until it is worth trying again.
const RETRY_AFTER_S: u64 = 5;

/// The kind of a problem, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Not JSON, a field missing or of the wrong type, too large a body.
    Malformed,
    /// Another site's page made the request.
    CrossSite,
    /// Every refusal of `W2`.
    InvalidCredentials,
    /// No token, or one of no live session.
    NoSession,
    /// The session may only change its password or log out (`C6`).
    PasswordChangeRequired,
    /// The login's role does not allow it (`U2`).
    NotAllowed,
    /// The contract has changed since the client last saw it (`W6`).
    ChangedElsewhere,
    /// A required password cannot be given; `numbers` says whose (`U3`).
    CredentialVoid,
    /// A required password was not given; `numbers` says whose (`U`).
    PasswordsMissing,
    /// A new password breaks the rules; `reasons` says which (`C5`).
    PasswordRejected,
    /// A current password is wrong, and counted; `number` says whose (`C5`, `U`).
    WrongPassword,
    /// Too many attempts from one address.
    TooManyRequests,
    /// Too many headers, or too large ones.
    HeadTooLarge,
    /// Overload; nothing was counted.
    Busy,
    /// The database is out of reach.
    Unavailable,
    /// No such path.
    NotFound,
    /// No such method on this path.
    MethodNotAllowed,
    /// A fault of the service.
    Internal,
}

/// A telephone number in national digits, without hyphens.
#[derive(ToSchema)]
#[schema(as = TelephoneNumber, pattern = "^0[0-9]{9,10}$", example = "0612345678")]
#[expect(dead_code, reason = "names the form of a number for the description of the API")]
pub(super) struct NumberSchema(String);

/// A problem document (RFC 9457 §3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`; the `code` says what went wrong.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The kind of the problem.
    pub(super) code: Code,
    /// What the subscriber can do, in Japanese.
    #[schema(value_type = String)]
    detail: Box<str>,
    /// With `password_rejected`: every reason.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<RejectionSchema>, required = false)]
    reasons: Box<[&'static str]>,
    /// With `wrong_password`: the number that the password was for, the first if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = NumberSchema, required = false)]
    number: Option<Box<str>>,
    /// With `wrong_password`, `passwords_missing` and `credential_void`: every number concerned.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<NumberSchema>, required = false)]
    numbers: Box<[Box<str>]>,
    #[serde(skip)]
    pub(super) retry_after_s: Option<u64>,
    #[serde(skip)]
    pub(super) is_outcome_unknown: bool,
    /// The answer to a commit was lost, by which a wrong password may have been counted.
    #[serde(skip)]
    pub(super) may_have_counted: bool,
    #[serde(skip)]
    pub(super) refusal: Option<RefusalReason>,
}

impl Problem {
    fn new(status: StatusCode, code: Code, detail: impl Into<Box<str>>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            reasons: Box::default(),
            number: None,
            numbers: Box::default(),
            retry_after_s: None,
            is_outcome_unknown: false,
            may_have_counted: false,
            refusal: None,
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or_default()
    }

    /// Marks it as a refusal, which is counted.
    fn refused(self, reason: RefusalReason) -> Self {
        Self { refusal: Some(reason), ..self }
    }

    fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }

    /// 400: the request is malformed; `detail` says how, without quoting it.
    pub(in crate::web) fn malformed(detail: impl Into<Box<str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::Malformed, detail)
    }

    /// 400: what was sent as a telephone number is none (`W13`); nothing was looked up or counted.
    pub(in crate::web) fn not_a_number() -> Self {
        let (min, max) = (phone_number::DIGITS.start(), phone_number::DIGITS.end());
        Self::malformed(format!(
            "電話番号は、市外局番からの{min}桁または{max}桁でなければなりません。"
        ))
    }

    /// 400: the body is not declared as JSON.
    pub(in crate::web) fn not_json() -> Self {
        let detail = "Content-Typeはapplication/jsonでなければなりません。";
        Self::malformed(detail).refused(RefusalReason::NotJson)
    }

    /// 403: another site's page made the request.
    pub(in crate::web) fn cross_site() -> Self {
        let detail = "ほかのサイトからの要求は受け付けません。";
        Self::new(StatusCode::FORBIDDEN, Code::CrossSite, detail).refused(RefusalReason::CrossSite)
    }

    /// 413: the body is larger than `max_bytes`.
    pub(in crate::web) fn too_large(max_bytes: usize) -> Self {
        let detail = format!("本文は{max_bytes}バイトまでです。");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, Code::Malformed, detail)
    }

    /// 431: the head is larger than 16 KiB, or has more than 64 headers.
    pub(in crate::web) fn head_too_large() -> Self {
        let detail = "リクエストのヘッダーが大きすぎるか、多すぎます。";
        Self::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, Code::HeadTooLarge, detail)
    }

    /// 401: every refusal of `W2`; `refusal` is [`login_refusal`].
    pub(in crate::web) fn invalid_credentials(refusal: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, Code::InvalidCredentials, refusal)
    }

    /// 401: no token, or one of no live session.
    pub(in crate::web) fn no_session() -> Self {
        let detail = "ログインしていないか、ログアウトしています。もう一度ログインしてください。";
        Self::new(StatusCode::UNAUTHORIZED, Code::NoSession, detail)
            .refused(RefusalReason::NoSession)
    }

    /// 403: the session may only change its password or log out (`C6`).
    pub(in crate::web) fn password_change_required() -> Self {
        let detail = "パスワードを変更してください。変更するまで、ほかの操作はできません。";
        Self::new(StatusCode::FORBIDDEN, Code::PasswordChangeRequired, detail)
            .refused(RefusalReason::PasswordChangeRequired)
    }

    /// 429: too many attempts from one address.
    pub(in crate::web) fn too_many_requests(retry_after_s: u64) -> Self {
        let detail = "短い時間に何度も操作されたため、受付を一時停止しています。しばらくお待ちいただいてから、\
                      もう一度お試しください。パスワードの間違いには数えていません。";
        Self::new(StatusCode::TOO_MANY_REQUESTS, Code::TooManyRequests, detail)
            .retry_after(retry_after_s)
    }

    /// 503: overload.
    pub(in crate::web) fn busy() -> Self {
        let detail =
            "ただいま混み合っています。しばらくお待ちいただいてから、もう一度お試しください。";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Code::Busy, detail).retry_after(RETRY_AFTER_S)
    }

    /// 503: the database is out of reach.
    pub(in crate::web) fn unavailable() -> Self {
        let detail =
            "ただいまご利用いただけません。しばらくお待ちいただいてから、もう一度お試しください。";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable, detail)
            .retry_after(RETRY_AFTER_S)
    }

    /// 503: the database went out of reach in the middle of a change, which may be done.
    pub(in crate::web) fn outcome_unknown() -> Self {
        let detail = "変更の途中でご利用いただけなくなりました。変更は、完了している場合があります。\
                      しばらくお待ちいただいてからログインして、変更されたかどうかをご確認ください。";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable, detail);
        Self { is_outcome_unknown: true, ..problem.retry_after(RETRY_AFTER_S) }
    }

    /// 404: no such path.
    pub(in crate::web) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, Code::NotFound, "お探しのページが見つかりません。")
    }

    /// 405: no such method on this path.
    pub(in crate::web) fn method_not_allowed() -> Self {
        let detail = "この操作はできません。";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, Code::MethodNotAllowed, detail)
    }

    /// 500: a fault of the service.
    pub(in crate::web) fn internal() -> Self {
        let detail = "エラーが発生しました。しばらくお待ちいただいてから、もう一度お試しください。";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, Code::Internal, detail)
    }
}

/// The text of every refusal of a login (`W2`): the rules, and what to do.
pub(super) fn login_refusal(set_up_number: PhoneNumber) -> String {
    format!(
        "電話番号とパスワードを確認できませんでした。\
         仮パスワードは、設定後{}時間以上経過するか、{}回連続で間違えると無効になります。\
         パスワードは、{}回連続で間違えると無効になります。\
         無効になったときやお忘れのときは、契約回線から仮パスワード設定番号{}（有料）に電話をかけて、\
         仮パスワードの設定からやり直してください。\
         ガイダンスが流れたら、認証単位の番号（{}）を押してください。\
         すでに認証単位をお選びの場合は、同じ認証単位を選んでください。{OTHER_UNIT}",
        rules::TEMPORARY_PASSWORD_LIFETIME.as_secs() / 3600,
        rules::MAX_TEMPORARY_PASSWORD_FAILURES,
        rules::MAX_PASSWORD_FAILURES,
        set_up_number.hyphenated(),
        keys(),
    )
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let kind =
            [(header::CONTENT_TYPE, "application/problem+json"), (header::CONTENT_LANGUAGE, "ja")];
        let retry_after = self.retry_after_s.map(|s| [(header::RETRY_AFTER, HeaderValue::from(s))]);
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
        let challenge = (status == StatusCode::UNAUTHORIZED).then_some(challenge);
        let refusal = self.refusal.map(Extension);
        (status, kind, retry_after, challenge, refusal, Json(self)).into_response()
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Db(error) => error.into(),
            error @ AuthError::OutcomeUnknown(_) => {
                tracing::warn!(%error, "the outcome of a change is unknown");
                Self::outcome_unknown()
            }
            AuthError::Hash(HashError::Busy) => Self::busy(),
            AuthError::Hash(error @ HashError::Failed(_)) => {
                tracing::error!(%error, "could not verify a password");
                Self::internal()
            }
        }
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        let may_have_counted = match error {
            DbError::NotCommitted(_) => {
                tracing::warn!(%error, "a request failed, and nothing was committed");
                false
            }
            DbError::OutcomeUnknown(_) => {
                tracing::warn!(%error, "a request failed, and its commit may stand");
                true
            }
        };
        Self { may_have_counted, ..Self::unavailable() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w2_w12_the_refusal_names_the_rules_and_what_to_do() {
        let refusal = login_refusal(rules::SET_UP_NUMBER.parse().unwrap());
        for part in [
            "24時間",
            "3回",
            "10回",
            "06-6480-6430",
            "回線単位は「1」、電話番号単位は「2」、管理者/ユーザ単位は「3」",
            "同じ認証単位を選んでください",
            "認証単位が変更され",
        ] {
            assert!(refusal.contains(part), "{part} is missing: {refusal}");
        }
    }
}
