//! Key pairs for our own guests. Each is made for one guest or image, and pinned.

use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use russh::keys::ssh_key::{Error, LineEnding};
use russh::keys::{Algorithm, PrivateKey};

/// A key pair: the private key in OpenSSH's format, the public key as a line.
pub(crate) fn make_key_pair() -> Result<(String, String), Error> {
    let key = PrivateKey::random(&mut UnwrapErr(SysRng), Algorithm::Ed25519)?;
    Ok((key.to_openssh(LineEnding::LF)?.to_string(), key.public_key().to_openssh()?))
}
