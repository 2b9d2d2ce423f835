//! The input of a hash, for whichever implementation computes it.

/// What a hash is made of.
#[derive(Clone, Copy)]
pub struct HashInput<'a> {
    /// The password as it was entered; it may be empty.
    pub password: &'a [u8],
    /// The salt, 8 bytes or more.
    pub salt: &'a [u8],
    /// The secret key that is stored elsewhere than the hash; empty for none.
    pub secret: &'a [u8],
}
