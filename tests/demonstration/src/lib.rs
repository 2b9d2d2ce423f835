//! The whole system with demonstration contracts, and a telephone in the browser: `make run` and
//! `make call`.

pub mod call;
pub mod numbers;
pub mod phone;
pub mod run;
