//! The input of a hash, for whichever implementation computes it.

/// What a hash is made of.
#[derive(Clone, Copy)]
pub struct HashInput<'a> {
    /// The password.
    pub password: &'a [u8],
    /// The salt, 8 bytes or more.
    pub salt: &'a [u8],
    /// The secret key, empty for none.
    pub secret: &'a [u8],
}
