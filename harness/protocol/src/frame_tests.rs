//! Tests of the codec: two frames, a truncated one, an oversized one, garbage.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use crate::link::{BenchAnswer, BenchRequest, Measure};
use proptest::prelude::*;

fn requests() -> [BenchRequest; 2] {
    [
        BenchRequest::Observe { duration_ns: 30_000_000_000 },
        BenchRequest::Measure(Measure { lead_in: 2, iterations: 7, samples: 3 }),
    ]
}

fn encoded() -> Vec<u8> {
    let mut bytes = Vec::new();
    requests().iter().for_each(|request| write_frame(&mut bytes, request).unwrap());
    bytes
}

#[test]
fn two_frames_round_trip() {
    let bytes = encoded();
    let mut input = bytes.as_slice();
    let back = [read_frame(&mut input).unwrap(), read_frame(&mut input).unwrap()];
    assert_eq!((back, input.len()), (requests(), 0));
}

#[test]
fn frame_truncated_anywhere_is_an_unexpected_end_of_file() {
    let mut bytes = Vec::new();
    write_frame(&mut bytes, &requests()[0]).unwrap();
    for len in 0..bytes.len() {
        let error = read_frame::<BenchRequest>(&mut &bytes[..len]).unwrap_err();
        assert!(
            matches!(error, FrameError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof)
        );
    }
}

#[test]
fn oversized_frame_is_rejected_before_its_body_is_read() {
    let oversized = u32::try_from(FRAME_LEN_MAX + 1).unwrap().to_le_bytes();
    let error = read_frame::<BenchRequest>(&mut oversized.as_slice()).unwrap_err();
    assert!(matches!(error, FrameError::Oversized { len } if len == FRAME_LEN_MAX + 1));
}

#[test]
fn bytes_after_a_message_are_rejected() {
    let error = read_frame::<BenchAnswer>(&mut [2, 0, 0, 0, 4, 9].as_slice()).unwrap_err();
    assert!(matches!(error, FrameError::Trailing { len: 1 }), "{error}");
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let len = u32::try_from(bytes.len()).unwrap().to_le_bytes();
        let framed: Vec<u8> = len.into_iter().chain(bytes.iter().copied()).collect();
        let _ = read_frame::<BenchAnswer>(&mut framed.as_slice());
        let _ = read_frame::<BenchAnswer>(&mut bytes.as_slice());
    }
}
