//! Frames: a length of four bytes, little-endian, then so many bytes of postcard. Bounded in both directions.

use serde::{Serialize, de::DeserializeOwned};
use std::io::{self, Read, Write};
use thiserror::Error;

/// The longest body of a frame. A distribution with three digits over 1 ns to an hour is under 1 MiB.
pub const FRAME_LEN_MAX: usize = 16 << 20;

/// A frame that could not be read or written.
#[derive(Debug, Error)]
pub enum FrameError {
    /// The stream ended or broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A length beyond the bound.
    #[error("a frame of {len} bytes is over the bound of {FRAME_LEN_MAX}")]
    Oversized {
        /// The length that the frame claims.
        len: usize,
    },
    /// A body that is no message.
    #[error("a frame does not decode: {0}")]
    Garbage(#[from] postcard::Error),
    /// A body that is longer than its message.
    #[error("a frame has {len} bytes after its message")]
    Trailing {
        /// The surplus.
        len: usize,
    },
}

/// Writes one message and flushes.
pub fn write_frame<T: Serialize>(out: &mut impl Write, message: &T) -> Result<(), FrameError> {
    let mut frame = postcard::to_extend(message, vec![0; 4])?;
    let len = frame.len() - 4;
    if len > FRAME_LEN_MAX {
        return Err(FrameError::Oversized { len });
    }
    frame[..4].copy_from_slice(&(len as u32).to_le_bytes());
    out.write_all(&frame)?;
    Ok(out.flush()?)
}

/// Reads one message.
pub fn read_frame<T: DeserializeOwned>(input: &mut impl Read) -> Result<T, FrameError> {
    let mut head = [0; 4];
    input.read_exact(&mut head)?;
    let len = u32::from_le_bytes(head) as usize;
    if len > FRAME_LEN_MAX {
        return Err(FrameError::Oversized { len });
    }
    let mut body = Vec::new();
    // Grows with what arrives: a claimed length alone reserves nothing.
    if input.take(len as u64).read_to_end(&mut body)? < len {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    match postcard::take_from_bytes(&body)? {
        (message, []) => Ok(message),
        (_, rest) => Err(FrameError::Trailing { len: rest.len() }),
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
