//! The memory suite: the tinymembench workloads of "Performance Evaluation of AMD Secure Encrypted
//! Virtualization" (Castellotti, TU Munich), as Rust functions. Bytes are counted as in
//! tinymembench: a copy of n bytes processes n bytes.

use sevbench::{BatchSize, Bench, Bencher, ByteSize, Skip, Throughput};
use sevbench_suite::memory::buffer::{BASE_PAGE_LEN, Buffer, BufferError, FreshMapping, PageSize};
use sevbench_suite::memory::chase::Chase;
use sevbench_suite::memory::copy::{self, CopyKernel};
use sevbench_suite::memory::fill::{self, FillKernel};

/// One size that fits in L2, and Castellotti's size, which is far larger.
const SIZES: [ByteSize; 2] = [ByteSize::kib(256), ByteSize::mib(32)];
/// The other sizes from L1 to memory.
const SWEEP: [ByteSize; 7] = [
    ByteSize::kib(16),
    ByteSize::kib(64),
    ByteSize::mib(1),
    ByteSize::mib(4),
    ByteSize::mib(16),
    ByteSize::mib(64),
    ByteSize::mib(256),
];
/// For random reads: one size that fits in L2, and one larger than L3.
const READ_SIZES: [ByteSize; 2] = [ByteSize::kib(256), ByteSize::mib(64)];
const READ_SWEEP: [ByteSize; 5] =
    [ByteSize::kib(16), ByteSize::mib(1), ByteSize::mib(4), ByteSize::mib(16), ByteSize::mib(256)];
/// A huge page is 2 MiB, so smaller sizes are left out.
const HUGE_READ_SIZES: [ByteSize; 1] = [ByteSize::mib(64)];
const HUGE_READ_SWEEP: [ByteSize; 3] = [ByteSize::mib(4), ByteSize::mib(16), ByteSize::mib(256)];
const TOUCH_SIZES: [ByteSize; 1] = [ByteSize::mib(32)];
const TOUCH_SWEEP: [ByteSize; 2] = [ByteSize::mib(4), ByteSize::mib(256)];

const COPIES: [CopyKernel; 7] = [
    copy::LIBC,
    copy::SSE2,
    copy::AVX2,
    copy::AVX512,
    copy::SSE2_NT,
    copy::AVX2_NT,
    copy::REP_MOVSB,
];
const FILLS: [FillKernel; 7] = [
    fill::LIBC,
    fill::SSE2,
    fill::AVX2,
    fill::AVX512,
    fill::SSE2_NT,
    fill::AVX2_NT,
    fill::REP_STOSB,
];

/// Dependent loads in one iteration of a random read.
const LOADS: u64 = 10_000;
/// The seed of the cycle, which is the same in every arm and boot.
const CHASE_SEED: u64 = 1;

fn copy_with(kernel: &CopyKernel, b: &mut Bencher<'_>, size: ByteSize) -> Result<(), Skip> {
    if !(kernel.is_available)() {
        return Err(without(kernel.requires));
    }
    let len = size.bytes() as usize;
    let mut src = Buffer::new(len, PageSize::Base).map_err(no_buffer)?;
    let mut dst = Buffer::new(len, PageSize::Base).map_err(no_buffer)?;
    // The period of this pattern divides neither a page nor a vector, so a misplaced block shows.
    let pattern: [u8; 251] = std::array::from_fn(|value| value as u8);
    src.chunks_mut(pattern.len()).for_each(|chunk| chunk.copy_from_slice(&pattern[..chunk.len()]));
    let verify = |dst: &[u8], src: &[u8]| {
        if dst != src {
            let offset = dst.iter().zip(src).position(|(a, b)| a != b);
            panic!("{} copied a wrong byte at offset {}", kernel.name, offset.unwrap_or(0));
        }
    };
    kernel.run(&mut dst, &src);
    verify(&dst, &src);
    b.throughput(Throughput::Bytes(size.bytes()));
    b.iter(|| kernel.run(&mut dst, &src));
    verify(&dst, &src);
    Ok(())
}

