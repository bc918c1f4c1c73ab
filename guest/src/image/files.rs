//! Reads the files of an image.

use super::error::ImageError;
use crate::regular_file::{open_regular, read_regular};
use crate::trusted_file::distrust;
use russh::keys::ssh_key::PublicKey;
use std::io::{self, Read};
use std::path::Path;

/// The longest key file that is read.
const KEY_LEN_MAX: u64 = 64 << 10;

/// Reads a key.
pub(super) fn read(path: &Path) -> Result<String, ImageError> {
    read_regular(path, KEY_LEN_MAX)
        .and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other))
        .map_err(failed(path))
}

pub(super) fn read_host_key(path: &Path) -> Result<PublicKey, ImageError> {
    PublicKey::from_openssh(read(path)?.trim())
        .map_err(|error| failed(path)(io::Error::other(error)))
}

pub(super) fn first_bytes(path: &Path, len: u64) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    open_regular(path)
        .and_then(|file| file.take(len).read_to_end(&mut bytes))
        .map_err(failed(path))?;
    Ok(bytes)
}

/// Refuses a file that others can change, since a guest runs what it holds.
pub(super) fn check_trust(path: &Path) -> Result<(), ImageError> {
    distrust(path).map_err(failed(path))?.map_or(Ok(()), |distrust| Err(distrust.into()))
}

fn failed(path: &Path) -> impl Fn(io::Error) -> ImageError {
    move |source| ImageError::File { path: path.into(), source }
}
