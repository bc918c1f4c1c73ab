//! A rate over several sizes: the bytes that SHA-256 hashes per second.
//!
//! `cargo run --release -p sevbench --example hash -- --bench --quick`

use sevbench::{Bench, Bencher, ByteSize, Throughput, black_box};
use sha2::{Digest, Sha256};

const SIZES: [ByteSize; 3] = [ByteSize::kib(4), ByteSize::kib(256), ByteSize::mib(16)];

fn sha256(b: &mut Bencher<'_>, size: ByteSize) {
    let message = vec![7_u8; size.bytes() as usize];
    b.throughput(Throughput::Bytes(size.bytes()));
    b.iter(|| Sha256::digest(black_box(&message)));
}

sevbench::main!(hash, [Bench::over("sha256", SIZES, sha256)]);