fn fill_with(kernel: &FillKernel, b: &mut Bencher<'_>, size: ByteSize) -> Result<(), Skip> {
    if !(kernel.is_available)() {
        return Err(without(kernel.requires));
    }
    let mut dst = Buffer::new(size.bytes() as usize, PageSize::Base).map_err(no_buffer)?;
    let verify = |dst: &[u8], value: u8| {
        // Without an early exit within a page, the check is about as fast as the bench.
        let differs = |page: &[u8]| page.iter().fold(0, |bits, byte| bits | (byte ^ value)) != 0;
        if let Some(page) = dst.chunks(BASE_PAGE_LEN).position(differs) {
            let within = dst[page * BASE_PAGE_LEN..].iter().position(|byte| *byte != value);
            let offset = page * BASE_PAGE_LEN + within.unwrap_or(0);
            panic!("{} filled a wrong byte at offset {offset}", kernel.name);
        }
    };
    kernel.run(&mut dst, 1);
    verify(&dst, 1);
    b.throughput(Throughput::Bytes(size.bytes()));
    b.iter(|| kernel.run(&mut dst, 2));
    verify(&dst, 2);
    Ok(())
}

fn random_read(page_size: PageSize, b: &mut Bencher<'_>, size: ByteSize) -> Result<(), Skip> {
    let mut chase = Chase::new(size.bytes() as usize, page_size, CHASE_SEED).map_err(no_buffer)?;
    b.operations(LOADS);
    b.iter(|| chase.walk(LOADS));
    if let Err(error) = chase.verify() {
        panic!("{error}");
    }
    Ok(())
}

fn first_touch(page_size: PageSize, b: &mut Bencher<'_>, size: ByteSize) -> Result<(), Skip> {
    let len = size.bytes() as usize;
    // Untimed: checks that the kernel provides such pages, and that touching writes them all.
    let mut mapping = FreshMapping::new(len, page_size).map_err(no_buffer)?;
    let _buffer = Buffer::new(len, page_size).map_err(no_buffer)?;
    mapping.touch();
    assert!(mapping.is_touched(), "touching a mapping left a page unwritten");
    drop(mapping);
    b.throughput(Throughput::Bytes(size.bytes()));
    b.iter_batched(
        || FreshMapping::new(len, page_size),
        |mapping| {
            let mut mapping = mapping.unwrap_or_else(|error| panic!("{error}"));
            mapping.touch();
            mapping
        },
        BatchSize::PerIteration,
    );
    Ok(())
}

fn without(cpu_feature: &str) -> Skip {
    Skip::new(
        format!("the guest's CPU has no {cpu_feature}"),
        "select other benches, or use a CPU that has it; for a guest that sevbench boots, set \
         cpu_model under [machine] in sevbench.toml",
    )
}

fn no_buffer(error: BufferError) -> Skip {
    Skip::new(&error, error.hint())
}

/// One bench over the sizes of every run, and one over those of a sweep.
fn with_sweep<const N: usize, const M: usize>(
    name: &str,
    sizes: [ByteSize; N],
    sweep: [ByteSize; M],
    body: impl Fn(&mut Bencher<'_>, ByteSize) -> Result<(), Skip> + Copy + Send + Sync + 'static,
) -> [Bench; 2] {
    [Bench::over(name, sizes, body), Bench::over(name, sweep, body).sweep()]
}

fn benches() -> Vec<Bench> {
    let copies = COPIES.iter().flat_map(|kernel| {
        with_sweep(kernel.name, SIZES, SWEEP, move |b, size| copy_with(kernel, b, size))
    });
    let fills = FILLS.iter().flat_map(|kernel| {
        with_sweep(kernel.name, SIZES, SWEEP, move |b, size| fill_with(kernel, b, size))
    });
    let reads_and_touches = [
        with_sweep("random-read-4k", READ_SIZES, READ_SWEEP, |b, size| {
            random_read(PageSize::Base, b, size)
        }),
        with_sweep("random-read-huge", HUGE_READ_SIZES, HUGE_READ_SWEEP, |b, size| {
            random_read(PageSize::Huge, b, size)
        }),
        with_sweep("first-touch-4k", TOUCH_SIZES, TOUCH_SWEEP, |b, size| {
            first_touch(PageSize::Base, b, size)
        }),
        with_sweep("first-touch-huge", TOUCH_SIZES, TOUCH_SWEEP, |b, size| {
            first_touch(PageSize::Huge, b, size)
        }),
    ];
    copies.chain(fills).chain(reads_and_touches.into_iter().flatten()).collect()
}

sevbench::main!(memory, benches());
