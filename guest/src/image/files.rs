//! Reads the files of an image.

use super::error::ImageError;
use russh::keys::ssh_key::PublicKey;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

pub(super) fn read(path: &Path) -> Result<String, ImageError> {
    std::fs::read_to_string(path).map_err(|source| ImageError::File { path: path.into(), source })
}

pub(super) fn read_host_key(path: &Path) -> Result<PublicKey, ImageError> {
    PublicKey::from_openssh(read(path)?.trim())
        .map_err(|error| ImageError::File { path: path.into(), source: io::Error::other(error) })
}

pub(super) fn first_bytes(path: &Path, len: u64) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(len).read_to_end(&mut bytes))
        .map_err(|source| ImageError::File { path: path.into(), source })?;
    Ok(bytes)
}
