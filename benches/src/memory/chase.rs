//! Random-read latency: dependent loads along one cycle through all cache lines of a buffer.

use crate::memory::buffer::{Buffer, BufferError, PageSize};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Length of a cache line on x86-64. Each line holds one slot of the cycle.
pub const LINE_LEN: usize = 64;

/// A single random cycle through all cache lines of a buffer.
#[derive(Debug)]
pub struct Chase {
    buffer: Buffer,
    position: usize,
}

impl Chase {
    /// Makes the cycle with Sattolo's algorithm, so that every cyclic order is equally likely.
    ///
    /// # Errors
    /// If the buffer cannot be allocated.
    ///
    /// # Panics
    /// If `len_bytes` is less than two cache lines.
    pub fn new(len_bytes: usize, page_size: PageSize, seed: u64) -> Result<Self, BufferError> {
        let lines = len_bytes / LINE_LEN;
        assert!(lines >= 2, "a chase needs at least two cache lines, not {len_bytes} bytes");
        let mut buffer = Buffer::new(lines * LINE_LEN, page_size)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for line in 0..lines {
            set_next(&mut buffer, line, line);
        }
        for line in (1..lines).rev() {
            let other = rng.random_range(0..line);
            let (a, b) = (next(&buffer, line), next(&buffer, other));
            set_next(&mut buffer, line, b);
            set_next(&mut buffer, other, a);
        }
        Ok(Self { buffer, position: 0 })
    }

    /// Performs `loads` loads, each from the line that the previous one returned. Returns the line
    /// that it reaches; the next walk continues there.
    pub fn walk(&mut self, loads: u64) -> usize {
        let mut position = self.position;
        let start = self.buffer.as_ptr();
        for _ in 0..loads {
            // SAFETY: every slot holds the number of a line of this buffer, since `new` writes no
            // other and nothing else writes. The load is in bounds and aligned to the line.
            position = unsafe { start.add(position * LINE_LEN).cast::<usize>().read() };
        }
        self.position = position;
        position
    }

    /// Checks that the cycle still visits every line once.
    ///
    /// # Errors
    /// If it does not. The message says where the cycle breaks.
    pub fn verify(&self) -> Result<(), String> {
        let lines = self.buffer.len() / LINE_LEN;
        let mut line = 0;
        for step in 1..=lines {
            line = next(&self.buffer, line);
            if line >= lines {
                return Err(format!(
                    "the slot after {step} steps points to line {line} of {lines}"
                ));
            }
            if line == 0 && step < lines {
                return Err(format!("the cycle closes after {step} of {lines} lines"));
            }
        }
        if line == 0 {
            Ok(())
        } else {
            Err(format!("the cycle does not close after {lines} lines"))
        }
    }
}

fn next(buffer: &Buffer, line: usize) -> usize {
    let mut slot = [0; size_of::<usize>()];
    slot.copy_from_slice(&buffer[line * LINE_LEN..][..size_of::<usize>()]);
    usize::from_ne_bytes(slot)
}

fn set_next(buffer: &mut Buffer, line: usize, next: usize) {
    buffer[line * LINE_LEN..][..size_of::<usize>()].copy_from_slice(&next.to_ne_bytes());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn chase_is_one_cycle_through_every_line() {
        for lines in [2, 3, 64, 1000] {
            let mut chase = Chase::new(lines * LINE_LEN, PageSize::Base, 7).unwrap();
            chase.verify().unwrap();
            assert_ne!(chase.walk(1), 0);
            assert_eq!(chase.walk(lines as u64 - 1), 0);
        }
    }

    #[test]
    fn seed_determines_the_cycle() {
        let path = |seed| {
            let mut chase = Chase::new(4096, PageSize::Base, seed).unwrap();
            (0..8).map(|_| chase.walk(1)).collect::<Vec<_>>()
        };
        assert_eq!(path(1), path(1));
        assert_ne!(path(1), path(2));
    }

    #[test]
    fn verify_finds_a_broken_cycle() {
        let mut chase = Chase::new(4096, PageSize::Base, 7).unwrap();
        set_next(&mut chase.buffer, 5, 5);
        assert!(chase.verify().is_err());
        set_next(&mut chase.buffer, 5, 99);
        assert!(chase.verify().is_err());
    }
}
