//! Sets temporary passwords as the phone line does, with a hash that exists already.

use domain::audit::AuditSource;
use domain::auth_unit::AuthUnit;
use domain::change::ChangeRequest;
use domain::password::PhcString;
use domain::phone_number::PhoneNumber;
use domain::policy::temporary_password::{SetOutcome, TemporaryPasswordRequest, decide};
use karipass::db::{Db, DbError, IdempotencyKey};

/// A temporary password to set.
pub struct SetTemporaryPassword {
    pub key: IdempotencyKey,
    pub caller: PhoneNumber,
    pub contract_number: PhoneNumber,
    pub unit: AuthUnit,
    pub login_number: PhoneNumber,
    pub phc: PhcString,
}

pub trait SetTemporary {
    async fn set_temporary(&self, new: &SetTemporaryPassword) -> Result<SetOutcome, DbError>;
}

impl SetTemporary for Db {
    async fn set_temporary(&self, new: &SetTemporaryPassword) -> Result<SetOutcome, DbError> {
        let change = ChangeRequest {
            contract_number: new.contract_number,
            source: AuditSource::Phone(Some(new.caller)),
            unit: Some(new.unit),
            session: None,
            entries: Vec::new(),
        };
        let request = TemporaryPasswordRequest {
            caller: new.caller,
            unit: new.unit,
            login_number: new.login_number,
            hash: new.phc.clone(),
        };
        self.apply(new.key, &change, |snapshot| decide(snapshot, &request)).await
    }
}
