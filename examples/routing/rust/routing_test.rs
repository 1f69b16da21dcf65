//! Holds routing.rs to the vectors in the file that is named. Prints how many there were.

#[path = "routing.rs"]
mod routing;

use routing::{bucket_of_session, bucket_of_token, bucket_of_user, pool_of, range_of};
use std::io::Write;
use std::process::{Command, Stdio};

fn bytes_of<const SIZE: usize>(hex: &str) -> [u8; SIZE] {
    let digits = hex.replace('-', "");
    let mut bytes = [0; SIZE];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * place..2 * place + 2], 16).unwrap();
    }
    bytes
}

/// The standard library has none.
fn sha256(data: &[u8; 16]) -> [u8; 32] {
    let mut program = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sha256sum");
    program.stdin.take().unwrap().write_all(data).unwrap();
    bytes_of(&String::from_utf8(program.wait_with_output().unwrap().stdout).unwrap())
}

fn main() {
    let pools: [char; 16] = "aaaabbbbcccccccd"
        .chars()
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    let file = std::fs::read_to_string(std::env::args().nth(1).unwrap()).unwrap();
    let mut count = 0;
    for line in file.lines().filter(|line| !line.starts_with('#')) {
        count += 1;
        let fields: Vec<&str> = line.split('\t').collect();
        let (kind, value, session_id) = (fields[0], fields[1], fields[2]);
        let found = match kind {
            "user" => Some(bucket_of_user(&bytes_of(value), sha256)),
            "session" => Some(bucket_of_session(&bytes_of(value))),
            _ => bucket_of_token(value),
        };
        let what = format!("{kind} {value}: {found:?}");
        assert_eq!(found.is_none(), kind == "imported", "{what}");
        assert!(found.unwrap_or(0) < 4096, "{what}");
        if kind == "imported" || kind == "malformed" {
            continue;
        }
        let bucket = found.unwrap();
        let range: usize = fields[4].parse().unwrap();
        assert_eq!(bucket, fields[3].parse().unwrap(), "{what}");
        assert_eq!(range_of(bucket), range, "{what}");
        assert!(
            session_id.is_empty() || bucket_of_session(&bytes_of(session_id)) == bucket,
            "{what}"
        );
        assert_eq!(pool_of(found, &pools), &pools[range], "{what}");
    }
    assert_eq!(pool_of(None, &pools), &'a');
    println!("{count} vectors");
}
