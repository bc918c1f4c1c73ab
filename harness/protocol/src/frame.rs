//! Frames: a four-byte little-endian length, then that many bytes of postcard. Both writing and
//! reading enforce a maximum length.

use crate::excess::Excess;
use serde::{Serialize, de::DeserializeOwned};
use sevbench_text::counted;
use std::io::{self, Read, Write};
use thiserror::Error;

/// The longest body of a frame, in bytes. A distribution with three digits from 1 ns to one hour
/// takes less than 1 MiB.
pub(crate) const FRAME_LEN_MAX: usize = 16 << 20;

/// Why a frame could not be read or written.
#[derive(Debug, Error)]
pub enum FrameError {
    /// The stream ended or broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The length exceeds 16 MiB.
    #[error("a frame of {len} bytes exceeds the limit of {FRAME_LEN_MAX}")]
    Oversized {
        /// The length of the frame's body, or what the frame claims it to be.
        len: usize,
    },
    /// The body is not a message of the expected type.
    #[error("cannot decode a frame: {0}")]
    Garbage(#[from] postcard::Error),
    /// Something in the message exceeds its limit.
    #[error(transparent)]
    Excess(#[from] Excess),
    /// A reply to another request.
    #[error("it answers request {found}, not request {expected}")]
    OutOfStep {
        /// The number of the request that it answers.
        found: u64,
        /// The number of the request that waits for an answer.
        expected: u64,
    },
    /// The body is longer than its message.
    #[error("a frame has {} after its message", counted(*len as u64, "byte"))]
    Trailing {
        /// Number of bytes after the message.
        len: usize,
    },
}

/// Writes one message and flushes.
///
/// # Errors
/// If the message is too long or the stream breaks.
pub(crate) fn write_frame<T: Serialize>(
    out: &mut impl Write,
    message: &T,
) -> Result<(), FrameError> {
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
///
/// # Errors
/// If the stream ends or breaks, the frame is too long, or it is not exactly one message.
pub(crate) fn read_frame<T: DeserializeOwned>(input: &mut impl Read) -> Result<T, FrameError> {
    let mut head = [0; 4];
    input.read_exact(&mut head)?;
    let len = u32::from_le_bytes(head) as usize;
    if len > FRAME_LEN_MAX {
        return Err(FrameError::Oversized { len });
    }
    let mut body = Vec::new();
    // The buffer grows with what arrives. A claimed length alone allocates nothing.
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
