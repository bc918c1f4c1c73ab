//! Futures: a datagram over a pair of connected sockets, with Tokio.
//!
//! `cargo run --release -p sevbench --example async -- --bench --quick`

use sevbench::{AsyncExecutor, Bench, Bencher, Skip};
use tokio::net::UnixDatagram;
use tokio::runtime::{Builder, Runtime};

struct Tokio(Runtime);

impl AsyncExecutor for Tokio {
    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.0.block_on(future)
    }
}

fn datagram(b: &mut Bencher<'_>) -> Result<(), Skip> {
    let no_sockets = |error| Skip::new(error, "raise the limit of open files");
    let runtime = Builder::new_current_thread().enable_io().build().map_err(no_sockets)?;
    let (near, far) = {
        let _context = runtime.enter();
        UnixDatagram::pair().map_err(no_sockets)?
    };
    b.to_async(Tokio(runtime)).iter(async || {
        near.send(&[7; 64]).await.expect("the other end is open");
        let mut message = [0; 64];
        far.recv(&mut message).await.expect("one was sent");
        message
    });
    Ok(())
}

sevbench::main!(futures, [Bench::new("datagram", datagram)]);
