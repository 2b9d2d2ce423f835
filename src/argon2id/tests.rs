//! All implementations give the same hashes, those of RFC 9106.

use argon2::{AssociatedData, Block, Params, ParamsBuilder};
use proptest::prelude::*;

use super::{HashInput, Implementation};

/// The hash by one implementation, in memory that holds something else.
fn hash(by: Implementation, params: &Params, input: HashInput<'_>, length: usize) -> Vec<u8> {
    let mut memory = vec![Block::new(); params.block_count()];
    for block in &mut memory {
        block.as_mut().fill(0xa5a5_a5a5_a5a5_a5a5);
    }
    let mut tag = vec![0; length];
    by.hash(params, input, &mut memory, &mut tag).unwrap();
    tag
}

#[test]
fn the_vector_of_rfc_9106_comes_out_of_each() {
    let params = ParamsBuilder::new()
        .m_cost(32)
        .t_cost(3)
        .p_cost(4)
        .output_len(32)
        .data(AssociatedData::new(&[4; 12]).unwrap())
        .build()
        .unwrap();
    let input = HashInput { password: &[1; 32], salt: &[2; 16], secret: &[3; 8] };
    let expected = [
        0x0d, 0x64, 0x0d, 0xf5, 0x8d, 0x78, 0x76, 0x6c, 0x08, 0xc0, 0x37, 0xa3, 0x4a, 0x8b, 0x53,
        0xc9, 0xd0, 0x1e, 0xf0, 0x45, 0x2d, 0x75, 0xb6, 0x5e, 0xb5, 0x25, 0x20, 0xe9, 0x6b, 0x01,
        0xe6, 0x59,
    ];
    for by in [Implementation::Portable, Implementation::detect()] {
        assert_eq!(hash(by, &params, input, 32), expected, "{}", by.name());
    }
}

#[test]
fn lengths_out_of_bounds_are_refused_by_each() {
    let params = Params::new(64, 1, 1, Some(32)).unwrap();
    let good = HashInput { password: b"27182818", salt: &[0; 16], secret: &[] };
    let short_salt = HashInput { salt: &[0; 7], ..good };
    let bad = [(short_salt, 64, 32), (good, 63, 32), (good, 64, 31), (good, 64, 33)];
    for by in [Implementation::Portable, Implementation::detect()] {
        for (input, blocks, length) in bad {
            let (mut memory, mut tag) = (vec![Block::new(); blocks], vec![0; length]);
            let hashed = by.hash(&params, input, &mut memory, &mut tag);
            assert!(hashed.is_err(), "{}: {blocks} {length}", by.name());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn the_fastest_gives_the_hash_that_the_portable_one_gives(
        memory in 0_u32..600,
        passes in 1_u32..4,
        lanes in 1_u32..5,
        length in 4_usize..200,
        password in prop::collection::vec(any::<u8>(), 0..40),
        salt in prop::collection::vec(any::<u8>(), 8..40),
        secret in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let params = Params::new(8 * lanes + memory, passes, lanes, Some(length)).unwrap();
        let input = HashInput { password: &password, salt: &salt, secret: &secret };
        let [portable, fastest] = [Implementation::Portable, Implementation::detect()]
            .map(|by| hash(by, &params, input, length));
        prop_assert_eq!(portable, fastest);
    }
}
