//! Which shard has a user, a session or a token of session_service. Asks no server. Ids are the 16 bytes of a UUID, as
//! `Uuid::as_bytes` gives them.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The first 12 bits of SHA-256 over the id. The hash is that of the crate you have: `|id| Sha256::digest(id).into()`.
pub fn bucket_of_user(user_id: &[u8; 16], sha256: impl Fn(&[u8; 16]) -> [u8; 32]) -> u16 {
    let digest = sha256(user_id);
    u16::from(digest[0]) << 4 | u16::from(digest[1]) >> 4
}

/// The 12 bits behind the version of the UUID.
pub fn bucket_of_session(session_id: &[u8; 16]) -> u16 {
    u16::from(session_id[6] & 0xf) << 8 | u16::from(session_id[7])
}

/// The same 12 bits: two characters of the token. None for what may be another system's token.
pub fn bucket_of_token(token: &str) -> Option<u16> {
    if !token.starts_with("sst_") && !token.starts_with("ssr_") {
        return None;
    }
    let digit = |place: usize| {
        ALPHABET
            .iter()
            .position(|&byte| token.as_bytes().get(place) == Some(&byte))
    };
    match (digit(14), digit(15)) {
        (Some(high), Some(low)) => Some((high * 64 + low) as u16),
        _ => Some(0),
    }
}

/// 0 to 15: the ranges are what is given to shards, and what moves between them.
pub fn range_of(bucket: u16) -> usize {
    usize::from(bucket >> 8)
}

/// Of sixteen pools, one for each range, with the same pool at several places; that of range 0 without a bucket.
pub fn pool_of<Pool>(bucket: Option<u16>, pools: &[Pool; 16]) -> &Pool {
    &pools[range_of(bucket.unwrap_or(0))]
}
