//! Contracts and their numbers (`D2`).

use tokio_postgres::Row;

use super::transaction::Transaction;
use super::{Fault, Store, StoreError};
use crate::contract::{Contract, ContractNumber};
use crate::number::Number;

/// The contract's own number comes first.
const CONTRACT_OF: &str = "
    SELECT c.number, c.unit, c.suspended, n.number, n.service
    FROM contract_number AS known
    JOIN contract AS c ON c.number = known.contract
    JOIN contract_number AS n ON n.contract = c.number
    WHERE known.number = $1
    ORDER BY n.number <> c.number, n.number";

impl Store {
    /// The contract that `number` belongs to, as contract number or additional number; `None` if no
    /// contract has it.
    ///
    /// # Errors
    /// [`StoreError::NotSent`] if the store is out of reach.
    pub async fn contract_of(&self, number: Number) -> Result<Option<Contract>, StoreError> {
        contract(&self.read(CONTRACT_OF, &[&number.as_str()]).await?)
    }
}

impl Transaction {
    /// Locks the contract with this contract number against every other change of it, then reads it.
    pub(super) async fn lock_contract(
        &mut self,
        contract_number: Number,
    ) -> Result<Option<Contract>, StoreError> {
        let lock = "SELECT FROM contract WHERE number = $1 FOR NO KEY UPDATE";
        if self.query_opt(lock, &[&contract_number.as_str()]).await?.is_none() {
            return Ok(None);
        }
        contract(&self.query(CONTRACT_OF, &[&contract_number.as_str()]).await?)
    }
}

/// Puts the rows of [`CONTRACT_OF`] together, or of another query whose first columns are the same.
pub(super) fn contract(rows: &[Row]) -> Result<Option<Contract>, StoreError> {
    let Some(first) = rows.first() else { return Ok(None) };
    let unit: Option<&str> = column(first, 1, "contract.unit")?;
    let unit = unit.map(str::parse).transpose().map_err(|_| broken("contract.unit"))?;
    Ok(Some(Contract {
        number: number(first, 0)?,
        numbers: rows
            .iter()
            .map(|row| {
                let service = column(row, 4, "contract_number.service")?;
                Ok(ContractNumber { number: number(row, 3)?, service })
            })
            .collect::<Result<_, StoreError>>()?,
        unit,
        suspended: column(first, 2, "contract.suspended")?,
    }))
}

/// A telephone number in a column.
pub(super) fn number(row: &Row, index: usize) -> Result<Number, StoreError> {
    let text: &str = column(row, index, "a telephone number")?;
    text.parse().map_err(|_| broken("a telephone number"))
}

/// Any other column.
pub(super) fn column<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a Row,
    index: usize,
    name: &'static str,
) -> Result<T, StoreError> {
    row.try_get(index).map_err(|_| broken(name))
}

fn broken(name: &'static str) -> StoreError {
    StoreError::NotSent(Fault::Row(name))
}
