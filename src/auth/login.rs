//! The login. Every attempt reads one row, compares exactly one hash (the dummy hash if there is
//! nothing to compare) and commits exactly one statement. The whole contract is read for a matching
//! secret only. Beyond the capacity of the hasher, an attempt does none of this.

use std::net::IpAddr;

use jiff::Timestamp;

use super::{Audience, AuthError, AuthService, FormId, SessionToken, draw_key};
use crate::db::login::{Acceptance, FailureVerdict, LoginAudit};
use crate::hashing::Salt;
use domain::access::Access;
use domain::audit::LoginOutcome;
use domain::credential::Credential;
use domain::password::{SubmittedPassword, Verification};
use domain::phone_number::PhoneNumber;
use domain::policy::login::{Comparison, comparison};

#[derive(Debug)]
pub struct LoginAttempt {
    pub login_number: PhoneNumber,
    /// Exactly as submitted (`W3`).
    pub password: SubmittedPassword,
    pub address: IpAddr,
    /// The client that the session is for.
    pub audience: Audience,
    /// The form that was sent; none over the API.
    pub form: Option<FormId>,
    /// Whether it may void a credential. If not, an attempt that could is not compared.
    pub may_void: bool,
}

#[derive(Debug)]
pub enum LoginVerdict {
    /// A session began under this token.
    Accepted(SessionToken, Box<Access>),
    /// Refused (`W2`). The audit alone says why; the client gets the same answer for every reason.
    Refused(LoginRefusal),
    /// Nothing was counted: it would void a credential, which the rate limit forbids.
    WouldVoid,
}

/// Why a login was refused, as far as the rate limit must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginRefusal {
    /// The password is wrong, or cannot be verified.
    Wrong {
        /// The credential became void by it (`C2`).
        voided: bool,
    },
    /// The number has no live credential, or does not log in.
    NothingToCompare,
}

impl AuthService {
    /// Verifies an attempt and begins its session.
    ///
    /// # Errors
    /// [`AuthError`] if there is no verdict.
    pub async fn log_in(&self, attempt: LoginAttempt) -> Result<LoginVerdict, AuthError> {
        let LoginAttempt { login_number, password, address, audience, form, may_void } = attempt;
        self.hasher.admit_login(address)?;
        let candidate = self.db.login_candidate(login_number).await?;
        let contract_number = candidate.as_ref().map(|candidate| candidate.contract.number);
        let audit = LoginAudit { key: draw_key(), login_number, contract_number, address };
        let (credential, now) = match comparison(login_number, candidate) {
            Comparison::Credential { credential, now } => (credential, now),
            Comparison::Dummy { outcome, expired } => {
                self.compare(login_number, password, None, None, address).await?;
                self.db.refuse_login(&audit, outcome, expired.as_ref()).await?;
                return Ok(LoginVerdict::Refused(LoginRefusal::NothingToCompare));
            }
        };
        if credential.voids_on_next_failure() && !may_void {
            tracing::info!(
                event = "rate_limited",
                login = ?login_number,
                %address,
                "a login was not compared: its address has voided too many credentials"
            );
            return Ok(LoginVerdict::WouldVoid);
        }
        let entry = form.map(|form| form.entry_key(credential.id, &password));
        let stored = credential.password_hash.clone();
        let salt = Some(Salt::draw(&mut rand::rng()));
        let rehashed = match self.compare(login_number, password, stored, salt, address).await? {
            Verification::Match(renewed) => renewed,
            Verification::Mismatch => {
                return Ok(
                    match self.db.count_failure(&audit, &credential, may_void, entry).await? {
                        FailureVerdict::Counted
                        | FailureVerdict::Void
                        | FailureVerdict::Repeated => {
                            LoginVerdict::Refused(LoginRefusal::Wrong { voided: false })
                        }
                        FailureVerdict::Voided => {
                            LoginVerdict::Refused(LoginRefusal::Wrong { voided: true })
                        }
                        FailureVerdict::WouldVoid => LoginVerdict::WouldVoid,
                    },
                );
            }
            Verification::Unverifiable(_) => {
                self.db.refuse_login(&audit, LoginOutcome::Unverifiable, None).await?;
                return Ok(LoginVerdict::Refused(LoginRefusal::Wrong { voided: false }));
            }
        };
        let Some(access) = self.access(login_number, &credential, now).await? else {
            self.db.refuse_login(&audit, LoginOutcome::ContractChanged, None).await?;
            return Ok(LoginVerdict::Refused(LoginRefusal::NothingToCompare));
        };
        let token = SessionToken::draw(&mut rand::rng());
        let (digest, version) = (token.digest(audience), access.contract_version);
        let rehashed = rehashed.as_ref();
        match self.db.accept_login(&audit, &credential, rehashed, digest, version, entry).await? {
            Acceptance::Begun(now) => {
                Ok(LoginVerdict::Accepted(token, Box::new(access.starting(now, self.idle))))
            }
            Acceptance::Void | Acceptance::Suspended => {
                Ok(LoginVerdict::Refused(LoginRefusal::NothingToCompare))
            }
        }
    }

    /// What the login may do, from the whole contract. `None` if the contract has changed since its
    /// number was looked up, so that it no longer logs in.
    async fn access(
        &self,
        login_number: PhoneNumber,
        credential: &Credential,
        now: Timestamp,
    ) -> Result<Option<Access>, AuthError> {
        let Credential { kind, set_at, .. } = *credential;
        let contract = self.db.contract_of(login_number).await?;
        Ok(contract.and_then(|contract| Access::new(&contract, login_number, kind, set_at, now)))
    }
}
